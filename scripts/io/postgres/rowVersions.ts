import { quoteLiteral } from "../../core/sql.ts";
import type { Client } from "./connect.ts";
import { atEmptyPath } from "./emptyPath.ts";
import { prepareQuery } from "./prepared.ts";

/**
 * Which versions of its rows in the catalogs each table, sequence and type of a schema has, by name; what belongs to
 * none of them stands under "". Read is what a script of the schema engine can write, or take along with a table that it
 * drops; it knows nothing of functions, views and the like.
 */
export type RowVersions = ReadonlyMap<string, string>;

/** In these catalogs, a relation's rows by the column that names it; an index counts to its table. */
const OF_RELATIONS = {
  pg_attribute: "attrelid",
  pg_attrdef: "adrelid",
  pg_constraint: "conrelid",
  pg_index: "indexrelid",
  pg_sequence: "seqrelid",
};

const OTHERS = [
  "pg_extension x",
  "pg_statistic_ext x",
  "pg_publication_rel x",
  "pg_description x WHERE x.objoid >= 16384 AND x.classoid <> 'pg_class'::regclass",
];

/**
 * Has the server plan how to read the versions of a schema's catalog rows. They are read in one transaction as often as
 * it is called: a few milliseconds, where reading what the rows say takes a few for each ten tables. They compare within
 * that transaction only.
 */
export function prepareReadVersions(client: Client, schema: string): () => Promise<RowVersions> {
  const name = prepareQuery(client, renderReadVersions(schema));
  return async () => {
    const results = await client.query({ text: atEmptyPath(`EXECUTE ${name}`), rowMode: "array" });
    // One value: hundreds of rows would cost more to read than the server spends on them.
    const versions = [results].flat().at(-2)?.rows[0]?.[0] as Record<string, string> | null | undefined;
    return new Map(Object.entries(versions ?? {}));
  };
}

/** What has got, lost or changed a row between two readings. */
export function changedNames(before: RowVersions, after: RowVersions): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  );
}

function renderReadVersions(schema: string): string {
  const parts = [
    "SELECT name, version FROM relations",
    ...Object.entries(OF_RELATIONS).map(([catalog, column]) => renderPart(catalog, column, "relations")),
    renderPart("pg_description", "objoid", "relations", "x.classoid = 'pg_class'::regclass"),
    "SELECT name, version FROM types",
    renderPart("pg_enum", "enumtypid", "types"),
    ...OTHERS.map((from) => `SELECT '', ${renderVersion("x")} FROM ${from}`),
  ];
  return `
WITH own AS MATERIALIZED (SELECT oid FROM pg_namespace WHERE nspname = ${quoteLiteral(schema)}),
relations AS MATERIALIZED (
  SELECT c.oid, coalesce(t.relname, c.relname)::text AS name, ${renderVersion("c")} AS version
    FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid
   WHERE c.relnamespace = (SELECT oid FROM own)),
types AS MATERIALIZED (
  SELECT t.oid, t.typname::text AS name, ${renderVersion("t")} AS version FROM pg_type t
   WHERE t.typnamespace = (SELECT oid FROM own) AND t.typrelid = 0 AND t.typelem = 0)
SELECT json_object_agg(name, version) FROM (
  SELECT name, sum(version)::text AS version FROM (
${parts.join("\nUNION ALL ")}) of_each (name, version) GROUP BY name) of_all`;
}

function renderPart(catalog: string, column: string, owners: string, condition = "true"): string {
  return `SELECT o.name, ${renderVersion("x")} FROM ${catalog} x JOIN ${owners} o ON o.oid = x.${column} WHERE ${condition}`;
}

/** Where a row lies and which transaction wrote it: a changed row lies elsewhere, and this transaction wrote it. */
function renderVersion(alias: string): string {
  return `hashtidextended(${alias}.ctid, age(${alias}.xmin)::bigint)`;
}
