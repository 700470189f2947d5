import { LEDGER_TABLE } from "../../core/ledger.ts";
import type { Column, Tables } from "../../core/tables.ts";
import type { Client } from "./connect.ts";

/** Reads a schema's tables and columns, but the ledger; with `names`, those of these tables. */
export async function readTables(client: Client, schema: string, names?: readonly string[]): Promise<Tables> {
  const { rows } = await client.query(
    `SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type,
            a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS required
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relname <> '${LEDGER_TABLE}'
        AND ($2::text[] IS NULL OR c.relname = ANY($2))
      ORDER BY c.relname COLLATE "C", a.attnum`,
    [schema, names ?? null],
  );
  const tables = new Map<string, Map<string, Column>>();
  for (const { table, column, type, required } of rows) {
    const columns = tables.get(table) ?? new Map<string, Column>();
    if (column !== null) columns.set(column, { type, required });
    tables.set(table, columns);
  }
  return tables;
}
