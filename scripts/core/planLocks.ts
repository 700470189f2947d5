import { locate } from "./locate.ts";
import { findCreated, findLocks, isOpaque, type KnownTables } from "./lockLevels.ts";
import { describeBlocked, type LockMode } from "./lockModes.ts";
import type { ParsedStatement } from "./parse.ts";
import { shortenStatement } from "./statementName.ts";

/** What one statement of a plan locks. */
export interface StatementLocks {
  line: number;
  /** The statement's text on one line, cut where it is long. */
  statement: string;
  locks: { table: string; mode: LockMode; blocks: "reads and writes" | "writes" | "nothing" }[];
  /** It calls code, so that its locks show only when it runs. */
  opaque: boolean;
}

/** A script of the plan with what is known of its service's tables. */
export interface PlannedScript {
  schema: string;
  sql: string;
  statements: readonly ParsedStatement[];
  known: KnownTables;
}

const SHOWN = 100;

/**
 * The locks of a script's statements on tables that were there before the plan; `fresh` holds the tables that the
 * plan has made so far, which nobody waits for, and takes in those that this script makes.
 */
export function listLocks(
  { schema, sql, statements, known }: PlannedScript,
  fresh: Set<string>,
): StatementLocks[] {
  return statements.flatMap(({ node, start, end }) => {
    const locks = findLocks(node, known)
      .map(({ schema: named, table, mode }) => ({
        table: `${named ?? schema}.${table}`,
        mode,
        blocks: describeBlocked(mode),
      }))
      .filter(({ table }) => !fresh.has(table));
    for (const made of findCreated(node)) fresh.add(`${made.schema ?? schema}.${made.table}`);
    if ("RenameStmt" in node && node.RenameStmt.renameType === "OBJECT_TABLE") {
      const { relation, newname } = node.RenameStmt;
      const place = relation?.schemaname || schema;
      if (fresh.has(`${place}.${relation?.relname}`)) fresh.add(`${place}.${newname}`);
    }
    const opaque = isOpaque(node);
    if (locks.length === 0 && !opaque) return [];
    const statement = shortenStatement(sql.slice(start, end), SHOWN);
    return [{ line: locate(sql, start).line, statement, locks, opaque }];
  });
}
