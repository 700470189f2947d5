import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { spawnCli } from "../support/cli.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { applyWithEngine } from "../support/prismaCli.ts";
import { type Site, upgrade, upgradeWell } from "../support/upgrade.ts";
import { makeWorkspace } from "../support/workspace.ts";

const BUSY = "20250101000000_busy";
const WIDER = "20250102000000_wider";
const NEXT = "20250103000000_next";

/** A service with a table in use, one migration that alters it, and one after it. */
async function makeSite(): Promise<Site> {
  const databaseUrl = await createDatabase(await testServer());
  const workspace = makeWorkspace({
    auth: {
      migrations: { [BUSY]: 'CREATE TABLE "Busy" (id integer);\nINSERT INTO "Busy" VALUES (1), (2);' },
    },
  });
  const site = { workspace, databaseUrl };
  await upgradeWell(site);
  workspace.writeMigration("auth", WIDER, '-- wider\nALTER TABLE "Busy" ADD COLUMN name text;\n');
  workspace.writeMigration("auth", NEXT, "CREATE TABLE after ();");
  return site;
}

async function openSession(url: string, name: string): Promise<pg.Client & { processID: number }> {
  const client = new pg.Client({ connectionString: url, application_name: name });
  await client.connect();
  onTestFinished(() => client.end());
  return client as pg.Client & { processID: number };
}

/** A session that reads the table in a transaction and does not end it. */
async function holdTable({ databaseUrl }: Site): Promise<pg.Client & { processID: number }> {
  const holder = await openSession(databaseUrl, "nightly report");
  await holder.query('BEGIN; SELECT id FROM auth."Busy" WHERE id = 1');
  return holder;
}

describe("a table that another session uses", () => {
  const LOCK_TIMEOUT_MS = 400;
  const SLACK_MS = 1_000;
  const HELD_MS = 5_000;

  test("is altered once it is free, and no query waits longer than the lock timeout meanwhile", async () => {
    const site = await makeSite();
    const holder = await holdTable(site);
    const reader = await openSession(site.databaseUrl, "reader");
    const args = ["upgrade-head", "--lock-timeout", String(LOCK_TIMEOUT_MS / 1_000), "--retries", "40"];
    const { process } = await spawnCli(args, { root: site.workspace.root, databaseUrl: site.databaseUrl });
    let running = true;
    process.finally(() => {
      running = false;
    });
    setTimeout(() => holder.query("COMMIT"), HELD_MS);
    const waits: number[] = [];
    while (running) {
      // The server's own clock: how busy the machine is stays out of it. The lock is taken before the first value is.
      const { rows } = await reader.query(
        'SELECT extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000 AS ms FROM auth."Busy" LIMIT 1',
      );
      waits.push(Number(rows[0].ms));
      await sleep(10);
    }
    const { exitCode, stderr } = await process;
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toMatch(/auth: 20250102000000_wider will be tried again in \d+ ms \(2\/40\)/);
    expect(Math.max(...waits)).toBeLessThan(LOCK_TIMEOUT_MS + SLACK_MS);
    expect(waits.filter((ms) => ms > LOCK_TIMEOUT_MS / 4).length).toBeGreaterThan(1);
    expect((await readLedger(site.databaseUrl, "auth")).map(({ migration }) => migration)).toEqual([
      BUSY,
      WIDER,
      NEXT,
    ]);
  });

  test.each(["2", "0.2"])(
    "that stays in use fails after the retries and names who uses it, lock timeout %s s",
    async (timeout) => {
      const site = await makeSite();
      const holder = await holdTable(site);
      const run = await upgrade(site, "--lock-timeout", timeout, "--retries", "2");
      expect(run.status).toBe(1);
      expect(run.of("auth")).toMatchObject({ status: "failed", applied: [] });
      const { error } = run.of("auth");
      expect(error).toMatch(
        `auth: ${WIDER} failed at services/auth/migrations/${WIDER}/migration.sql:2:1\n  Why: canceling statement due to lock timeout (SQLSTATE 55P03)`,
      );
      expect(error).toMatch(
        new RegExp(
          `held by pid ${holder.processID} \\(nightly report\\), idle in transaction for \\d+ s: BEGIN; SELECT id FROM auth\\."Busy"`,
        ),
      );
      expect(error).toMatch(/Fix: .*--lock-timeout.*--retries.*make upgrade-head app=auth/);
      expect(await readLedger(site.databaseUrl, "auth")).toHaveLength(1);
      await holder.query("COMMIT");
      expect((await upgradeWell(site)).of("auth").applied).toEqual([WIDER, NEXT]);
    },
  );
});

describe("a service's turn", () => {
  test("is waited for as long as --lock-wait says, and who has it is named", async () => {
    const site = await makeSite();
    const holder = await openSession(site.databaseUrl, "schemata auth");
    await holder.query("BEGIN; SELECT pg_advisory_xact_lock(72707369, hashtext('auth'))");
    const run = await upgrade(site, "--lock-wait", "0.5");
    expect(run.status).toBe(1);
    expect(run.of("auth").error).toMatch(
      new RegExp(
        `^auth: ${WIDER} waited 0\\.5 s for its turn\\n  Why: held by pid ${holder.processID} \\(schemata auth\\), idle in transaction for \\d+ s: BEGIN; SELECT pg_advisory`,
      ),
    );
    expect(run.of("auth").error).toMatch(`pg_terminate_backend(${holder.processID})`);
    expect(run.stderr).toMatch(/auth: 20250102000000_wider waits, held by pid/);
    const later = upgrade(site, "--lock-wait", "60");
    await sleep(1_500);
    await holder.query("COMMIT");
    expect((await later).of("auth").applied).toEqual([WIDER, NEXT]);
  });

  test("of one service is no other's business", async () => {
    const site = await makeSite();
    site.workspace.write(
      "services/billing/schema.prisma",
      'datasource db {\n  provider = "postgresql"\n  schemas = ["billing"]\n}\n',
    );
    site.workspace.writeMigration("billing", "20250101000000_one", "CREATE TABLE a ();");
    const holder = await openSession(site.databaseUrl, "another run");
    await holder.query("BEGIN; SELECT pg_advisory_xact_lock(72707369, hashtext('auth'))");
    const run = await upgrade(site, "--lock-wait", "0.3");
    expect(run.status).toBe(1);
    expect(run.of("auth").status).toBe("failed");
    expect(run.of("billing").status).toBe("upgraded");
  });

  test("comes after a stock migrate deploy, of whichever service, has ended: its own engine locks the whole database", async () => {
    const site = await makeSite();
    const stock = await openSession(site.databaseUrl, "prisma migrate");
    await stock.query("SELECT pg_advisory_lock(72707369)");
    const working = stock.query("SELECT 'slow work', pg_sleep(4)");
    const impatient = await upgrade(site, "--lock-wait", "0.5");
    expect(impatient.status).toBe(1);
    expect(impatient.of("auth").error).toMatch(
      new RegExp(
        `${WIDER} waited 0\\.5 s for its turn\n {2}Why: held by pid ${stock.processID} \\(prisma migrate\\), .* for \\d+ s: SELECT`,
      ),
    );
    const patient = upgradeWell(site);
    await working;
    await stock.query("SELECT pg_advisory_unlock(72707369)");
    expect((await patient).of("auth").applied).toEqual([WIDER, NEXT]);
  });

  test("does not come while stock works on the service itself, which is not mistaken for a failed migration", async () => {
    const databaseUrl = await createDatabase(await testServer());
    const workspace = makeWorkspace({ auth: { migrations: { [BUSY]: "SELECT 'slow work', pg_sleep(8);" } } });
    const stock = applyWithEngine({ workspace, service: "auth", databaseUrl });
    await untilWorking(await openSession(databaseUrl, "control"), "slow work");
    const run = await upgrade({ workspace, databaseUrl }, "--lock-wait", "0.5");
    expect(run.status).toBe(1);
    expect(run.of("auth").error).toMatch(/^auth: waited 0\.5 s for its turn\n {2}Why: held by pid \d+/);
    await stock;
    expect((await upgradeWell({ workspace, databaseUrl })).of("auth").status).toBe("up-to-date");
  });
});

async function untilWorking(control: pg.Client, word: string): Promise<void> {
  for (let left = 1_000; left > 0; left -= 1) {
    const { rowCount } = await control.query(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()",
      [`%${word}%`],
    );
    if (rowCount === 1) return;
    await sleep(20);
  }
  throw new Error(`nobody runs ${word}`);
}
