import type { Direction } from "./direction.ts";
import type { Failure } from "./errors.ts";

/** What Postgres said of a failed statement; a connection that broke has no SQLSTATE. */
export interface DatabaseProblem {
  sqlState: string | undefined;
  message: string;
  detail?: string | undefined;
  hint?: string | undefined;
  /** The call stack of PL/pgSQL functions, where the error came from inside one. */
  where?: string | undefined;
}

/** Where in a migration's file a statement stands; lines and columns count from 1. */
export interface StatementPlace {
  line: number;
  column: number;
  /** The statement, or its first lines. */
  text: string;
}

/** The migration that failed: `file` as shown to the user. */
export interface FailedMigration {
  service: string;
  migration: string;
  file: string;
  place: StatementPlace | undefined;
  direction: Direction;
  /** What to type to go on. */
  command: string;
}

/** The message for a migration whose transaction was rolled back whole. */
export function explainMigrationFailure(failed: FailedMigration, problem: DatabaseProblem): Failure {
  const { service, migration, file, place, direction } = failed;
  if (problem.sqlState === undefined) return explainBrokenConnection(failed, problem);
  const position = place ? `${file}:${place.line}:${place.column}` : file;
  const why = [
    `${problem.message} (SQLSTATE ${problem.sqlState})`,
    ...(place?.text ? place.text.split("\n").map((line) => `  ${line}`) : []),
    ...(problem.detail ? [`Detail: ${problem.detail}`] : []),
    ...(problem.hint ? [`Hint: ${problem.hint}`] : []),
    ...(problem.where ? [`Where: ${problem.where.split("\n")[0]}`] : []),
  ];
  return {
    fact: `${service}: ${direction === "up" ? "" : "the downgrade of "}${migration} failed at ${position}`,
    why: why.join("\n"),
    fix: `${adviseFix(problem.sqlState, failed)}\n${describeRest(failed)}`,
    details: {
      migration,
      file,
      line: place?.line,
      column: place?.column,
      statement: place?.text,
      sqlState: problem.sqlState,
      message: problem.message,
      detail: problem.detail,
      hint: problem.hint,
    },
  };
}

function describeRest({ direction }: FailedMigration): string {
  return direction === "up"
    ? "Nothing of this migration was kept; earlier ones are applied."
    : "It is still applied, and nothing of it was undone; newer ones are.";
}

/** Whatever the server had still to say was lost with the connection, also what it has just committed. */
function explainBrokenConnection(
  { service, migration, file, command, direction }: FailedMigration,
  { message }: DatabaseProblem,
): Failure {
  return {
    fact: `${service}: the connection to the server broke at ${migration} or after it`,
    why: message,
    fix: `see that the server is up, then ${command} goes on from where it stopped\nEach migration is ${direction === "up" ? "applied" : "undone"} and recorded whole, or not at all.`,
    details: { migration, file, message },
  };
}

function adviseFix(sqlState: string, { file, command }: FailedMigration): string {
  const again = `then ${command}`;
  switch (sqlState) {
    case "42501":
      return `grant what is missing, or take the statement out of ${file}, ${again}`;
    case "53100":
      return `the server's disk is full: free space there, ${again}`;
    case "53200":
    case "53400":
      return `the server is short of memory or at a limit of its configuration: relieve it, ${again}`;
    case "57P01":
    case "57P02":
    case "57P03":
      return `the server ended the connection (shutdown, restart or an administrator): when it is up, ${command}`;
    case "55P03":
      return `run it when the table is less busy, or with a longer --lock-timeout or more --retries: ${command}`;
    case "40P01":
    case "40001":
      return `another session was in the way: ${command}`;
    case "57014":
      return `the statement was cancelled (by an administrator or statement_timeout): ${command}`;
    default:
      if (sqlState.startsWith("23") || sqlState.startsWith("22")) {
        return `the data does not fit: mend the data, or let ${file} mend it first, ${again}`;
      }
      return `correct ${file}, ${again}`;
  }
}
