import type pg from "pg";
import { unqualifyExtensions } from "../../core/extensionNames.ts";
import { quoteLiteral } from "../../core/sql.ts";
import { CATALOG_SQL } from "./catalogSql.ts";
import type { Client } from "./connect.ts";
import { atEmptyPath } from "./emptyPath.ts";
import { GENERIC_PLAN, prepareQuery } from "./prepared.ts";

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
  return parseCatalog(await client.query(readAtEmptyPath(renderReadCatalog({ schemas, kinds }))));
}

/** What belongs to a table, a sequence or a type, and can be read of some of them alone. */
const OWNED_KINDS: readonly CatalogKind[] = [
  ...(["relations", "indexes", "constraints", "sequences", "types"] as const),
  ...(["triggers", "rules", "policies"] as const),
];

/** Reads tables, sequences and types of a schema, with all that belongs to them, by their names. */
export type ReadObjects = (names: readonly string[]) => Promise<Catalog>;

/**
 * The same for who reads some objects more than once, on a session of its own: the server plans at once how to, which is
 * most of the work. In between no script may run that could forget prepared statements.
 */
export function prepareReadObjects(client: Client, schema: string): ReadObjects {
  const query = renderReadCatalog({ schemas: [schema], kinds: OWNED_KINDS, names: "$1" });
  const name = prepareQuery(client, query, { parameters: "(text[])", example: "('{}')" });
  return async (names) =>
    parseCatalog(await client.query(readAtEmptyPath(GENERIC_PLAN, `EXECUTE ${name} (${renderList(names)})`)));
}

/** One round trip for objects and for what is needed to read them. */
function readAtEmptyPath(...statements: readonly string[]): pg.QueryArrayConfig {
  return { text: atEmptyPath(...statements, EXTENSION_NAMES), rowMode: "array" };
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

/** One statement for all kinds: one round trip, sorted as it is read. `names` is SQL; default: of whatever name. */
function renderReadCatalog({
  schemas,
  kinds,
  names = "NULL",
}: {
  schemas: readonly string[];
  kinds: readonly CatalogKind[];
  names?: string;
}): string {
  const values: Readonly<Record<string, string>> = { $1: renderList(schemas), $2: names };
  const parts = kinds.map((kind) => {
    const objects = CATALOG_SQL[kind].replaceAll(/\$[12]/g, (parameter) => values[parameter] ?? parameter);
    return `SELECT '${kind}' AS kind, key::text COLLATE "C" AS key, jsonb_strip_nulls(facts)::text AS facts FROM (${objects}) of_kind`;
  });
  return `${parts.join("\nUNION ALL\n")}\nORDER BY key`;
}

function renderList(names: readonly string[]): string {
  return `ARRAY[${names.map(quoteLiteral).join(", ")}]::text[]`;
}
