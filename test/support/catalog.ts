import pg from "pg";
import { CATALOG_SQL } from "./catalogSql.ts";

/** Every object by kind and qualified name, with all that the server knows of it and nothing that differs by nature. */
export type Catalog = Record<keyof typeof CATALOG_SQL, Record<string, Facts>>;

type Facts = Record<string, unknown>;

export interface CatalogOptions {
  /** Compare owners and privileges too. Default: true. */
  owners?: boolean;
}

/**
 * Reads the whole catalog of some schemas, and of what belongs to no schema (extensions, casts, publications …), as a
 * plain object for `toEqual`. Columns and enum labels keep their order; objects of extensions are left out.
 */
export async function readCatalog(
  target: pg.Client | string,
  schemas: readonly string[],
  { owners = true }: CatalogOptions = {},
): Promise<Catalog> {
  return withClient(target, async (client) => {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = ''");
    try {
      const catalog: Partial<Catalog> = {};
      for (const kind of Object.keys(CATALOG_SQL) as (keyof typeof CATALOG_SQL)[]) {
        catalog[kind] = await readKind(client, kind, { schemas, owners });
      }
      return catalog as Catalog;
    } finally {
      await client.query("COMMIT");
    }
  });
}

async function readKind(
  client: pg.Client,
  kind: keyof typeof CATALOG_SQL,
  { schemas, owners }: { schemas: readonly string[]; owners: boolean },
): Promise<Record<string, Facts>> {
  const sql = `SELECT key, jsonb_strip_nulls(facts) AS facts FROM (${CATALOG_SQL[kind]}) kind ORDER BY key COLLATE "C"`;
  const { rows } = await client.query<{ key: string; facts: Facts }>(sql, [schemas]);
  const objects: Record<string, Facts> = {};
  for (const { key, facts } of rows) {
    if (Object.hasOwn(objects, key)) throw new Error(`two ${kind} are called ${key}`);
    objects[key] = owners ? facts : withoutOwners(facts);
  }
  return objects;
}

function withoutOwners({ owner: _owner, acl: _acl, ...facts }: Facts): Facts {
  if (!Array.isArray(facts.columns)) return facts;
  return { ...facts, columns: facts.columns.map(({ acl: _columnAcl, ...column }: Facts) => column) };
}

/** The contents of every table of some schemas but the ledgers: rows as text, sorted, by qualified table name. */
export async function readRows(
  target: pg.Client | string,
  schemas: readonly string[],
): Promise<Record<string, string[]>> {
  return withClient(target, async (client) => {
    const tables = await client.query<{ name: string }>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'm') AND c.relispopulated AND c.relname <> '_prisma_migrations'
       ORDER BY 1`,
      [schemas],
    );
    const contents: Record<string, string[]> = {};
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ line: string }>(
        `SELECT t::text AS line FROM ${name} t ORDER BY 1`,
      );
      contents[name] = rows.map(({ line }) => line);
    }
    return contents;
  });
}

/** Runs `work` on the client given, or on one that is opened for it. */
export async function withClient<T>(
  target: pg.Client | string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  if (typeof target !== "string") return work(target);
  const client = new pg.Client({ connectionString: target, application_name: "schemata-test" });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
