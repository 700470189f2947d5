import type { UserFacingError } from "./databaseErrors.ts";
import { takePanic } from "./load.ts";

/** What the engine says went wrong; `code` is Prisma's, such as P1012 for a schema file that does not parse. */
export class EngineError extends Error {
  readonly code: string | undefined;
  /** A defect of the engine: its instance is given up, the next engine starts in another. */
  readonly panic: boolean;

  constructor(
    message: string,
    { code, panic = false, cause }: { code?: string | undefined; panic?: boolean; cause?: unknown },
  ) {
    super(message, { cause });
    this.name = "EngineError";
    this.code = code;
    this.panic = panic;
  }
}

/** Whatever a call of the engine threw, without the engine's own stack; `refusal` says why there is no connection. */
export function toEngineError(error: unknown, refusal?: UserFacingError): EngineError {
  const panic = takePanic();
  if (panic !== undefined) return new EngineError(panic, { panic: true, cause: error });
  if (error instanceof EngineError) return error;
  if (refusal) return new EngineError(refusal.message, { code: refusal.code, cause: error });
  const text = error instanceof Error ? error.message : String(error);
  const known =
    error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  // Below the message come the engine's own calls: "   0: schema_core::…" and "at schema-engine/…".
  const trace = text.search(/^ +0: [\w:]+/m);
  const message = (trace === -1 ? text : text.slice(0, trace)).trimEnd();
  const [, migration] = /apply_script\s+with migration_name="(.+)"/.exec(text) ?? [];
  if (known === undefined && migration !== undefined) return failedMigration(migration, message, error);
  return new EngineError(message, { code: known, cause: error });
}

/** In WebAssembly the engine leaves out the number and the words that the native one has for this. */
function failedMigration(name: string, message: string, cause: unknown): EngineError {
  const said = message.slice(message.indexOf("ERROR: "));
  const [, sqlState = "unknown"] = /SQLSTATE (\w{5})\)/.exec(said) ?? [];
  const text = `A migration failed to apply. New migrations cannot be applied before the error is recovered from. Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve

Migration name: ${name}

Database error code: ${sqlState}

Database error:
${said}`;
  return new EngineError(text, { code: "P3018", cause });
}
