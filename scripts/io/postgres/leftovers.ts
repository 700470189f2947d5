import { quoteIdent, quoteLiteral } from "../../core/sql.ts";
import type { Client } from "./connect.ts";

/** An index that a failed concurrent build has left. */
export interface InvalidIndex {
  name: string;
  table: string;
}

/** The invalid indexes of a schema; one that another session is building just now is among them. */
export async function readInvalidIndexes(client: Client, schema: string): Promise<InvalidIndex[]> {
  const { rows } = await client.query(`
    SELECT c.relname AS name, (SELECT t.relname FROM pg_class t WHERE t.oid = i.indrelid) AS table FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = ${quoteLiteral(schema)})
     ORDER BY c.relname`);
  return rows.map(({ name, table }) => ({ name, table }));
}

/** Drops indexes without holding anybody up. */
export async function dropIndexes(client: Client, schema: string, names: readonly string[]): Promise<void> {
  for (const name of names)
    await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${quoteIdent(schema)}.${quoteIdent(name)}`);
}
