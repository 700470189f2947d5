import type pg from "pg";
import { withClient } from "./catalog.ts";

/** A ledger row without what differs between two runs by nature: its id and its times. */
export interface LedgerRow {
  migration: string;
  checksum: string;
  steps: number;
  state: "finished" | "rolled back" | "failed";
  logs: string | null;
}

/** A service's ledger in the order in which its rows began; no ledger is no row. */
export async function readLedger(target: pg.Client | string, schema: string): Promise<LedgerRow[]> {
  return withClient(target, async (client) => {
    const table = `"${schema.replaceAll('"', '""')}"."_prisma_migrations"`;
    const exists = await client.query("SELECT to_regclass($1) IS NOT NULL AS it", [table]);
    if (!exists.rows[0]?.it) return [];
    const { rows } = await client.query<LedgerRow>(
      `SELECT migration_name AS migration, checksum, applied_steps_count AS steps, logs,
         CASE WHEN rolled_back_at IS NOT NULL THEN 'rolled back' WHEN finished_at IS NULL THEN 'failed' ELSE 'finished' END AS state
       FROM ${table} ORDER BY started_at, migration_name`,
    );
    return rows;
  });
}
