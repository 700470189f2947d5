import { compareCatalogs } from "../../core/catalog.ts";
import { renderDifference } from "../../core/catalogView.ts";
import { renderDownFile } from "../../core/downFile.ts";
import { renderSearchPathSql } from "../../core/extensions.ts";
import type { Service } from "../../core/service.ts";
import { quoteIdent } from "../../core/sql.ts";
import { describeDataEffects, type Tables } from "../../core/tables.ts";
import { renderCreateLedger } from "../../core/transaction.ts";
import { readCatalog } from "../postgres/catalog.ts";
import { type Client, sqlState } from "../postgres/connect.ts";
import { readTables } from "../postgres/tables.ts";
import { proveDown } from "../shadow/prove.ts";

/** What a history has made: objects by kind and name, and how many rows each table holds. */
export interface Made {
  catalog: Awaited<ReturnType<typeof readCatalog>>;
  rows: Map<string, string>;
}

/** Looks at the service's schema in the open transaction. */
export async function readMade(client: Client, schema: string): Promise<Made> {
  const rows = new Map<string, string>();
  for (const table of (await readTables(client, schema)).keys()) {
    const counted = await client.query(
      `SELECT count(*) AS n FROM ${quoteIdent(schema)}.${quoteIdent(table)}`,
    );
    rows.set(table, String(counted.rows[0]?.n));
  }
  return { catalog: await readCatalog(client, [schema]), rows };
}

/** Empties the service's schema in the open transaction, and removes what the history has made elsewhere. */
export async function startOver(
  client: Client,
  schema: string,
  { removals, dropAll }: { removals: readonly string[]; dropAll: string },
): Promise<void> {
  for (const statement of removals) await client.query(statement);
  // The schema that every database has would not come back as it was, nor would the extensions in it.
  if (schema === "public") return void (await client.query(dropAll));
  const name = quoteIdent(schema);
  const statements = [
    `DROP SCHEMA IF EXISTS ${name} CASCADE`,
    `CREATE SCHEMA ${name}`,
    ...renderCreateLedger({ schema }),
  ];
  for (const statement of statements) await client.query(statement);
}

/** Why a script does not make what the history has made, a sentence each; none: it does. Undone afterwards. */
export async function proveEqual(
  client: Client,
  { service: { schema }, sql, made }: { service: Service; sql: string; made: Made },
): Promise<string[]> {
  await client.query("SAVEPOINT candidate");
  try {
    await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [schema]);
    await client.query(sql);
    // What constraints put off to the end would fail there.
    await client.query("SET CONSTRAINTS ALL IMMEDIATE");
    const now = await readMade(client, schema);
    const differences = compareCatalogs(made.catalog, now.catalog).map(
      (one) => `${one.change}: ${renderDifference(one, schema)}`,
    );
    const counts = [...made.rows]
      .filter(([table, count]) => now.rows.has(table) && now.rows.get(table) !== count)
      .map(([table, count]) => `"${table}" would hold ${now.rows.get(table)} rows instead of ${count}`);
    return [...differences, ...counts];
  } catch (error) {
    if (sqlState(error) === undefined || !(error instanceof Error)) throw error;
    return [`it fails: ${error.message} (SQLSTATE ${sqlState(error)})`];
  } finally {
    await client.query("ROLLBACK TO SAVEPOINT candidate");
  }
}

/** A reversal, as it was found to be. */
export interface ProvenDown {
  sql: string;
  proven: boolean;
  /** What it leaves behind or does not restore. */
  differences: string[];
  notes: string[];
}

/** Tries reversals on the empty schema, and takes the first that brings it back, else the one that comes nearest. */
export async function chooseDown(
  client: Client,
  { service: { schema }, up, candidates }: { service: Service; up: string; candidates: readonly string[] },
): Promise<ProvenDown> {
  const tried: ProvenDown[] = [];
  for (const sql of candidates) {
    await client.query("SAVEPOINT reversal");
    let after: Tables = new Map();
    const { differences: found, failure } = await proveDown(client, {
      ...{ schema, up, down: sql },
      between: async () => {
        after = await readTables(client, schema);
      },
    });
    await client.query("ROLLBACK TO SAVEPOINT reversal");
    const differences = found.map((one) => renderDifference(one, schema));
    const message = failure instanceof Error ? failure.message : String(failure);
    const notes = [
      ...(failure === undefined ? [] : [`NOT PROVEN: on the shadow database it failed: ${message}`]),
      ...describeDataEffects(new Map(), after).lost.map((what) => `Loses: ${what}.`),
      ...differences.map((what) => `Does not restore: ${what}.`),
    ];
    tried.push({ sql, proven: failure === undefined, differences, notes });
    if (failure === undefined && differences.length === 0) break;
  }
  const score = ({ proven, differences }: ProvenDown) =>
    proven ? differences.length : Number.MAX_SAFE_INTEGER;
  const [best] = tried.sort((a, b) => score(a) - score(b));
  return (
    best ?? { sql: "", proven: false, differences: [], notes: ["NOT PROVEN: nothing is known to undo it."] }
  );
}

/** down.sql of the squashed migration. */
export function renderSquashDown(name: string, up: string, { sql, proven, notes }: ProvenDown): string {
  return renderDownFile({ migration: name, sql, notes, provenWith: proven ? up : undefined });
}
