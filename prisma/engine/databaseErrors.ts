import { DriverAdapterError, type Error as MappedError } from "@prisma/driver-adapter-utils";
import type { Target } from "./connection.ts";

type PostgresError = Error & {
  code?: string;
  severity?: string;
  detail?: string;
  hint?: string;
  column?: string;
  position?: string;
};

/** What went wrong while connecting, as Prisma numbers it. */
export interface UserFacingError {
  code: string;
  message: string;
}

/** Which code a script's failure has for the engine: those that it knows it rewords, and so loses what Postgres said. */
const UNKNOWN_TO_ENGINE = "XX000";

/** An error of pg in the engine's own terms; `script` adds the place at which Postgres stopped. */
export function toAdapterError(error: unknown, target: Target, script?: string): DriverAdapterError {
  return new DriverAdapterError(mapError(asPostgresError(error), target, script));
}

function mapError(error: PostgresError, target: Target, script: string | undefined): MappedError {
  const original = { originalCode: error.code ?? "", originalMessage: error.message };
  const { host, port } = target;
  if (isTls(error)) return { kind: "TlsConnectionError", reason: error.message };
  if (isUnreachable(error)) return { kind: "DatabaseNotReachable", host, port };
  if (isLost(error)) return { kind: "ConnectionClosed" };
  if (script !== undefined) return { ...original, ...mapScriptError(error, script) };
  switch (error.code) {
    case "28P01":
    case "28000":
      if (error.code === "28000" && /pg_hba/.test(error.message)) break;
      return { ...original, kind: "AuthenticationFailed", user: target.user };
    case "3D000":
      return { ...original, kind: "DatabaseDoesNotExist", db: target.database };
    case "42P04":
      return { ...original, kind: "DatabaseAlreadyExists", db: target.database };
    case "53300":
      return { ...original, kind: "TooManyConnections", cause: error.message };
    case "42P01": {
      // The engine asks for its ledger before it exists, and reads the answer from this kind.
      const table = /relation "(.*)" does not exist/.exec(error.message)?.[1];
      return { ...original, kind: "TableDoesNotExist", ...(table && { table }) };
    }
  }
  return {
    ...original,
    kind: "postgres",
    code: error.code ?? "N/A",
    severity: error.severity ?? "ERROR",
    message: error.message,
    detail: error.detail,
    column: error.column,
    hint: error.hint,
  };
}

function mapScriptError(error: PostgresError, script: string): MappedError {
  const place = placeOf(error, script);
  const details = [place, error.code && `SQLSTATE ${error.code}`].filter(Boolean).join(", ");
  return {
    kind: "postgres",
    code: UNKNOWN_TO_ENGINE,
    severity: error.severity ?? "ERROR",
    message: details === "" ? error.message : `${error.message} (${details})`,
    detail: error.detail,
    column: undefined,
    hint: error.hint,
  };
}

/** The connection's failure with Prisma's number for it; `undefined` where none fits. */
export function toUserFacingError(error: unknown, target: Target): UserFacingError | undefined {
  const cause = asPostgresError(error);
  const { host, port, user, database } = target;
  const address = `${host}:${port}`;
  if (isTls(cause)) return { code: "P1011", message: `Error opening a TLS connection: ${cause.message}` };
  if (isUnreachable(cause) || isLost(cause)) {
    return {
      code: "P1001",
      message: `Can't reach database server at \`${address}\`\n\nPlease make sure your database server is running at \`${address}\`.`,
    };
  }
  switch (cause.code) {
    case "28P01":
      return {
        code: "P1000",
        message: `Authentication failed against database server at \`${host}\`, the provided database credentials for \`${user}\` are not valid.\n\nPlease make sure to provide valid database credentials for the database server at \`${host}\`.`,
      };
    case "28000":
    case "42501":
      return {
        code: "P1010",
        message: `User \`${user}\` was denied access on the database \`${database}\`: ${cause.message}`,
      };
    case "3D000":
      return { code: "P1003", message: `Database \`${database}\` does not exist` };
    case "53300":
      return { code: "P1017", message: `The server takes no more connections: ${cause.message}` };
  }
  return undefined;
}

/** Node tries every address of a host and reports them together; the first failure stands for all. */
function asPostgresError(error: unknown): PostgresError {
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  const single = first ?? error;
  return single instanceof Error ? (single as PostgresError) : new Error(String(single));
}

function isUnreachable(error: PostgresError): boolean {
  const codes = [
    "ECONNREFUSED",
    "ENOTFOUND",
    "EAI_AGAIN",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ETIMEDOUT",
    "57P03",
    "ENOENT",
    "EACCES",
  ];
  return codes.includes(error.code ?? "") || /timeout expired|connection timeout/.test(error.message);
}

function isLost(error: PostgresError): boolean {
  const codes = ["ECONNRESET", "EPIPE", "57P01", "57P02"];
  return (
    codes.includes(error.code ?? "") ||
    /^(Connection terminated|Client has encountered a connection error)/.test(error.message)
  );
}

function isTls(error: PostgresError): boolean {
  return /SSL|CERT|TLS/.test(error.code ?? "") || /SSL connection/.test(error.message);
}

/** `position` counts characters, not UTF-16 units. */
function placeOf({ position }: PostgresError, script: string): string | undefined {
  if (position === undefined) return undefined;
  const before = [...script]
    .slice(0, Number(position) - 1)
    .join("")
    .split("\n");
  return `line ${before.length}, column ${[...(before.at(-1) ?? "")].length + 1}`;
}
