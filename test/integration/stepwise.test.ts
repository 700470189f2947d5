import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { withClient } from "../support/catalog.ts";
import { runCli, spawnCli } from "../support/cli.ts";
import type { ServiceState } from "../support/interchange.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { expectDecent, type Site, upgrade, upgradeWell } from "../support/upgrade.ts";
import { makeWorkspace } from "../support/workspace.ts";

const ONE = "20250101000000_one";
const TWO = "20250102000000_two";
const THREE = "20250103000000_three";
const ITEMS = "CREATE TABLE items (id integer, name text);\nINSERT INTO items VALUES (1, 'a'), (2, 'a');";

/** A service with a table applied, and a script that Postgres does not run in one transaction to come. */
async function makeSite(script: string, after = "CREATE TABLE after ();"): Promise<Site> {
  const workspace = makeWorkspace({
    auth: { migrations: { [ONE]: ITEMS } },
    sound: { migrations: { [ONE]: ITEMS } },
  });
  const site = { workspace, databaseUrl: await createDatabase(await testServer()) };
  await upgradeWell(site);
  workspace.writeMigration("auth", TWO, script);
  workspace.writeMigration("auth", THREE, after);
  workspace.writeMigration("sound", TWO, "CREATE TABLE sound ();");
  return site;
}

/** Indexes of the service by name, and whether each is valid. */
async function readIndexes({ databaseUrl }: Site): Promise<Record<string, boolean>> {
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query(
      "SELECT relname AS name, indisvalid AS valid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relnamespace = 'auth'::regnamespace AND relname <> '_prisma_migrations_pkey' ORDER BY 1",
    ),
  );
  return Object.fromEntries(rows.map(({ name, valid }) => [name, valid]));
}

async function readStates({ databaseUrl }: Site): Promise<[string, string, number][]> {
  const ledger = await readLedger(databaseUrl, "auth");
  return ledger.map(({ migration, state, steps }) => [migration, state, steps]);
}

/** A session that has read the table in a transaction that stays open: concurrent builds wait for its end. */
async function holdTable({ databaseUrl }: Site): Promise<pg.Client> {
  const holder = new pg.Client({ connectionString: databaseUrl, application_name: "nightly report" });
  holder.on("error", () => {});
  await holder.connect();
  onTestFinished(() => holder.end());
  await holder.query("BEGIN; LOCK TABLE auth.items IN ROW EXCLUSIVE MODE");
  return holder;
}

async function untilBuilding({ databaseUrl }: Site): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    for (let left = 1_500; left > 0; left -= 1) {
      const { rowCount } = await client.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0 AND query ILIKE '%concurrently%'",
      );
      if (rowCount) return;
      await sleep(20);
    }
    throw new Error("nobody builds");
  });
}

describe("a script that Postgres does not run in one transaction", () => {
  test.each([
    ["alone", "CREATE INDEX CONCURRENTLY by_name ON items (name);\n", { by_name: true }],
    [
      "among others",
      "ALTER TABLE items ADD COLUMN n integer;\nCREATE INDEX CONCURRENTLY by_name ON items (name);\nCREATE INDEX CONCURRENTLY by_n ON items (n);\nCREATE TABLE more ();\nDROP INDEX CONCURRENTLY by_n;",
      { by_name: true },
    ],
    [
      "after a transaction of its own",
      "BEGIN;\nALTER TABLE items ADD COLUMN n integer;\nCOMMIT;\nCREATE INDEX CONCURRENTLY by_n ON items (n);",
      { by_n: true },
    ],
    [
      "with settings of its own",
      "SET maintenance_work_mem = '2MB';\nCREATE INDEX CONCURRENTLY by_name ON items (name);",
      { by_name: true },
    ],
  ])("is applied and recorded once: %s", async (_, script, indexes) => {
    const site = await makeSite(script);
    const run = await upgradeWell(site, "--jobs", "1");
    expect(run.of("auth").applied).toEqual([TWO, THREE]);
    expect(await readIndexes(site)).toEqual(indexes);
    expect(await readStates(site)).toEqual([ONE, TWO, THREE].map((name) => [name, "finished", 1]));
    expect(run.of("sound").applied).toEqual([TWO]);
  });

  test("that fails at its first step leaves nothing, not even a row", async () => {
    const site = await makeSite(
      "-- first\nCREATE INDEX CONCURRENTLY by_name ON itens (name);\nCREATE TABLE more ();",
    );
    const run = await upgrade(site);
    expect(run.status).toBe(1);
    expect(run.of("auth")).toMatchObject({ status: "failed", applied: [] });
    expect(run.of("auth").error).toMatch(
      new RegExp(
        `^auth: ${TWO} failed at services/auth/migrations/${TWO}/migration\\.sql:2:\\d+\\n {2}Why: relation "itens" does not exist \\(SQLSTATE 42P01\\)\\n[^\\n]*CREATE INDEX CONCURRENTLY by_name ON itens[\\s\\S]*Fix: correct services/auth.*make upgrade-head app=auth\\n[^\\n]*Nothing of this migration was kept`,
      ),
    );
    expect(run.of("sound").status).toBe("upgraded");
    expect(await readStates(site)).toEqual([[ONE, "finished", 1]]);
    site.workspace.writeMigration("auth", TWO, "CREATE INDEX CONCURRENTLY by_name ON items (name);");
    expect((await upgradeWell(site)).of("auth").applied).toEqual([TWO, THREE]);
  });

  test("that fails later keeps its row, with the steps done and the reason, and the next run says so", async () => {
    const site = await makeSite(
      "CREATE INDEX CONCURRENTLY by_name ON items (name);\nCREATE TABLE more ();\nVACUUM items;\nCREATE TABLE more ();\nVACUUM more;",
    );
    const run = await upgrade(site);
    expect(run.status).toBe(1);
    expect(run.of("auth").error).toMatch(
      new RegExp(
        `^auth: ${TWO} failed at .*migration\\.sql:4:1\\n {2}Why: relation "more" already exists \\(SQLSTATE 42P07\\)[\\s\\S]*Fix: correct what it says, then schemata repair --app auth\\n *3 steps of this migration are done and stay; earlier migrations are applied\\.$`,
      ),
    );
    expect(await readStates(site)).toEqual([
      [ONE, "finished", 1],
      [TWO, "failed", 3],
    ]);
    expect((await readLedger(site.databaseUrl, "auth"))[1]?.logs).toMatch(`auth: ${TWO} failed at`);
    expect(await readIndexes(site)).toEqual({ by_name: true });

    const next = await upgrade(site);
    expect(next.status).toBe(1);
    expect(next.of("auth").error).toMatch(
      /20250102000000_two was started and neither finished nor rolled back[\s\S]*Fix: schemata repair --app auth/,
    );
    expect(await readStates(site)).toHaveLength(2);
  });

  test.each([
    ["first", "", [[ONE, "finished", 1]]],
    [
      "second",
      "CREATE TABLE more ();\n",
      [
        [ONE, "finished", 1],
        [TWO, "failed", 1],
      ],
    ],
  ])("that finds a duplicate leaves no invalid index, as its %s step", async (_, before, states) => {
    const site = await makeSite(`${before}CREATE UNIQUE INDEX CONCURRENTLY only_name ON items (name);`);
    const run = await upgrade(site);
    expect(run.of("auth").error).toMatch(
      /could not create unique index "only_name" \(SQLSTATE 23505\)[\s\S]*Detail: Key \(name\)=\(a\) is duplicated/,
    );
    expect(await readIndexes(site)).toEqual({});
    expect(await readStates(site)).toEqual(states);
  });

  test("waits for long transactions without ending its build, and retries what waits for a lock", async () => {
    const site = await makeSite(
      "CREATE INDEX CONCURRENTLY by_name ON items (name);\nALTER TABLE items ADD COLUMN n integer;\nCREATE INDEX CONCURRENTLY by_n ON items (n);",
    );
    const holder = await holdTable(site);
    const running = upgrade(site, "--lock-timeout", "0.2", "--retries", "60");
    await untilBuilding(site);
    await sleep(1_500);
    await holder.query("COMMIT; BEGIN; SELECT FROM auth.items");
    await sleep(1_500);
    await holder.query("COMMIT");
    const run = await running;
    expect(run.status, run.stderr).toBe(0);
    expect(run.stderr).toMatch(/will be tried again/);
    expect(await readIndexes(site)).toEqual({ by_n: true, by_name: true });
    expect(await readStates(site)).toHaveLength(3);
  });
});

describe("interrupted in the middle of a build", () => {
  test("by Ctrl-C in the first step: no row, no invalid index, status 130", async () => {
    const site = await makeSite("CREATE INDEX CONCURRENTLY by_name ON items (name);\nCREATE TABLE more ();");
    const holder = await holdTable(site);
    const { process } = await spawnCli(["upgrade-head"], {
      root: site.workspace.root,
      databaseUrl: site.databaseUrl,
    });
    await untilBuilding(site);
    process.kill("SIGINT");
    await sleep(500);
    await holder.query("COMMIT");
    const { exitCode, stderr, stdout } = await process;
    expectDecent({ stderr, stdout });
    expect(exitCode, stderr).toBe(130);
    expect(await readStates(site)).toEqual([[ONE, "finished", 1]]);
    expect(await readIndexes(site)).toEqual({});
    expect((await upgradeWell(site)).of("auth").applied).toEqual([TWO, THREE]);
  });

  test("by SIGKILL: the row tells, and nothing is applied on top of it", async () => {
    const site = await makeSite(
      "CREATE TABLE more ();\nCREATE INDEX CONCURRENTLY by_name ON items (name);\nCREATE TABLE last ();",
    );
    const holder = await holdTable(site);
    const { process } = await spawnCli(["upgrade-head", "--app", "auth"], {
      root: site.workspace.root,
      databaseUrl: site.databaseUrl,
    });
    await untilBuilding(site);
    process.kill("SIGKILL");
    await process;
    // Its server process goes on, and so somebody is at work on the service still.
    const meanwhile = await upgrade(site, "--lock-wait", "0.3");
    expect(meanwhile.of("auth").error).toMatch(
      /^auth: waited 0\.3 s for its turn\n {2}Why: held by pid \d+ \(schemata auth\)/,
    );
    expect(meanwhile.of("sound").status).toBe("upgraded");
    await holder.query("COMMIT");
    const run = await upgrade(site);
    expect(run.status).toBe(1);
    expect(run.of("auth").error).toMatch(
      /20250102000000_two was started and neither finished nor rolled back/,
    );
    expect(await readStates(site)).toEqual([
      [ONE, "finished", 1],
      [TWO, "failed", 1],
    ]);
    const current = await runCli(["current", "--app", "auth", "--json"], {
      root: site.workspace.root,
      databaseUrl: site.databaseUrl,
    });
    expect(current.json<{ services: ServiceState[] }>().services[0]).toMatchObject({
      failed: [TWO],
      pending: [THREE],
    });
  });

  test("by a connection that breaks: told without claiming more than is known", async () => {
    const site = await makeSite("CREATE TABLE more ();\nCREATE INDEX CONCURRENTLY by_name ON items (name);");
    const holder = await holdTable(site);
    const running = upgrade(site);
    await untilBuilding(site);
    await withClient(site.databaseUrl, (client) =>
      client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'schemata auth' AND datname = current_database()",
      ),
    );
    await holder.query("COMMIT");
    const run = await running;
    expect(run.of("auth").error).toMatch(
      /Fix: see that the server is up, then schemata repair --app auth\n *This migration runs statement by statement/,
    );
    expect(await readStates(site)).toEqual([
      [ONE, "finished", 1],
      [TWO, "failed", 1],
    ]);
  });
});
