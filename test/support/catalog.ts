import pg from "pg";
import {
  CATALOG_KINDS,
  type Catalog,
  type CatalogFacts,
  readCatalog as read,
} from "../../scripts/io/postgres/catalog.ts";

export type { Catalog } from "../../scripts/io/postgres/catalog.ts";

export interface CatalogOptions {
  /** Compare owners and privileges too. Default: true. */
  owners?: boolean;
}

/** The product's own reader in a transaction of its own, as a plain object for `toEqual`. */
export async function readCatalog(
  target: pg.Client | string,
  schemas: readonly string[],
  { owners = true }: CatalogOptions = {},
): Promise<Catalog> {
  return withClient(target, async (client) => {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    try {
      const catalog = await read(client, schemas);
      if (owners) return catalog;
      for (const kind of CATALOG_KINDS) {
        for (const [key, facts] of Object.entries(catalog[kind])) catalog[kind][key] = withoutOwners(facts);
      }
      return catalog;
    } finally {
      await client.query("COMMIT");
    }
  });
}

function withoutOwners({ owner: _owner, acl: _acl, ...facts }: CatalogFacts): CatalogFacts {
  if (!Array.isArray(facts.columns)) return facts;
  return { ...facts, columns: facts.columns.map(({ acl: _columnAcl, ...column }: CatalogFacts) => column) };
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
