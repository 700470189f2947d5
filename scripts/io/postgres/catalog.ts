import type pg from "pg";
import { unqualifyExtensions } from "../../core/extensionNames.ts";
import { quoteLiteral } from "../../core/sql.ts";
import { CATALOG_SQL } from "./catalogSql.ts";
import type { Client } from "./connect.ts";

export type CatalogKind = keyof typeof CATALOG_SQL;

export type CatalogFacts = Record<string, unknown>;

/** Every object by kind and qualified name, with all that the server knows of it and nothing that differs by nature. */
export type Catalog = Record<CatalogKind, Record<string, CatalogFacts>>;

export const CATALOG_KINDS = Object.keys(CATALOG_SQL) as CatalogKind[];

/** By schema; where an extension lives is no migration's to decide, and differs from database to database. */
const EXTENSION_NAMES = `
  SELECT n.nspname::text, array_agg(DISTINCT o.name) FROM pg_extension x
    JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid AND d.deptype = 'e'
    JOIN LATERAL (
      SELECT typnamespace AS namespace, typname::text AS name FROM pg_type WHERE d.classid = 'pg_type'::regclass AND oid = d.objid
      UNION ALL SELECT pronamespace, proname::text FROM pg_proc WHERE d.classid = 'pg_proc'::regclass AND oid = d.objid
      UNION ALL SELECT opcnamespace, opcname::text FROM pg_opclass WHERE d.classid = 'pg_opclass'::regclass AND oid = d.objid
    ) o ON true
    JOIN pg_namespace n ON n.oid = o.namespace AND n.nspname !~ '^pg_'
   GROUP BY n.nspname`;

/**
 * Reads the catalog of some schemas, and of what belongs to no schema (extensions, casts, publications …), within the
 * transaction that is open on the connection. Columns and enum labels keep their order; objects of extensions are left out.
 */
export async function readCatalog(
  client: Client,
  schemas: readonly string[],
  kinds: readonly CatalogKind[] = CATALOG_KINDS,
): Promise<Catalog> {
  return parseCatalog(await client.query(atEmptyPath(renderReadCatalog(schemas, kinds))));
}

let prepared = 0;

/**
 * The same for who reads more than once on a session of its own: planning is most of the work on a small schema, and is
 * done once. In between no script may run that could forget prepared statements.
 */
export function prepareReadCatalog(client: Client, schemas: readonly string[]): () => Promise<Catalog> {
  prepared += 1;
  const name = `catalog_${prepared}`;
  const prepare = `PREPARE ${name} AS ${renderReadCatalog(schemas, CATALOG_KINDS)}`;
  let isPrepared = false;
  return async () => {
    const statements = [...(isPrepared ? [] : [prepare]), `EXECUTE ${name}`];
    const results = await client.query(atEmptyPath(...statements));
    isPrepared = true;
    return parseCatalog(results);
  };
}

/** Under an empty search path the server itself qualifies every name that it deparses. One message, one round trip. */
function atEmptyPath(...statements: readonly string[]): pg.QueryArrayConfig {
  const text = [
    "SELECT set_config('schemata.search_path', current_setting('search_path'), true)",
    "SET LOCAL search_path = ''",
    ...statements,
    EXTENSION_NAMES,
    "SELECT set_config('search_path', current_setting('schemata.search_path'), true)",
  ].join(";\n");
  return { text, rowMode: "array" };
}

function parseCatalog(results: pg.QueryArrayResult | pg.QueryArrayResult[]): Catalog {
  const [extensions, objects] = [-2, -3].map((index) => [results].flat().at(index)?.rows ?? []);
  const rows = objects as [CatalogKind, string, string][];
  const members = extensions as [string, string[]][];
  const unqualify = unqualifyExtensions(members.map(([schema, names]) => ({ schema, names })));
  const catalog = Object.fromEntries(CATALOG_KINDS.map((kind) => [kind, {}])) as Catalog;
  for (const [kind, name, facts] of rows) {
    const key = unqualify(name);
    if (Object.hasOwn(catalog[kind], key)) throw new Error(`two ${kind} are called ${key}`);
    catalog[kind][key] = JSON.parse(unqualify(facts)) as CatalogFacts;
  }
  return catalog;
}

/** One statement for all kinds: one round trip, sorted as it is read. */
function renderReadCatalog(schemas: readonly string[], kinds: readonly CatalogKind[]): string {
  const list = `ARRAY[${schemas.map(quoteLiteral).join(", ")}]::text[]`;
  const parts = kinds.map(
    (kind) =>
      `SELECT '${kind}' AS kind, key::text COLLATE "C" AS key, jsonb_strip_nulls(facts)::text AS facts FROM (${CATALOG_SQL[kind].replaceAll("$1", () => list)}) of_kind`,
  );
  return `${parts.join("\nUNION ALL\n")}\nORDER BY key`;
}
