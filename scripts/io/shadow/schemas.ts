import { fail } from "../../core/errors.ts";
import { SHADOW_MARK } from "../../core/shadow.ts";
import { quoteIdent, quoteLiteral } from "../../core/sql.ts";
import { type Client, sqlState } from "../postgres/connect.ts";

/** Every object that lies in a schema, or on a table of one: catalog, object, schema. */
const PLACED = [
  ["pg_class", "relnamespace"],
  ["pg_type", "typnamespace"],
  ["pg_proc", "pronamespace"],
  ["pg_constraint", "connamespace"],
  ["pg_operator", "oprnamespace"],
  ["pg_collation", "collnamespace"],
  ["pg_statistic_ext", "stxnamespace"],
].map(([catalog, column]) => `SELECT '${catalog}'::regclass, oid, ${column} FROM ${catalog}`);
const ON_TABLES = [
  ["pg_attrdef", "adrelid"],
  ["pg_rewrite", "ev_class"],
  ["pg_trigger", "tgrelid"],
  ["pg_policy", "polrelid"],
].map(
  ([catalog, column]) =>
    `SELECT '${catalog}'::regclass, o.oid, c.relnamespace FROM ${catalog} o JOIN pg_class c ON c.oid = o.${column}`,
);

/** The schemas that would lose something if these were dropped, these included. */
export async function readDependents(client: Client, schemas: Iterable<string>): Promise<Set<string>> {
  const found = new Set(schemas);
  for (let size = -1; size < found.size && found.size > 0; ) {
    size = found.size;
    const list = [...found].map(quoteLiteral).join(", ");
    const { rows } = await client.query(`
      WITH placed (catalog, object, schema) AS (${[...PLACED, ...ON_TABLES].join(" UNION ALL ")})
      SELECT DISTINCT n.nspname AS name FROM pg_depend d
        JOIN placed needed ON needed.catalog = d.refclassid AND needed.object = d.refobjid
        JOIN placed p ON p.catalog = d.classid AND p.object = d.objid AND p.schema <> needed.schema
        JOIN pg_namespace n ON n.oid = p.schema AND n.nspname !~ '^pg_'
       WHERE needed.schema IN (SELECT oid FROM pg_namespace WHERE nspname IN (${list}))`);
    for (const { name } of rows) found.add(name);
  }
  return found;
}

/** Drops schemas with all that is in them; `public`, which every database has, comes back empty. */
export async function dropSchemas(client: Client, schemas: Iterable<string>): Promise<void> {
  for (const schema of schemas) {
    try {
      await client.query(`DROP SCHEMA IF EXISTS ${quoteIdent(schema)} CASCADE`);
      if (schema === "public") await client.query("CREATE SCHEMA public");
    } catch (error) {
      if (sqlState(error) !== "42501") throw error;
      fail({
        fact: `The schema "${schema}" in the shadow database cannot be dropped`,
        why: error instanceof Error ? error.message : String(error),
        fix: "set SHADOW_DATABASE_URL to an empty database that belongs to this login",
        cause: error,
      });
    }
  }
}

/** Creates the schemas that are missing. */
export async function createSchemas(client: Client, schemas: readonly string[]): Promise<void> {
  const { rows } = await client.query("SELECT nspname AS name FROM pg_namespace WHERE nspname = ANY ($1)", [
    schemas,
  ]);
  const existing = new Set(rows.map(({ name }) => name));
  for (const schema of schemas) {
    if (!existing.has(schema)) await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdent(schema)}`);
  }
}

/** Removes whatever scripts can leave in a database, inside of schemas and outside. */
export async function emptyDatabase(client: Client): Promise<void> {
  const { rows } = await client.query(`
    SELECT format('DROP EXTENSION IF EXISTS %I CASCADE', extname) AS sql FROM pg_extension WHERE extname <> 'plpgsql'
    UNION ALL SELECT format('DROP EVENT TRIGGER IF EXISTS %I CASCADE', evtname) FROM pg_event_trigger
    UNION ALL SELECT format('DROP PUBLICATION IF EXISTS %I CASCADE', pubname) FROM pg_publication
    UNION ALL SELECT format('DROP FOREIGN DATA WRAPPER IF EXISTS %I CASCADE', fdwname) FROM pg_foreign_data_wrapper
    UNION ALL SELECT format('DROP CAST IF EXISTS (%s AS %s)', castsource::regtype, casttarget::regtype) FROM pg_cast WHERE oid >= 16384`);
  for (const { sql } of rows) await client.query(sql);
  const schemas = await client.query(
    "SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', $1)",
    [SHADOW_MARK],
  );
  await dropSchemas(
    client,
    schemas.rows.map(({ name }) => name),
  );
}
