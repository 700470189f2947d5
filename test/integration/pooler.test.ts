import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { runCli, spawnCli } from "../support/cli.ts";
import { growHistory } from "../support/histories/grown.ts";
import { readOutcome, type ServiceState } from "../support/interchange.ts";
import { readLedger } from "../support/ledger.ts";
import { startPgBouncer } from "../support/pgbouncer.ts";
import { type Pooler, startPooler } from "../support/pooler.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { expectDecent, type Site, upgrade, upgradeWell } from "../support/upgrade.ts";
import { makeWorkspace } from "../support/workspace.ts";

const { PGBOUNCER } = process.env;

/** The environment names PgBouncer's program where it is installed; our own stands in for it everywhere. */
const POOLERS: [string, (server: string) => Promise<Pooler>][] = [
  ["a pooler in transaction mode", startPooler],
  ...(PGBOUNCER
    ? [
        ["PgBouncer in transaction mode", (server: string) => startPgBouncer(PGBOUNCER, server)] as [
          string,
          (server: string) => Promise<Pooler>,
        ],
      ]
    : []),
];

const ONE = "20250101000000_one";
const TWO = "20250102000000_two";
const THREE = "20250103000000_three";

describe.each(POOLERS)("through %s", (_, start) => {
  let pooler: Pooler;

  beforeAll(async () => {
    pooler = await start(await testServer());
  });
  afterAll(() => pooler.close());

  /** A site seen through the pooler, and the same one seen directly. */
  async function makeSite(
    services: Record<string, Record<string, string>>,
  ): Promise<{ site: Site; direct: Site }> {
    const databaseUrl = await createDatabase(await testServer());
    const workspace = makeWorkspace(
      Object.fromEntries(Object.entries(services).map(([name, migrations]) => [name, { migrations }])),
    );
    return {
      site: { workspace, databaseUrl: pooler.through(databaseUrl) },
      direct: { workspace, databaseUrl },
    };
  }

  async function openSession(
    { databaseUrl }: Site,
    name: string,
  ): Promise<pg.Client & { processID: number }> {
    const client = new pg.Client({ connectionString: databaseUrl, application_name: name });
    await client.connect();
    onTestFinished(() => client.end());
    return client as pg.Client & { processID: number };
  }

  test("an upgrade leaves what it leaves without one", async () => {
    const names = ["auth", "billing", "catalog", "delivery", "events"] as const;
    const services = Object.fromEntries(names.map((name) => [name, growHistory(40)]));
    const [{ site, direct }, other] = await Promise.all([makeSite(services), makeSite(services)]);
    const run = await upgradeWell(site, "--jobs", "4");
    expect(run.reports.map(({ status }) => status)).toEqual(names.map(() => "upgraded"));
    await upgradeWell(other.direct);
    for (const name of names) {
      expect(await readOutcome(direct.databaseUrl, [name])).toEqual(
        await readOutcome(other.direct.databaseUrl, [name]),
      );
    }
    expect((await upgradeWell(site)).reports.map(({ status }) => status)).toEqual(
      names.map(() => "up-to-date"),
    );
    const current = await runCli(["current", "--json"], {
      root: site.workspace.root,
      databaseUrl: site.databaseUrl,
    });
    expect(
      current.json<{ services: ServiceState[] }>().services.map(({ applied, pending }) => [applied, pending]),
    ).toEqual(names.map(() => [40, []]));
  });

  test("each migration is applied exactly once by 8 runners", async () => {
    const { site, direct } = await makeSite({ auth: growHistory(40), billing: growHistory(40) });
    const runs = await Promise.all(Array.from({ length: 8 }, () => upgradeWell(site, "--jobs", "2")));
    for (const service of ["auth", "billing"]) {
      const applied = runs.flatMap((run) => run.of(service).applied);
      expect(applied.sort()).toEqual(Object.keys(growHistory(40)));
      expect(await readLedger(direct.databaseUrl, service)).toHaveLength(40);
    }
  });

  test("nothing that a script leaves in a session reaches another service, or another client of the pooler", async () => {
    const clean = `DO $$ BEGIN
      IF EXISTS (SELECT FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema()) THEN RAISE 'temporary'; END IF;
      IF current_setting('statement_timeout') <> '0' OR session_user <> 'postgres' THEN RAISE 'settings'; END IF;
    END $$; CREATE TABLE b ();`;
    const leak =
      "SET search_path = pg_catalog; SET statement_timeout = '50s'; SET SESSION AUTHORIZATION pg_monitor; CREATE TEMP TABLE b ();";
    const { site, direct } = await makeSite({
      a_leaks: {
        [ONE]: "SET search_path = pg_catalog; CREATE TEMP TABLE b (); SET statement_timeout = '50s';",
      },
      b_leaks: { [ONE]: leak.replace("CREATE TEMP TABLE b ();", ""), [TWO]: clean },
      c_fails: { [ONE]: "SET search_path = pg_catalog; CREATE TEMP TABLE b ();", [TWO]: "SELECT 1 / 0;" },
      d_clean: { [ONE]: clean },
    });
    const run = await upgrade(site, "--jobs", "1");
    expect(run.reports.map(({ status }) => status)).toEqual(["upgraded", "upgraded", "failed", "upgraded"]);
    const client = await openSession(site, "somebody else");
    for (let round = 0; round < 8; round += 1) {
      const { rows } = await client.query(
        "SELECT current_setting('search_path') AS path, current_setting('statement_timeout') AS timeout, session_user::text AS who, (SELECT count(*)::int FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema()) AS temporary",
      );
      expect(rows).toEqual([{ path: '"$user", public', timeout: "0", who: "postgres", temporary: 0 }]);
    }
    expect(await readLedger(direct.databaseUrl, "c_fails")).toHaveLength(1);
  });

  test("a failed migration is told as ever, and the next run goes on", async () => {
    const { site } = await makeSite({
      auth: { [ONE]: "CREATE TABLE a ();", [TWO]: "CREATE TABLE b ();\nSELECT missing;" },
      sound: { [ONE]: "CREATE TABLE a ();" },
    });
    const run = await upgrade(site);
    expect(run.of("auth").applied).toEqual([ONE]);
    expect(run.of("auth").error).toMatch(
      /migration\.sql:2:8\n {2}Why: column "missing" does not exist \(SQLSTATE 42703\)/,
    );
    expect(run.of("sound").status).toBe("upgraded");
    site.workspace.writeMigration("auth", TWO, "CREATE TABLE b ();");
    expect((await upgradeWell(site)).of("auth").applied).toEqual([TWO]);
  });

  test("a script that needs a session is refused with the reason, and runs on the server itself", async () => {
    const { site, direct } = await makeSite({
      auth: {
        [ONE]: "CREATE TABLE a (id integer);",
        [TWO]: "CREATE INDEX CONCURRENTLY i ON a (id);",
        [THREE]: "CREATE TABLE b ();",
      },
      sound: { [ONE]: "CREATE TABLE a ();" },
    });
    const run = await upgrade(site);
    expect(run.status).toBe(1);
    expect(run.of("auth")).toMatchObject({ status: "failed", applied: [ONE] });
    expect(run.of("auth").error).toMatch(
      /^auth: 20250102000000_two cannot run through a connection pooler\n {2}Why: .*refuses in a transaction.*session[\s\S]*\n {2}Fix: set DATABASE_URL to the server itself/,
    );
    expect(run.of("sound").status).toBe("upgraded");
    expect(await readLedger(direct.databaseUrl, "auth")).toHaveLength(1);
    expect((await upgradeWell(direct)).of("auth").applied).toEqual([TWO, THREE]);
  });

  test("who is in the way is named, of a turn and of a table", async () => {
    const { site, direct } = await makeSite({ auth: { [ONE]: "CREATE TABLE a ();" } });
    await upgradeWell(site);
    site.workspace.writeMigration("auth", TWO, "ALTER TABLE a ADD COLUMN n integer;");
    const holder = await openSession(direct, "nightly report");
    await holder.query("BEGIN; SELECT pg_advisory_xact_lock(72707369, hashtext('auth'))");
    const turn = await upgrade(site, "--lock-wait", "0.5");
    expect(turn.of("auth").error).toMatch(
      new RegExp(
        `waited 0\\.5 s for its turn\\n {2}Why: held by pid ${holder.processID} \\(nightly report\\)`,
      ),
    );
    await holder.query("COMMIT; BEGIN; SELECT FROM auth.a");
    const table = await upgrade(site, "--lock-timeout", "1.5", "--retries", "2");
    expect(table.of("auth").error).toMatch(
      new RegExp(
        `SQLSTATE 55P03[\\s\\S]*held by pid ${holder.processID} \\(nightly report\\), idle in transaction`,
      ),
    );
    await holder.query("COMMIT");
    expect((await upgradeWell(site)).of("auth").applied).toEqual([TWO]);
  });

  test.each(["SIGINT", "SIGKILL"] as const)(
    "%s in the middle leaves nothing half done, nor a lock",
    async (signal) => {
      const { site, direct } = await makeSite({
        auth: { [ONE]: "CREATE TABLE a ();", [TWO]: "CREATE TABLE b (); SELECT pg_sleep(8);" },
      });
      const { process } = await spawnCli(["upgrade-head"], {
        root: site.workspace.root,
        databaseUrl: site.databaseUrl,
      });
      const control = await openSession(direct, "control");
      for (let asleep = 0; asleep === 0; await sleep(20)) {
        const { rowCount } = await control.query(
          "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
        );
        asleep = rowCount ?? 0;
      }
      process.kill(signal);
      const { exitCode, stdout, stderr } = await process;
      expectDecent({ stdout, stderr });
      if (signal === "SIGINT") expect(exitCode, stderr).toBe(130);
      site.workspace.writeMigration("auth", TWO, "CREATE TABLE b ();");
      const next = await upgrade(site);
      // What was sent may still have been carried out, whole.
      if (next.status === 1) expect(next.of("auth").error).toMatch(/was edited after being applied/);
      expect(
        (await readLedger(direct.databaseUrl, "auth")).map(({ migration, state }) => [migration, state]),
      ).toEqual([
        [ONE, "finished"],
        [TWO, "finished"],
      ]);
    },
  );
});
