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
  const message = error instanceof Error ? error.message : String(error);
  const code =
    error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  // Below the message come the engine's own calls: "   0: schema_core::…" and "at schema-engine/…".
  const trace = message.search(/^ +0: [\w:]+/m);
  return new EngineError((trace === -1 ? message : message.slice(0, trace)).trimEnd(), {
    code,
    cause: error,
  });
}
