import { type CatalogDifference, compareCatalogs } from "../../core/catalog.ts";
import { renderSearchPathSql } from "../../core/extensions.ts";
import { type Catalog, readCatalog } from "../postgres/catalog.ts";
import type { Client } from "../postgres/connect.ts";
import { renderForOneTransaction } from "./oneTransaction.ts";

export interface ProofRequest {
  schema: string;
  up: string;
  down: string;
  between(): Promise<void>;
  /** As it is before up, and how to read it again; default: it is read here. */
  catalog?: { before: Catalog; read(): Promise<Catalog> };
}

export interface Proof {
  /** What is not as before after up and down; objects that belong to no schema are looked at, too. */
  differences: CatalogDifference[];
  /** Why down could not be run; then nothing was compared. */
  failure?: unknown;
}

/**
 * Runs up and down in the open transaction and compares the schema's catalog with before; up's failure is thrown.
 * `between` looks at the state that up has made. Afterwards the transaction is to be rolled back. Who has read the
 * catalog already hands it over.
 */
export async function proveDown(
  client: Client,
  { schema, up, down, between, catalog }: ProofRequest,
): Promise<Proof> {
  const read = catalog?.read ?? (() => readCatalog(client, [schema]));
  const before = catalog?.before ?? (await read());
  await runAs(client, schema, up);
  await between();
  try {
    await runAs(client, schema, down);
    return { differences: compareCatalogs(before, await read()) };
  } catch (failure) {
    return { failure, differences: [] };
  }
}

/** Runs a script as an upgrade would, on the same search path, whatever the one before has set. */
export async function runAs(client: Client, schema: string, sql: string): Promise<void> {
  await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [schema]);
  await client.query(await prepareScript(sql));
}

/**
 * A script as a proof can run it. Prisma writes BEGIN and COMMIT around what makes an enum anew, which would end the
 * transaction of the proof: they are left out.
 */
export async function prepareScript(sql: string): Promise<string> {
  const rendered = await renderForOneTransaction(sql);
  if ("problem" in rendered) throw new Error(rendered.problem.message);
  return rendered.sql;
}
