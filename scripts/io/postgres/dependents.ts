import type { Dependent } from "../../core/drops.ts";
import { quoteIdent } from "../../core/sql.ts";
import type { Client } from "./connect.ts";

/** Foreign keys and views of other schemas that stand on a schema's tables. */
export async function readDependents(client: Client, schema: string): Promise<Dependent[]> {
  const { rows } = await client.query(
    `SELECT n.nspname AS schema, c.relname AS table, k.conname AS constraint, t.relname AS referenced,
            (SELECT array_agg(a.attname::text) FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum = ANY (k.confkey)) AS columns,
            i.relname AS index
       FROM pg_constraint k
       JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_class t ON t.oid = k.confrelid LEFT JOIN pg_class i ON i.oid = k.conindid
      WHERE k.contype = 'f' AND k.conparentid = 0 AND t.relnamespace = to_regnamespace($1) AND c.relnamespace <> t.relnamespace
     UNION ALL
     SELECT n.nspname, v.relname, NULL, t.relname, array_remove(array_agg(DISTINCT a.attname::text), NULL), NULL
       FROM pg_depend d
       JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class JOIN pg_namespace n ON n.oid = v.relnamespace
       JOIN pg_class t ON t.oid = d.refobjid LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid AND a.attnum > 0
      WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
        AND t.relnamespace = to_regnamespace($1) AND v.relnamespace <> t.relnamespace
      GROUP BY n.nspname, v.relname, t.relname
     ORDER BY 1, 2, 3`,
    [quoteIdent(schema)],
  );
  return rows;
}
