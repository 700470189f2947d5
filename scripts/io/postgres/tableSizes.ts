import { quoteIdent } from "../../core/sql.ts";
import type { RowCounts } from "../../core/unsafe/judge.ts";
import type { PresentTables } from "../../core/unsafe/tables.ts";
import type { Client } from "./connect.ts";

/** A schema's tables with Postgres' own estimate of their rows. */
export interface EstimatedTables extends PresentTables {
  /** Nothing or 0 where nobody has counted yet. */
  estimates: ReadonlyMap<string, number>;
}

/** Reads the tables and indexes of some schemas in one round trip, without a lock on any of them. */
export async function readEstimates(
  client: Client,
  schemas: readonly string[],
): Promise<Map<string, EstimatedTables>> {
  const { rows } = await client.query(
    `SELECT n.nspname AS schema, c.relname AS name, c.reltuples::float8 AS estimate,
            ARRAY(SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid) AS indexes
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'm', 'f')`,
    [schemas],
  );
  return new Map(
    schemas.map((schema) => {
      const own = rows.filter((row) => row.schema === schema);
      const indexes = own.flatMap(({ name, indexes }) => indexes.map((index: string) => [index, name]));
      return [
        schema,
        {
          tables: new Set<string>(own.map(({ name }) => name)),
          indexes: new Map<string, string>(indexes),
          estimates: new Map<string, number>(own.map(({ name, estimate }) => [name, estimate])),
        },
      ];
    }),
  );
}

interface Counting {
  schema: string;
  /** The role that may read them, where the login alone may not. */
  role: string | undefined;
  tables: readonly string[];
  estimates: ReadonlyMap<string, number>;
  /** Counting ends behind this many: whether there are more is all that matters. */
  limit: number;
}

/**
 * How many rows some tables have: the estimate where there is one, else counted, which neither waits for a lock nor
 * takes long, and is left undone rather.
 */
export async function readRowCounts(
  client: Client,
  { schema, role, tables, estimates, limit }: Counting,
): Promise<RowCounts> {
  const counts = new Map<string, number | undefined>();
  const uncounted: string[] = [];
  for (const table of new Set(tables)) {
    const estimate = estimates.get(table) ?? 0;
    if (estimate > 0) counts.set(table, estimate);
    else uncounted.push(table);
  }
  if (uncounted.length === 0) return counts;
  const columns = uncounted.map(
    (table, index) =>
      `(SELECT count(*) FROM (SELECT FROM ${quoteIdent(schema)}.${quoteIdent(table)} LIMIT ${limit + 1}) t) AS "${index}"`,
  );
  try {
    await client.query(
      `BEGIN READ ONLY; SET LOCAL lock_timeout = '300ms'; SET LOCAL statement_timeout = '3s'${role === undefined ? "" : `; SET LOCAL ROLE ${quoteIdent(role)}`}`,
    );
    const { rows } = await client.query(`SELECT ${columns.join(", ")}`);
    for (const [index, table] of uncounted.entries()) counts.set(table, Number(rows[0]?.[index]));
  } catch {
    for (const table of uncounted) counts.set(table, undefined);
  } finally {
    await client.query("ROLLBACK");
  }
  return counts;
}
