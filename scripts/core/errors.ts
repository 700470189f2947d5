/** Exit statuses of the tool; scripts may rely on them. */
export const EXIT = { done: 0, failed: 1, usage: 2, findings: 3, interrupted: 130 } as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** What a user reads when something fails: `fact`, then `Why:` where it is not obvious, then `Fix:`, a command to paste. */
export interface Failure {
  /** Starts with the service where there is one, and quotes the user's value. */
  fact: string;
  why?: string | undefined;
  fix?: string | undefined;
  cause?: unknown;
  /** Default: 1, failed. */
  status?: ExitStatus | undefined;
  /** The same for machines, in `--json`: place, SQLSTATE, statement. */
  details?: Readonly<Record<string, string | number | undefined>> | undefined;
}

/** A failure that a user can cause and mend; whatever else is thrown is a defect of the tool. */
export class SchemataError extends Error {
  readonly why: string | undefined;
  readonly fix: string | undefined;
  readonly status: ExitStatus;
  readonly details: Failure["details"];

  constructor(failure: Failure) {
    super(failure.fact, { cause: failure.cause });
    this.name = "SchemataError";
    this.why = failure.why;
    this.fix = failure.fix;
    this.status = failure.status ?? EXIT.failed;
    this.details = failure.details;
  }
}

/** What is said of an error that no user can have caused. */
export function describeDefect(error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error);
  return {
    fact: `schemata failed: ${text}`,
    why: "this looks like a defect of the tool",
    fix: "run it again with DEBUG=1 and report what it prints",
    cause: error,
  };
}

/** Throws a {@link SchemataError}: one word at the place of failure. */
export function fail(failure: Failure): never {
  throw new SchemataError(failure);
}

/** The failure that an error was made of, to be kept until it is told. */
export function failureOf({ message: fact, why, fix, cause, status, details }: SchemataError): Failure {
  return { fact, why, fix, cause, status, details };
}

/** The lines a user reads: the fact, then `Why:` and `Fix:`, indented; never a stack, never a password. */
export function renderError(error: Pick<SchemataError, "message" | "why" | "fix">): string {
  const lines = [error.message];
  if (error.why) lines.push(`  Why: ${indentRest(error.why)}`);
  if (error.fix) lines.push(`  Fix: ${indentRest(error.fix)}`);
  return maskPasswords(lines.join("\n"));
}

function indentRest(text: string): string {
  return text.trimEnd().replaceAll("\n", "\n       ");
}

/** Replaces passwords in a text by `***`: those of connection URLs, of connection strings and in SQL. */
export function maskPasswords(text: string): string {
  return text
    .replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):(?:[^\s@/]|@(?=[^\s/]*@))*@/gi, "$1:***@")
    .replaceAll(/(\bpassword\s+)'(?:[^']|'')*'/gi, "$1'***'")
    .replaceAll(/(\bpassword\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s'"&,)]+)/gi, "$1***");
}
