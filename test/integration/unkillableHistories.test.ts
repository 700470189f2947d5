import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { withClient } from "../support/catalog.ts";
import { spawnCli } from "../support/cli.ts";
import { anyHistory } from "../support/histories/random.ts";
import { type Outcome, readOutcome } from "../support/interchange.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { type Site, upgradeWell } from "../support/upgrade.ts";
import { makeWorkspace } from "../support/workspace.ts";

const SERVICES = ["auth", "billing", "catalog"] as const;
const RUNS = 8;

/** A moment as a share of an undisturbed run, and what is killed then. */
const anyKill = fc.record({
  moment: fc.double({ min: 0, max: 1, noNaN: true }),
  what: fc.constantFrom("tool", "connections"),
});

test("whatever the history and wherever it is interrupted, it ends as if it had not been", {
  timeout: 300_000,
}, async () => {
  const server = await testServer();
  const property = fc.asyncProperty(
    fc.tuple(anyHistory(), anyHistory(), anyHistory()),
    fc.array(anyKill, { minLength: 1, maxLength: 4 }),
    async (histories, kills) => {
      const workspace = makeWorkspace(
        Object.fromEntries(SERVICES.map((name, index) => [name, { migrations: histories[index] ?? {} }])),
      );
      const [undisturbed, disturbed] = [await createDatabase(server), await createDatabase(server)];
      const started = performance.now();
      await upgradeWell({ workspace, databaseUrl: undisturbed });
      const length = performance.now() - started;
      for (const kill of kills)
        await interrupt({ workspace, databaseUrl: disturbed }, { ...kill, after: kill.moment * length });
      await upgradeWell({ workspace, databaseUrl: disturbed });
      const expected = await readAll(undisturbed);
      expect(expected.ledger.map(({ migration }) => migration)).toEqual(
        histories.flatMap((history) => Object.keys(history)),
      );
      expect(await readAll(disturbed)).toEqual(expected);
    },
  );
  // Each run takes seconds: the seed that a failure prints is worth more than shrinking.
  await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
});

async function interrupt(
  { workspace, databaseUrl }: Site,
  { what, after }: { what: "tool" | "connections"; after: number },
): Promise<void> {
  const { process } = await spawnCli(["upgrade-head"], { root: workspace.root, databaseUrl });
  await sleep(after);
  if (what === "tool") process.kill("SIGKILL");
  else {
    await withClient(databaseUrl, (client) =>
      client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
      ),
    );
  }
  const { stderr } = await process;
  expect(stderr).not.toMatch(/defect of the tool|unsettled/);
}

async function readAll(databaseUrl: string): Promise<Outcome> {
  const ledger: Outcome["ledger"] = [];
  for (const service of SERVICES) ledger.push(...(await readLedger(databaseUrl, service)));
  return { ...(await readOutcome(databaseUrl, [...SERVICES])), ledger };
}
