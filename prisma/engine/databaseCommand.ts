import type pg from "pg";
import { quoteIdent } from "../../scripts/core/sql.ts";
import { connectTarget, onDatabase, parseTarget, type Target } from "./connection.ts";
import { toUserFacingError, type UserFacingError } from "./databaseErrors.ts";

/**
 * The commands after `cli` that the stock CLI runs before it starts the engine. Returns the exit status; the reason
 * of a failure goes to standard error as the log line in which the CLI looks for it.
 */
export async function runDatabaseCommand(command: string, url: string | undefined): Promise<number> {
  try {
    const target = parseTarget(url ?? "");
    await perform(command, target).catch((error: unknown) => {
      throw new CommandFailure(toUserFacingError(error, target), error);
    });
    return 0;
  } catch (error) {
    report(error);
    return 1;
  }
}

class CommandFailure extends Error {
  readonly code: string | undefined;

  constructor(known: UserFacingError | undefined, cause: unknown) {
    super(known?.message ?? (cause instanceof Error ? cause.message : String(cause)), { cause });
    this.code = known?.code;
  }
}

async function perform(command: string, target: Target): Promise<void> {
  const name = quoteIdent(target.database);
  if (command === "can-connect-to-database") return withClient(target, async () => {});
  const maintenance = onDatabase(target, "postgres");
  if (command === "create-database") {
    return withClient(maintenance, (client) => client.query(`CREATE DATABASE ${name}`));
  }
  if (command === "drop-database") {
    return withClient(maintenance, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
  }
  throw new Error(`The schema engine has no command "${command}"`);
}

async function withClient(target: Target, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = await connectTarget(target);
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

/** The CLI skips the first line, takes every other for JSON, and wants the error by level and target. */
function report(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof CommandFailure ? error.code : undefined;
  const failure = {
    timestamp: new Date().toISOString(),
    level: "ERROR",
    fields: { is_panic: false, error_code: code ?? null, message, meta: null },
    target: "schema_engine::logger",
  };
  const heading = { ...failure, level: "INFO", fields: { message: "Connecting to the database failed" } };
  process.stderr.write(`${JSON.stringify(heading)}\n${JSON.stringify(failure)}\n`);
}
