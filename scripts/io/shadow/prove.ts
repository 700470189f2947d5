import { type CatalogDifference, compareCatalogs } from "../../core/catalog.ts";
import { renderSearchPathSql } from "../../core/extensions.ts";
import { renderInOneTransaction } from "../../core/oneTransaction.ts";
import { mayNeedStepwise } from "../../core/statements.ts";
import { loadSqlParser } from "../parser.ts";
import { readCatalog } from "../postgres/catalog.ts";
import type { Client } from "../postgres/connect.ts";

export interface Proof {
  /** What is not as before after up and down; objects that belong to no schema are looked at, too. */
  differences: CatalogDifference[];
  /** Why down could not be run; then nothing was compared. */
  failure?: unknown;
}

/**
 * Runs up and down in the open transaction and compares the schema's catalog with before; up's failure is thrown.
 * `between` looks at the state that up has made. Afterwards the transaction is to be rolled back.
 */
export async function proveDown(
  client: Client,
  { schema, up, down, between }: { schema: string; up: string; down: string; between(): Promise<void> },
): Promise<Proof> {
  const before = await readCatalog(client, [schema]);
  await runAs(client, schema, up);
  await between();
  try {
    await runAs(client, schema, down);
    return { differences: compareCatalogs(before, await readCatalog(client, [schema])) };
  } catch (failure) {
    return { failure, differences: [] };
  }
}

/** Runs a script as an upgrade would, on the same search path, whatever the one before has set. */
export async function runAs(client: Client, schema: string, sql: string): Promise<void> {
  await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [schema]);
  await client.query(await withinTransaction(sql));
}

/** Prisma's engine wraps what it does to an enum in BEGIN and COMMIT, which would end the transaction around all of it. */
async function withinTransaction(sql: string): Promise<string> {
  if (!mayNeedStepwise(sql)) return sql;
  const { parseSql } = await loadSqlParser();
  const rendered = renderInOneTransaction(sql, parseSql);
  if ("sql" in rendered) return rendered.sql;
  throw new Error(rendered.problem.message);
}
