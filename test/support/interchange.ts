import { expect } from "vitest";
import { type Catalog, readCatalog, readRows } from "./catalog.ts";
import { runCli } from "./cli.ts";
import { type LedgerRow, readLedger } from "./ledger.ts";
import type { TestWorkspace } from "./workspace.ts";

/** All that two ways of applying one history must leave alike. */
export interface Outcome {
  catalog: Catalog;
  rows: Record<string, string[]>;
  ledger: LedgerRow[];
}

/** Reads what stands in a database; the first schema is the service's, others are of its own making. */
export async function readOutcome(url: string, schemas: readonly [string, ...string[]]): Promise<Outcome> {
  const [catalog, rows, ledger] = await Promise.all([
    readCatalog(url, schemas),
    readRows(url, schemas),
    readLedger(url, schemas[0]),
  ]);
  return { catalog, rows, ledger };
}

export interface ServiceReport {
  service: string;
  status: "upgraded" | "up-to-date" | "failed" | "skipped";
  applied: string[];
  error?: unknown;
  failure?: Record<string, unknown>;
}

export interface ServiceState {
  service: string;
  applied: number;
  head: string | null;
  current: string | null;
  pending: string[];
  missing: string[];
  edited: string[];
  failed: string[];
  outOfOrder: string[];
}

interface Where {
  workspace: TestWorkspace;
  databaseUrl: string;
}

/** Runs our `upgrade-head` on one service and expects it to succeed; returns what it says it has applied. */
export async function upgradeWithOurs(service: string, { workspace, databaseUrl }: Where): Promise<string[]> {
  const result = await runCli(["upgrade-head", "--app", service, "--json"], {
    root: workspace.root,
    databaseUrl,
  });
  expect(result.stderr + result.stdout, "upgrade-head").not.toMatch(/defect of the tool/);
  expect(result.status, result.stderr).toBe(0);
  const [report] = result.json<{ services: ServiceReport[] }>().services;
  expect(report?.service).toBe(service);
  expect(report?.status).toBe(report?.applied.length === 0 ? "up-to-date" : "upgraded");
  return report?.applied ?? [];
}

/** Reads where one service stands by our `current`. */
export async function readCurrent(service: string, { workspace, databaseUrl }: Where): Promise<ServiceState> {
  const result = await runCli(["current", "--app", service, "--json"], { root: workspace.root, databaseUrl });
  expect(result.status, result.stderr).toBe(0);
  const [state] = result.json<{ services: ServiceState[] }>().services;
  if (state === undefined) throw new Error(`current reports no service: ${result.stdout}`);
  return state;
}
