import type { Failure } from "./errors.ts";

/** The SQLSTATE of an error of Postgres, or the system's code of a broken connection. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Whether the server said it, and not the connection's own end. */
function isFromServer(error: unknown): boolean {
  return error instanceof Error && "severity" in error && /^[0-9A-Z]{5}$/.test(sqlState(error) ?? "");
}

/** Whether it is the connection that failed, and not what was sent over it. */
export function isConnectionLost(error: unknown): boolean {
  const code = sqlState(error) ?? "";
  if (isFromServer(error)) return /^(?:08|57P0[1-5])/.test(code);
  const lost = /connection (?:terminated|ended|error)|not queryable|client was closed/i;
  return error instanceof Error && (/^E[A-Z]+$/.test(code) || lost.test(error.message));
}

/**
 * What a user needs of an error of the server, or of the connection to it, that no file of theirs has caused; undefined
 * for any other error. `subject` is whom it met, `again` what to type then.
 */
export function explainServerError(
  error: unknown,
  { subject, again }: { subject?: string; again: string },
): Failure | undefined {
  if (!(error instanceof Error)) return undefined;
  const state = isFromServer(error) ? ` (SQLSTATE ${sqlState(error)})` : "";
  const the = subject === undefined ? "The" : `${subject}: the`;
  const told = { why: `${error.message}${state}`, cause: error };
  if (isConnectionLost(error))
    return {
      fact: `${the} connection to the server broke`,
      ...told,
      fix: `see that the server is up, then ${again}: it goes on from where things stand`,
    };
  if (state === "") return undefined;
  const fact = `${the} server refused what the tool asked of it`;
  return { fact, ...told, fix: `${adviseServer(sqlState(error) ?? "")}, then ${again}` };
}

function adviseServer(state: string): string {
  if (state === "42501")
    return "let an administrator grant what is missing, or use another login in DATABASE_URL";
  if (state === "53100") return "free space on the server's disk";
  if (state.startsWith("53"))
    return "relieve the server, which is short of memory or at a limit of its configuration";
  if (state.startsWith("57"))
    return "see who cancelled it (an administrator, or a statement_timeout of the login's)";
  if (state.startsWith("58") || state.startsWith("XX"))
    return "look into the server's log, for the server itself is in trouble";
  return "mend what the server says, or run it with DEBUG=1 and report what it prints";
}
