import { renderSearchPathSql } from "../../core/extensions.ts";
import { LEDGER_TABLE } from "../../core/ledger.ts";
import { quoteIdent } from "../../core/sql.ts";
import type { Client } from "../postgres/connect.ts";

/** Objects of a schema that no other of its kind brings along, each with the word that drops it. */
const OBJECTS = `
  SELECT 1 AS place, CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE'
           WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END AS kind,
         quote_ident(c.relname) AS name, 'pg_class'::regclass AS catalog, c.oid, c.relnamespace AS schema
    FROM pg_class c
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND NOT c.relispartition AND c.relname <> '${LEDGER_TABLE}'
  UNION ALL
  SELECT 2, CASE p.prokind WHEN 'a' THEN 'AGGREGATE' WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
         format('%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), 'pg_proc'::regclass, p.oid, p.pronamespace
    FROM pg_proc p
  UNION ALL
  SELECT 3, CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, quote_ident(t.typname), 'pg_type'::regclass, t.oid, t.typnamespace
    FROM pg_type t WHERE t.typtype IN ('e', 'd', 'r')`;

/**
 * A script that drops whatever there is in the service's schema, in the open transaction, but the ledger. Of what is
 * dropped with something else, such as a column's sequence, it says nothing.
 */
export async function renderDropAll(client: Client, schema: string): Promise<string> {
  // Types in a function's arguments are qualified unless the search path finds them.
  await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [schema]);
  const { rows } = await client.query(
    `SELECT format('DROP %s IF EXISTS %s CASCADE;', kind, name) AS sql FROM (${OBJECTS}) o
      WHERE schema = $1::text::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = catalog AND d.objid = o.oid AND d.deptype IN ('a', 'i', 'e'))
      ORDER BY place, kind DESC, name COLLATE "C"`,
    [quoteIdent(schema)],
  );
  return rows.map(({ sql }) => `${sql}\n`).join("");
}
