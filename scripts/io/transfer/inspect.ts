import { quoteIdent } from "../../core/sql.ts";
import type { Transfer } from "../../core/transfer/transfer.ts";
import type { Client } from "../postgres/connect.ts";

/** What there is to know of a table that is to go. */
export interface Belongings {
  transfer: Transfer;
  /** What keeps it, in whole phrases: things that cannot go along, or would break. */
  obstacles: string[];
  /** Functions whose text holds the table's name; PostgreSQL does not know whether they mean it. */
  mentions: string[];
}

const CLASS = (name: string) => `'pg_catalog.${name}'::regclass`;

/** All objects that are parts of the table, as (class, object); $1 is the table, $2 the enum types that go along. */
const MEMBERS = `
  SELECT ${CLASS("pg_class")} AS classid, $1::oid AS objid
  UNION ALL SELECT ${CLASS("pg_class")}, indexrelid FROM pg_index WHERE indrelid = $1
  UNION ALL SELECT ${CLASS("pg_class")}, objid FROM pg_depend
     WHERE classid = ${CLASS("pg_class")} AND refclassid = ${CLASS("pg_class")} AND refobjid = $1 AND deptype IN ('a', 'i')
       AND EXISTS (SELECT FROM pg_class c WHERE c.oid = objid AND c.relkind = 'S')
  UNION ALL SELECT ${CLASS("pg_type")}, t.oid FROM pg_type t WHERE t.typrelid = $1 OR t.oid = ANY ($2::oid[])
  UNION ALL SELECT ${CLASS("pg_type")}, t.typarray FROM pg_type t WHERE t.typrelid = $1 OR t.oid = ANY ($2::oid[])
  UNION ALL SELECT ${CLASS("pg_constraint")}, oid FROM pg_constraint WHERE conrelid = $1
  UNION ALL SELECT ${CLASS("pg_attrdef")}, oid FROM pg_attrdef WHERE adrelid = $1
  UNION ALL SELECT ${CLASS("pg_trigger")}, oid FROM pg_trigger WHERE tgrelid = $1
  UNION ALL SELECT ${CLASS("pg_rewrite")}, oid FROM pg_rewrite WHERE ev_class = $1
  UNION ALL SELECT ${CLASS("pg_policy")}, oid FROM pg_policy WHERE polrelid = $1
  UNION ALL SELECT ${CLASS("pg_statistic_ext")}, oid FROM pg_statistic_ext WHERE stxrelid = $1`;

/** A view is known by its name, not by the rule that makes it one. */
const describe = (
  alias: string,
  prefix: string,
) => `CASE WHEN ${alias}.${prefix}classid = ${CLASS("pg_rewrite")}
     THEN (SELECT pg_describe_object(${CLASS("pg_class")}, r.ev_class, 0) FROM pg_rewrite r WHERE r.oid = ${alias}.${prefix}objid)
     ELSE pg_describe_object(${alias}.${prefix}classid, ${alias}.${prefix}objid, 0) END`;

/** Looks at a table in the open transaction, in which both services are at head. */
export async function inspectTable(
  client: Client,
  { table, from, to }: Pick<Transfer, "table" | "from" | "to">,
): Promise<Belongings> {
  await client.query("SELECT set_config('search_path', '', true)");
  const oid = await readOid(client, from, table);
  const types = await readTypes(client, oid, from);
  const statistics = await client.query(
    `SELECT stxname AS name FROM pg_statistic_ext WHERE stxrelid = $1 AND stxnamespace = $2::text::regnamespace ORDER BY stxname COLLATE "C"`,
    [oid, quoteIdent(from)],
  );
  const members = [oid, types.map((type) => type.oid)];
  const obstacles = [
    ...(await readDependents(client, members)),
    ...(await readNeeds(client, members, from)),
    ...(await readForeign(client, oid, [from, to])),
    ...(await readKind(client, oid)),
    ...(await readTaken(client, members, to)),
  ];
  const transfer = {
    ...{ table, from, to },
    types: types.map(({ name }) => name),
    statistics: statistics.rows.map(({ name }) => name),
  };
  return { transfer, obstacles: [...new Set(obstacles)], mentions: await readMentions(client, from, table) };
}

async function readOid(client: Client, schema: string, table: string): Promise<number> {
  const { rows } = await client.query("SELECT to_regclass($1)::oid::bigint AS oid", [
    `${quoteIdent(schema)}.${quoteIdent(table)}`,
  ]);
  return Number(rows[0]?.oid);
}

/** Enum types of the schema that a column of the table has. */
async function readTypes(
  client: Client,
  table: number,
  schema: string,
): Promise<{ oid: number; name: string }[]> {
  const { rows } = await client.query(
    `SELECT t.oid::bigint AS oid, t.typname AS name FROM pg_type t
      WHERE t.typtype = 'e' AND t.typnamespace = $2::text::regnamespace
        AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = $1 AND NOT a.attisdropped AND a.atttypid IN (t.oid, t.typarray))
      ORDER BY t.typname COLLATE "C"`,
    [table, quoteIdent(schema)],
  );
  return rows.map(({ oid, name }) => ({ oid: Number(oid), name }));
}

/** What else rests on the table or its types, but for foreign keys. */
async function readDependents(client: Client, members: unknown[]): Promise<string[]> {
  const { rows } = await client.query(
    `WITH member AS (${MEMBERS})
     SELECT DISTINCT ${describe("d", "")} AS dependent, pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) AS what
       FROM pg_depend d JOIN member m ON m.classid = d.refclassid AND m.objid = d.refobjid
       LEFT JOIN pg_constraint k ON d.classid = ${CLASS("pg_constraint")} AND k.oid = d.objid
      WHERE (d.classid, d.objid) NOT IN (SELECT classid, objid FROM member)
        AND k.contype IS DISTINCT FROM 'f' AND d.deptype <> 'e'
        AND NOT EXISTS (SELECT FROM pg_trigger t WHERE d.classid = ${CLASS("pg_trigger")} AND t.oid = d.objid AND t.tgisinternal)
        AND NOT EXISTS (SELECT FROM pg_class c WHERE d.classid = ${CLASS("pg_class")} AND c.oid = d.objid AND c.relkind = 't')
      ORDER BY 1, 2`,
    members,
  );
  return rows.map(({ dependent, what }) => `${dependent} depends on ${what}`);
}

/** What the table needs of its schema, and would leave behind, but for what foreign keys point at. */
async function readNeeds(client: Client, members: unknown[], schema: string): Promise<string[]> {
  const { rows } = await client.query(
    `WITH member AS (${MEMBERS})
     SELECT DISTINCT ${describe("d", "")} AS part, pg_describe_object(d.refclassid, d.refobjid, 0) AS needed
       FROM pg_depend d JOIN member m ON m.classid = d.classid AND m.objid = d.objid
       CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, 0) o
       LEFT JOIN pg_constraint k ON d.classid = ${CLASS("pg_constraint")} AND k.oid = d.objid
       LEFT JOIN pg_trigger t ON d.classid = ${CLASS("pg_trigger")} AND t.oid = d.objid
      WHERE o.schema = $3::text AND (d.refclassid, d.refobjid) NOT IN (SELECT classid, objid FROM member)
        AND k.contype IS DISTINCT FROM 'f' AND t.tgisinternal IS NOT TRUE
      ORDER BY 1, 2`,
    [...members, schema],
  );
  return rows.map(({ part, needed }) => `${part} needs ${needed}, which stays`);
}

/** Foreign keys of services that have no part in it: their schema files and histories would have to follow. */
async function readForeign(client: Client, table: number, schemas: string[]): Promise<string[]> {
  const { rows } = await client.query(
    `SELECT conname AS name, conrelid::regclass::text AS owner FROM pg_constraint JOIN pg_namespace n ON n.oid = connamespace
      WHERE contype = 'f' AND confrelid = $1 AND nspname <> ALL ($2::text[]) ORDER BY 2, 1`,
    [table, schemas],
  );
  return rows.map(
    ({ name, owner }) => `the foreign key "${name}" of ${owner} refers to it, which is a third service's`,
  );
}

/** Kinds of tables, and rights in policies, that mean more than one service. */
async function readKind(client: Client, table: number): Promise<string[]> {
  const { rows } = await client.query(
    `SELECT relkind AS kind, relispartition AS partition, reloftype <> 0 AS typed,
            (SELECT array_agg(polname::text ORDER BY polname) FROM pg_policy WHERE polrelid = c.oid AND polroles <> '{0}') AS policies
       FROM pg_class c WHERE c.oid = $1`,
    [table],
  );
  const [{ kind, partition, typed, policies } = { kind: "r" }] = rows;
  return [
    ...(kind === "r" ? [] : ["it is no plain table"]),
    ...(partition ? ["it is a partition of another table"] : []),
    ...(typed ? ["it is a table of a type"] : []),
    ...(policies ?? []).map(
      (name: string) => `the policy "${name}" names roles, which are the old service's`,
    ),
  ];
}

/** Names that the new schema has given away already. */
async function readTaken(client: Client, members: unknown[], to: string): Promise<string[]> {
  const { rows } = await client.query(
    `WITH member AS (${MEMBERS}),
          moved AS (SELECT c.relname AS name FROM pg_class c JOIN member m ON m.classid = ${CLASS("pg_class")} AND m.objid = c.oid
              UNION SELECT t.typname FROM pg_type t JOIN member m ON m.classid = ${CLASS("pg_type")} AND m.objid = t.oid)
     SELECT name FROM moved JOIN pg_namespace n ON n.nspname = $3::text
      WHERE EXISTS (SELECT FROM pg_class c WHERE c.relname = name AND c.relnamespace = n.oid)
         OR EXISTS (SELECT FROM pg_type t WHERE t.typname = name AND t.typnamespace = n.oid)
      ORDER BY name COLLATE "C"`,
    [...members, to],
  );
  return rows.map(({ name }) => `the name "${name}" is taken in the schema "${to}"`);
}

async function readMentions(client: Client, schema: string, table: string): Promise<string[]> {
  const { rows } = await client.query(
    `SELECT p.oid::regprocedure::text AS name, p.prosrc AS source FROM pg_proc p WHERE p.pronamespace = $1::text::regnamespace ORDER BY 1`,
    [quoteIdent(schema)],
  );
  const word = new RegExp(`(?<!\\w)${table.replaceAll(/[^\w]/g, "\\$&")}(?!\\w)`, "i");
  return rows.filter(({ source }) => word.test(source)).map(({ name }) => name);
}
