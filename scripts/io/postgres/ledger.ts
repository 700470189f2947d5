import type { LedgerRow } from "../../core/history.ts";
import { ledgerName } from "../../core/ledger.ts";
import { LEDGER_CHANGED } from "../../core/transaction.ts";
import { type Client, sqlState } from "./connect.ts";

/** Reads ledgers in one round trip; each answer's rows are in the order in which they were started. */
export async function readLedgers(
  client: Client,
  schemas: readonly string[],
): Promise<Map<string, LedgerRow[]>> {
  if (schemas.length === 0) return new Map();
  // One value per ledger: thousands of rows would each cost the client more than the server spends on them.
  const message = schemas.map(renderReadLedger).join(";\n");
  const results = [await client.query({ text: message, rowMode: "array" })].flat();
  return new Map(schemas.map((schema, index) => [schema, parseLedger(results[index]?.rows[0]?.[0])]));
}

/** Reads one ledger. */
export async function readLedger(client: Client, schema: string): Promise<LedgerRow[]> {
  return (await readLedgers(client, [schema])).get(schema) ?? [];
}

/** A transaction's own check found that another runner has been at work since the ledger was read. */
export function isLedgerChanged(error: unknown): boolean {
  return sqlState(error) === "22P02" && error instanceof Error && error.message.includes(LEDGER_CHANGED);
}

function renderReadLedger(schema: string): string {
  const ms = (column: string) => `floor(extract(epoch FROM ${column}) * 1000)`;
  const columns = `migration_name, checksum, ${ms("started_at")}, ${ms("finished_at")}, ${ms("rolled_back_at")}, applied_steps_count, logs`;
  return `SELECT coalesce(json_agg(json_build_array(${columns}) ORDER BY started_at, migration_name), '[]')::text FROM ${ledgerName(schema)}`;
}

type LedgerTuple = [string, string, number, number | null, number | null, number, string | null];

function parseLedger(text: string | undefined): LedgerRow[] {
  const tuples = JSON.parse(text ?? "[]") as LedgerTuple[];
  return tuples.map(([name, checksum, startedAt, finishedAt, rolledBackAt, steps, logs]) => ({
    name,
    checksum,
    startedAt,
    finishedAt,
    rolledBackAt,
    steps,
    logs,
  }));
}
