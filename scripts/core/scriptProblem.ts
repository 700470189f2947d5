import type { ParsedStatement } from "./parse.ts";
import type { StatementClass } from "./transactionBlock.ts";

/** Odd transaction control that Postgres lets pass with a warning. */
export interface ScriptNotice {
  offset: number;
  message: string;
}

/** Why a script is refused: the fact without its service, and how to mend the script. */
export interface ScriptProblem {
  offset: number;
  message: string;
  why: string;
  fix: string;
}

/** What Postgres would refuse of a statement in the transaction that it finds open, explicitly or not. */
export function findProblem(
  found: StatementClass,
  { start }: ParsedStatement,
  open: { begin?: ParsedStatement } | undefined,
): ScriptProblem | undefined {
  if (found.kind === "alone" && open?.begin) {
    return {
      offset: start,
      message: `${found.what} stands between BEGIN and COMMIT`,
      why: "Postgres refuses it inside a transaction block",
      fix: "move it before the BEGIN or behind the COMMIT",
    };
  }
  if (found.kind === "prepare") {
    return {
      offset: start,
      message: "PREPARE TRANSACTION leaves its work neither done nor undone",
      why: "a prepared transaction keeps its locks until somebody ends it by hand",
      fix: "end the transaction with COMMIT",
    };
  }
  if (found.kind === "end" && found.chain && !open?.begin) {
    return {
      offset: start,
      message: `${found.verb} AND CHAIN has no BEGIN before it`,
      why: "Postgres allows it in explicit transactions only",
      fix: `write ${found.verb} without AND CHAIN, or a BEGIN where the transaction starts`,
    };
  }
  return undefined;
}

/** The problem of a BEGIN that no COMMIT follows. */
export function neverClosed({ start }: ParsedStatement): ScriptProblem {
  return {
    offset: start,
    message: "the transaction opened here is never closed",
    why: "Postgres would undo its work when the connection ends",
    fix: "add COMMIT; at the end, or remove the BEGIN: every migration runs in a transaction anyway",
  };
}

/** What a ROLLBACK does to the transaction that it ends. */
export function rollbackNotice({ start }: ParsedStatement, { works }: { works: boolean }): ScriptNotice {
  const message = works
    ? "ROLLBACK undoes what stands before it in its transaction"
    : "ROLLBACK has nothing to undo";
  return { offset: start, message };
}
