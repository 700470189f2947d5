import type { KnownTables } from "../../core/lockLevels.ts";
import { quoteIdent } from "../../core/sql.ts";
import type { Client } from "./connect.ts";

/** The indexes and foreign keys of a schema, as far as they decide which tables a statement locks. */
export async function readKnownTables(client: Client, schema: string): Promise<KnownTables> {
  const name = [quoteIdent(schema)];
  const indexes = await client.query(
    `SELECT c.relname AS index, t.relname AS table FROM pg_index i
       JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
      WHERE c.relnamespace = to_regnamespace($1)`,
    name,
  );
  const foreignKeys = await client.query(
    `SELECT c.relname AS table, k.conname AS name, n.nspname AS schema, t.relname AS referenced
       FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
       JOIN pg_class t ON t.oid = k.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace
      WHERE k.contype = 'f' AND c.relnamespace = to_regnamespace($1)`,
    name,
  );
  return {
    indexes: new Map(indexes.rows.map(({ index, table }) => [index, table])),
    foreignKeys: foreignKeys.rows,
  };
}
