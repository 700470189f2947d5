import type { Duplex } from "node:stream";
import pg from "pg";
import { parseTarget } from "../../../prisma/engine/connection.ts";
import { type Failure, SchemataError } from "../../core/errors.ts";
import { isConnectionLost, sqlState } from "../../core/serverError.ts";
import { DEFAULT_LOGIN } from "../../core/settings.ts";
import { quoteIdent } from "../../core/sql.ts";

export { isConnectionLost, sqlState };

export type Client = pg.Client;

export interface ConnectOptions {
  /** Default: `schemata`. */
  applicationName?: string;
  /** Queries are sent without waiting for the answers of those before them; the server works on while we do. */
  pipeline?: boolean;
}

/**
 * Opens one connection. Nothing is asked of the session at start but its name, since a pooler in transaction mode
 * refuses other start-up parameters. Fails with a {@link SchemataError} that says what to do.
 */
export async function connect(
  url: string,
  { applicationName = "schemata", pipeline = false }: ConnectOptions = {},
): Promise<Client> {
  const config = { ...parseTarget(url).config, application_name: applicationName, pipeline };
  const client = new pg.Client(config);
  // A connection that breaks while idle emits an error; the next query reports it.
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => {});
    throw new SchemataError(connectFailure(url, error));
  }
  return client;
}

/** Runs `work` on a connection of its own and closes it, whatever happens. */
export async function withConnection<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    return await work(client);
  } catch (error) {
    throw explainLoss(url, error);
  } finally {
    await closeConnection(client);
  }
}

/** Closes a connection; one that is broken already counts as closed. */
export async function closeConnection(client: Client): Promise<void> {
  await client.end().catch(() => {});
}

/** Ends a connection at once, whatever is under way on it, which fails. */
export function breakConnection(client: Client): void {
  // Closing would wait for what was sent ahead. The types know the connection of no client.
  (client as Client & { connection: { stream: Duplex } }).connection.stream.destroy();
}

/** Opens a connection and, when the database is missing and the login may, creates it first; `onCreated` hears of it. */
export async function connectCreating(
  url: string,
  onCreated: (database: string) => void = () => {},
  options: ConnectOptions = {},
): Promise<Client> {
  try {
    return await connect(url, options);
  } catch (error) {
    if (!(error instanceof SchemataError) || sqlState(error.cause) !== "3D000") throw error;
    await createDatabase(url, error);
    onCreated(databaseName(url));
    return connect(url, options);
  }
}

/** Creates the database that `url` names, when it is missing and the login may. */
export async function ensureDatabase(url: string): Promise<void> {
  await closeConnection(await connectCreating(url));
}

async function createDatabase(url: string, missing: SchemataError): Promise<void> {
  const name = databaseName(url);
  const admin = new URL(url);
  admin.pathname = "/postgres";
  try {
    await withConnection(admin.href, (client) => client.query(`CREATE DATABASE ${quoteIdent(name)}`));
  } catch (error) {
    // 42P04, 23505: another run has just created it.
    if (["42P04", "23505"].includes(sqlState(error) ?? "")) return;
    throw new SchemataError({
      fact: missing.message,
      why: `it could not be created either: ${error instanceof Error ? error.message : String(error)}`,
      fix: `let an administrator run: CREATE DATABASE ${quoteIdent(name)} OWNER ${quoteIdent(loginName(url))};`,
      cause: error,
    });
  }
}

/** A connection that broke while the database was asked something, in words for the user; other errors as they are. */
export function explainLoss(url: string, error: unknown): unknown {
  if (error instanceof SchemataError || !isConnectionLost(error)) return error;
  return new SchemataError({
    fact: `The connection to the server at ${describeServer(url)} broke`,
    why: error instanceof Error ? error.message : String(error),
    fix: "see that the server is up, then run the command again: it goes on from where things stand",
    cause: error,
  });
}

/** Host, port and database of a URL, for messages. */
export function describeServer(url: string): string {
  const { hostname, port } = new URL(url);
  return `${decodeURIComponent(hostname) || "localhost"}:${port || 5432}`;
}

/** The database that a URL names; like libpq, the login's name where it names none. */
export function databaseName(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1)) || loginName(url);
}

function loginName(url: string): string {
  return decodeURIComponent(new URL(url).username) || DEFAULT_LOGIN.user;
}

function connectFailure(url: string, error: unknown): Failure {
  const server = describeServer(url);
  const why =
    error instanceof Error
      ? error instanceof AggregateError
        ? error.errors[0]?.message
        : error.message
      : String(error);
  const code = sqlState(error instanceof AggregateError ? error.errors[0] : error);
  const failure = (fact: string, fix: string): Failure => ({ fact, why, fix, cause: error });
  switch (code) {
    case "28P01":
    case "28000":
      return failure(
        `The server at ${server} refuses the login "${loginName(url)}"`,
        "correct user and password in DATABASE_URL (a password with special characters must be percent-encoded)",
      );
    case "3D000":
      return failure(
        `The server at ${server} has no database "${databaseName(url)}"`,
        "make upgrade-head creates it, where the login may; or correct DATABASE_URL",
      );
    case "53300":
      return failure(
        `The server at ${server} has no connection left`,
        "run again with --jobs 1, or raise max_connections, or close idle connections",
      );
    case "57P03":
      return failure(
        `The server at ${server} is starting up or shutting down`,
        "wait a moment and run the command again",
      );
    case "ECONNREFUSED":
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
      return failure(
        `No database answers at ${server}`,
        "make start-db, or correct DATABASE_URL in the environment or .env",
      );
    default:
      return failure(`The database at ${server} cannot be reached`, "check DATABASE_URL");
  }
}
