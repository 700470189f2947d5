import { beforeAll, describe, expect, test } from "vitest";
import { type CliResult, runCli } from "../support/cli.ts";
import { growHistory } from "../support/histories/grown.ts";
import { type Outcome, readOutcome, type ServiceReport } from "../support/interchange.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { applyWithEngine } from "../support/prismaCli.ts";
import { makeWorkspace, type TestWorkspace } from "../support/workspace.ts";

/** Postgres refuses a concurrent build in a transaction: such a script has an unfinished row while it runs. */
const STEPWISE = {
  "20260101000000_index":
    'CREATE INDEX CONCURRENTLY "late" ON "Item0" (name);\nCREATE INDEX CONCURRENTLY "later" ON "Item0" (kind);',
  "20260102000000_after": "CREATE TABLE after_index ();",
};

const LONG = { ...growHistory(60), ...STEPWISE };
const NAMES = Object.keys(LONG);

function runMany(count: number, args: readonly string[], options: { root: string; databaseUrl: string }) {
  return Promise.all(
    Array.from({ length: count }, () => runCli(["upgrade-head", "--json", ...args], options)),
  );
}

/** What a service's runners say together, once each of them has ended well. */
function countApplied(results: readonly CliResult[], service: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const result of results) {
    expect(result.status, result.stderr).toBe(0);
    // Whoever waits for a turn must not keep its holder's concurrent build waiting.
    expect(result.stderr).not.toMatch(/deadlock/);
    const report = result
      .json<{ services: ServiceReport[] }>()
      .services.find((found) => found.service === service);
    expect(report?.error).toBeNull();
    expect(report?.status).toBe(report?.applied.length === 0 ? "up-to-date" : "upgraded");
    for (const name of report?.applied ?? []) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

describe("each migration is applied exactly once", () => {
  let workspace: TestWorkspace;
  let undisturbed: Outcome;

  beforeAll(async () => {
    const databaseUrl = await createDatabase(await testServer());
    workspace = makeWorkspace({ auth: { migrations: LONG } });
    const { status, stderr } = await runCli(["upgrade-head"], { root: workspace.root, databaseUrl });
    expect(status, stderr).toBe(0);
    undisturbed = await readOutcome(databaseUrl, ["auth"]);
    expect(undisturbed.ledger.map(({ migration }) => migration)).toEqual(NAMES);
  });

  test("by 30 processes that upgrade one service at once", { timeout: 300_000 }, async () => {
    const databaseUrl = await createDatabase(await testServer());
    const results = await runMany(30, [], { root: workspace.root, databaseUrl });
    expect([...countApplied(results, "auth")].sort()).toEqual(NAMES.map((name) => [name, 1]));
    expect(await readOutcome(databaseUrl, ["auth"])).toEqual(undisturbed);
  });

  test("by 8 processes that upgrade 20 services at once", { timeout: 300_000 }, async () => {
    const databaseUrl = await createDatabase(await testServer());
    const services = Array.from({ length: 20 }, (_, index) => `service_${index}`);
    const migrations = growHistory(12);
    const many = makeWorkspace(Object.fromEntries(services.map((name) => [name, { migrations }])));
    const results = await runMany(8, ["--jobs", "4"], { root: many.root, databaseUrl });
    for (const service of services) {
      expect([...countApplied(results, service)].sort(), service).toEqual(
        Object.keys(migrations).map((name) => [name, 1]),
      );
      const ledger = await readLedger(databaseUrl, service);
      expect(ledger.map(({ migration, state }) => [migration, state])).toEqual(
        Object.keys(migrations).map((name) => [name, "finished"]),
      );
    }
  });

  test.each([1, 2, 3])("by us and stock migrate deploy at the same time, round %i", async (round) => {
    const databaseUrl = await createDatabase(await testServer());
    const migrations = growHistory(60);
    const both = makeWorkspace({ auth: { migrations } });
    // Stock makes the schema and the ledger before it takes its lock; two that do so at once fail by design.
    const first = Object.keys(migrations).slice(0, round);
    await runCli(["upgrade-head", "--to", `+${first.length}`], { root: both.root, databaseUrl });
    const stock = { workspace: both, service: "auth", databaseUrl };
    const [theirs, again, ...ours] = await Promise.all([
      applyWithEngine(stock),
      applyWithEngine(stock),
      ...Array.from({ length: 4 }, () =>
        runCli(["upgrade-head", "--json"], { root: both.root, databaseUrl }),
      ),
    ]);
    const applied = [...countApplied(ours, "auth").keys()];
    for (const { status, output } of [theirs, again]) {
      expect(status, output).toBe(0);
      applied.push(...output.split("\n").filter(Boolean));
    }
    const names = Object.keys(migrations);
    expect(applied.sort()).toEqual(names.slice(first.length));
    const ledger = await readLedger(databaseUrl, "auth");
    expect(ledger.map(({ migration, state, steps }) => [migration, state, steps])).toEqual(
      names.map((name) => [name, "finished", 1]),
    );
    const { catalog } = await readOutcome(databaseUrl, ["auth"]);
    expect(Object.keys(catalog.relations).filter((name) => name.startsWith('auth."Item'))).toHaveLength(10);
  });
});
