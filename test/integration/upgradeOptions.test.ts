import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { withClient } from "../support/catalog.ts";
import { bareEnvironment, runCli, spawnCli } from "../support/cli.ts";
import { EVERYDAY } from "../support/histories/everyday.ts";
import { growHistory } from "../support/histories/grown.ts";
import { type Outcome, readOutcome } from "../support/interchange.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { expectDecent, type Site, upgrade, upgradeWell } from "../support/upgrade.ts";
import { makeWorkspace } from "../support/workspace.ts";

const ONE = "20250101000000_one";
const TWO = "20250102000000_two";
const THREE = "20250103000000_three";

const TABLES = { [ONE]: "CREATE TABLE a ();", [TWO]: "CREATE TABLE b ();", [THREE]: "CREATE TABLE c ();" };

async function makeSite(services: Record<string, Record<string, string>>): Promise<Site> {
  const workspace = makeWorkspace(
    Object.fromEntries(Object.entries(services).map(([name, migrations]) => [name, { migrations }])),
  );
  return { workspace, databaseUrl: await createDatabase(await testServer()) };
}

function run({ workspace, databaseUrl }: Site, ...args: string[]) {
  return runCli(["upgrade-head", ...args], { root: workspace.root, databaseUrl });
}

async function namesOf({ databaseUrl }: Site, service: string): Promise<string[]> {
  return (await readLedger(databaseUrl, service)).map(({ migration }) => migration);
}

describe("--to", () => {
  test.each([
    ["+0", []],
    ["+1", [ONE]],
    ["+2", [ONE, TWO]],
    ["+3", [ONE, TWO, THREE]],
    ["head", [ONE, TWO, THREE]],
    [TWO, [ONE, TWO]],
    ["two", [ONE, TWO]],
    ["20250102", [ONE, TWO]],
  ])("%s", async (to, applied) => {
    const site = await makeSite({ auth: TABLES });
    expect((await upgradeWell(site, "--to", to)).of("auth").applied).toEqual(applied);
    expect(await namesOf(site, "auth")).toEqual(applied);
  });

  test("what is current is done; what is older, unknown or ambiguous is a wrong usage", async () => {
    const site = await makeSite({ auth: TABLES });
    await upgradeWell(site, "--to", "two");
    expect((await upgradeWell(site, "--to", "two")).of("auth").status).toBe("up-to-date");
    for (const [to, words] of [
      [
        "one",
        /20250101000000_one is already applied, and newer ones after it \(current is 20250102000000_two\)[\s\S]*Fix: .*downgrade/,
      ],
      ["four", /auth: no migration matches "four"\n {2}Fix: schemata history --app auth lists them/],
      [
        "2025",
        /auth: "2025" could be 3 migrations\n {2}Why: 20250101000000_one, 20250102000000_two, 20250103000000_three/,
      ],
      ["+x", /no migration matches "\+x"/],
      [
        "+2",
        /auth: "\+2" is above head\n {2}Why: 1 migration pending\n {2}Fix: make upgrade app=auth to=\+1, or all that there is: make upgrade-head app=auth/,
      ],
    ] as const) {
      const result = await upgrade(site, "--to", to);
      expect(result.status, to).toBe(2);
      expect(result.of("auth").error).toMatch(words);
    }
    expect(await namesOf(site, "auth")).toEqual([ONE, TWO]);
    await upgradeWell(site);
    expect(await upgrade(site, "--to", "+1", "--dry-run")).toMatchObject({ status: 2 });
    expect((await upgrade(site, "--to", "+1")).of("auth").error).toMatch(
      /above head\n {2}Why: no migration pending/,
    );
  });

  test("a number of steps is a limit for several services", async () => {
    const site = await makeSite({ auth: TABLES, billing: { [ONE]: TABLES[ONE] } });
    const result = await upgradeWell(site, "--to", "+2");
    expect(result.of("auth").applied).toEqual([ONE, TWO]);
    expect(result.of("billing").applied).toEqual([ONE]);
  });
});

describe("--dry-run", () => {
  test("prints the plan and touches nothing", async () => {
    const site = await makeSite({
      auth: { ...TABLES, [THREE]: "CREATE INDEX CONCURRENTLY i ON a ((1));" },
      billing: { [ONE]: `-- depends-on: auth/${TWO}\nCREATE TABLE a ();` },
    });
    const text = await run(site, "--dry-run");
    expect(text.status).toBe(0);
    expect(text.stdout).toBe(
      [
        "auth: 3 migrations to apply",
        '  create the schema "auth"',
        `  ${ONE}`,
        `  ${TWO}`,
        `  ${THREE} (statement by statement)`,
        "billing: 1 migration to apply",
        '  create the schema "billing"',
        `  ${ONE} (after auth/${TWO})`,
      ].join("\n"),
    );
    const json = await upgrade(site, "--dry-run");
    expect(JSON.parse(json.stdout)).toMatchObject({
      services: [
        {
          service: "auth",
          createSchema: true,
          refusal: null,
          migrations: [{ migration: ONE, mode: "atomic" }, { mode: "atomic" }, { mode: "stepwise" }],
        },
        {
          service: "billing",
          migrations: [{ migration: ONE, dependsOn: [{ service: "auth", migration: TWO }] }],
        },
      ],
    });
    const { rows } = await withClient(site.databaseUrl, (client) =>
      client.query("SELECT FROM pg_namespace WHERE nspname IN ('auth', 'billing')"),
    );
    expect(rows).toEqual([]);
  });

  test.each(["--dry-run", "--sql"])("%s makes no database either", async (option) => {
    const site = await makeSite({ auth: TABLES });
    const url = new URL(site.databaseUrl);
    url.pathname += "_absent";
    const result = await run({ ...site, databaseUrl: url.href }, option);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/has no database ".*_absent"[\s\S]*Fix: make upgrade-head creates it/);
    const { rows } = await withClient(site.databaseUrl, (client) =>
      client.query("SELECT FROM pg_database WHERE datname = $1", [url.pathname.slice(1)]),
    );
    expect(rows).toEqual([]);
  });

  test("tells what would be refused, and exits 1", async () => {
    const site = await makeSite({ auth: TABLES });
    await upgradeWell(site);
    site.workspace.writeMigration("auth", ONE, "CREATE TABLE edited ();");
    const result = await run(site, "--dry-run");
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/^auth: 20250101000000_one was edited after being applied/m);
  });

  test("says so when there is nothing to do", async () => {
    const site = await makeSite({ auth: TABLES });
    await upgradeWell(site);
    expect((await run(site, "--dry-run")).stdout).toBe("nothing to apply");
    expect((await run(site, "--sql")).stdout.replaceAll(/^(\\.*|--.*|\s*)$/gm, "").trim()).toBe("");
  });
});

describe("--sql", () => {
  const histories = {
    auth: growHistory(12),
    billing: {
      [ONE]: `-- depends-on: auth/20250101000003_alter\nCREATE TABLE a (item integer REFERENCES auth."Item0" (id));`,
      [TWO]: "BEGIN; CREATE INDEX a_item ON a (item); COMMIT; INSERT INTO a VALUES (1);",
      [THREE]:
        "ALTER TABLE a ADD COLUMN n integer;\nCREATE INDEX CONCURRENTLY a_n ON a (n); CREATE TABLE b () -- ends in a comment",
    },
    catalog: {
      [ONE]:
        "SET search_path = pg_catalog; CREATE FUNCTION catalog.f() RETURNS text LANGUAGE sql AS $$ SELECT ';--''' $$;",
      [TWO]: 'CREATE TABLE "it\'s" (a text DEFAULT \'C:\\new\', "ü 漢" text);\r\n/* ; */\r\n',
      [THREE]: "",
    },
    shop: EVERYDAY as Record<string, string>,
  };
  const SCHEMAS = ["auth", "billing", "catalog", "shop", "archive"] as const;

  async function readAll({ databaseUrl }: Site): Promise<Outcome> {
    const ledger: Outcome["ledger"] = [];
    for (const service of Object.keys(histories)) ledger.push(...(await readLedger(databaseUrl, service)));
    return { ...(await readOutcome(databaseUrl, [...SCHEMAS])), ledger };
  }

  test.each([
    ["statement by statement", runStatements],
    ...(hasPsql() ? ([["by psql", runPsql]] as const) : []),
  ] as const)("run %s leaves what a run leaves", async (_, execute) => {
    const site = await makeSite(histories);
    const printed = { ...site, databaseUrl: await createDatabase(await testServer()) };
    await upgradeWell(site, "--to", "+4");
    const { stdout: first, status } = await run(printed, "--sql", "--to", "+4");
    expect(status).toBe(0);
    await execute(printed.databaseUrl, first);
    expect(await readAll(printed)).toEqual(await readAll(site));
    await upgradeWell(site);
    await execute(printed.databaseUrl, (await run(printed, "--sql")).stdout);
    expect(await readAll(printed)).toEqual(await readAll(site));
    expect((await upgradeWell(printed)).reports.map(({ status }) => status)).toEqual([
      "up-to-date",
      "up-to-date",
      "up-to-date",
      "up-to-date",
    ]);
  });

  test("run a second time stops at its first ledger check and changes nothing", async () => {
    const site = await makeSite({ auth: TABLES });
    const { stdout } = await run(site, "--sql");
    await runStatements(site.databaseUrl, stdout);
    const before = await readOutcome(site.databaseUrl, ["auth"]);
    await expect(runStatements(site.databaseUrl, stdout)).rejects.toThrow("the ledger has changed");
    expect(await readOutcome(site.databaseUrl, ["auth"])).toEqual(before);
  });
});

describe("--jobs", () => {
  test.each(["1", "3", "50"])("%s", async (jobs) => {
    const names = Array.from({ length: 7 }, (_, index) => `service_${index}`);
    const site = await makeSite(
      Object.fromEntries(names.map((name) => [name, { [ONE]: "SELECT pg_sleep(0.3);" }])),
    );
    const control = new pg.Client({ connectionString: site.databaseUrl });
    await control.connect();
    const running = upgradeWell(site, "--jobs", jobs);
    let most = 0;
    let ended = false;
    running.finally(() => {
      ended = true;
    });
    while (!ended) {
      const { rowCount } = await control.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
      );
      most = Math.max(most, rowCount ?? 0);
      await sleep(10);
    }
    await control.end();
    expect((await running).reports.map(({ status }) => status)).toEqual(names.map(() => "upgraded"));
    expect(most).toBeLessThanOrEqual(Number(jobs));
    if (jobs === "3") expect(most).toBeGreaterThan(1);
  });

  test.each([
    [["--jobs", "0"], /--jobs wants a whole number from 1/],
    [["--jobs", "many"], /--jobs wants a whole number/],
    [["--retries", "-1"], /--retries wants a whole number from 0/],
    [["--lock-wait", "soon"], /--lock-wait wants a number of seconds/],
    [["--sql", "--json"], /--sql and --json exclude each other/],
    [
      ["--app", "aut"],
      /No service is called "aut"\n {2}Why: this workspace has auth\n {2}Fix: did you mean app=auth\?/,
    ],
    [["--speed", "high"], /Unknown argument: speed/],
  ])("wrong usage: %j", async (args, words) => {
    const site = await makeSite({ auth: TABLES });
    const result = await run(site, ...args);
    expectDecent(result);
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(words);
    expect(await namesOf(site, "auth")).toEqual([]);
  });

  test("options can stand in the environment, and a given one wins", async () => {
    const site = await makeSite({ auth: TABLES });
    expect(
      (await upgradeWell({ ...site, env: { SCHEMATA_TO: "+1", SCHEMATA_LOCK_TIMEOUT: "1" } })).of("auth")
        .applied,
    ).toEqual([ONE]);
    expect(
      (await upgradeWell({ ...site, env: { SCHEMATA_TO: "+1" } }, "--to", "head")).of("auth").applied,
    ).toEqual([TWO, THREE]);
    expect((await upgrade({ ...site, env: { SCHEMATA_JOBS: "none" } })).status).toBe(2);
  });
});

describe("Ctrl-C", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s rolls back what runs, says where things stand, exits 130",
    async (signal) => {
      const slow = {
        [ONE]: "CREATE TABLE a ();",
        [TWO]: "CREATE TABLE b (); SELECT pg_sleep(30);",
        [THREE]: "CREATE TABLE c ();",
      };
      const site = await makeSite({
        auth: slow,
        billing: slow,
        catalog: slow,
        quick: { [ONE]: "CREATE TABLE a ();" },
      });
      const { process } = await spawnCli(["upgrade-head", "--jobs", "2"], {
        root: site.workspace.root,
        databaseUrl: site.databaseUrl,
      });
      await withClient(site.databaseUrl, async (control) => {
        for (let asleep = 0; asleep < 2; await sleep(20)) {
          const { rowCount } = await control.query(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
          );
          asleep = rowCount ?? 0;
        }
      });
      process.kill(signal);
      const started = performance.now();
      const { exitCode, stderr, stdout } = await process;
      expect(performance.now() - started).toBeLessThan(20_000);
      expectDecent({ stderr, stdout });
      expect(exitCode, stderr).toBe(130);
      expect(stderr).toMatch(
        new RegExp(
          `auth: interrupted before ${TWO}\\n {2}Why: .*rolled back.*recorded\\n {2}Fix: make upgrade-head app=auth`,
        ),
      );
      expect(stdout).toMatch(/^auth\s+failed\s+1 migration/m);
      expect(stdout).toMatch(/^4 services: /m);
      expect(await namesOf(site, "auth")).toEqual([ONE]);
      expect(Object.keys((await readOutcome(site.databaseUrl, ["auth"])).rows)).toEqual(["auth.a"]);
      for (const name of ["auth", "billing", "catalog"])
        site.workspace.writeMigration(name, TWO, "CREATE TABLE b ();");
      await upgradeWell(site);
      for (const name of ["auth", "billing", "catalog"])
        expect(await namesOf(site, name)).toEqual([ONE, TWO, THREE]);
    },
  );
});

describe("depends-on", () => {
  const on = (...names: string[]) => names.map((name) => `-- depends-on: ${name}\n`).join("");

  test("each migration comes after those it names, whichever way two services refer to each other", async () => {
    const site = await makeSite({
      a_last: { [ONE]: `${on(`m_middle/${TWO}`)}CREATE TABLE a (x integer REFERENCES m_middle.b (id));` },
      m_middle: {
        [ONE]: `${on(`z_first/${ONE}`)}CREATE TABLE a (id integer PRIMARY KEY REFERENCES z_first.a (id));`,
        [TWO]: `${on(`z_first/${TWO}`, `z_first/${ONE}`)}CREATE TABLE b (id integer PRIMARY KEY REFERENCES z_first.b (id));`,
      },
      z_first: {
        [ONE]: "CREATE TABLE a (id integer PRIMARY KEY);",
        [TWO]: `${on(`m_middle/${ONE}`)}SELECT pg_sleep(0.5); CREATE TABLE b (id integer PRIMARY KEY REFERENCES m_middle.a (id));`,
      },
    });
    for (const jobs of ["1", "4"]) {
      const fresh = { ...site, databaseUrl: await createDatabase(await testServer()) };
      const result = await upgradeWell(fresh, "--jobs", jobs);
      expect(result.reports.map(({ applied }) => applied.length)).toEqual([1, 2, 2]);
    }
  });

  test("a circle is refused, with its way round; others are upgraded", async () => {
    const site = await makeSite({
      a: { [ONE]: `${on(`b/${ONE}`)}CREATE TABLE a ();` },
      b: { [ONE]: `${on(`a/${ONE}`)}CREATE TABLE a ();` },
      sound: { [ONE]: "CREATE TABLE a ();" },
    });
    const result = await upgrade(site);
    expect(result.status).toBe(1);
    expect(result.of("a").error).toMatch(
      /^a: its migrations depend on each other in a circle\n {2}Why: (a\/20250101000000_one after b\/20250101000000_one after a\/20250101000000_one|b\/.* after a\/.* after b\/.*)\n {2}Fix: split/,
    );
    expect(result.of("b").status).toBe("failed");
    expect(result.of("sound").status).toBe("upgraded");
  });

  test("a service that is behind is named, and --with-dependencies upgrades it", async () => {
    const site = await makeSite({
      auth: { [ONE]: "CREATE TABLE a (id integer PRIMARY KEY);" },
      billing: { [ONE]: `${on(`auth/${ONE}`)}CREATE TABLE a (x integer REFERENCES auth.a (id));` },
      unconcerned: { [ONE]: "CREATE TABLE a ();" },
    });
    const alone = await upgrade(site, "--app", "billing");
    expect(alone.status).toBe(1);
    expect(alone.of("billing").error).toMatch(
      /^billing: 20250101000000_one depends on auth\/20250101000000_one, which is not applied\n {2}Why: auth is behind\n {2}Fix: make upgrade-head app=auth, or both at once: make upgrade-head app=billing with_dependencies=1/,
    );
    const both = await upgradeWell(site, "--app", "billing", "--with-dependencies");
    expect(both.reports.map(({ service, status }) => [service, status]).sort()).toEqual([
      ["auth", "upgraded"],
      ["billing", "upgraded"],
    ]);
    expect(await namesOf(site, "unconcerned")).toEqual([]);
  });

  test("what is named and does not exist is refused", async () => {
    const site = await makeSite({
      auth: TABLES,
      billing: { [ONE]: `${on("auth/20240101000000_gone")}CREATE TABLE a ();` },
    });
    const result = await upgrade(site);
    expect(result.of("billing").error).toMatch(
      /depends on auth\/20240101000000_gone, which does not exist[\s\S]*Fix: correct the depends-on line in services\/billing/,
    );
    expect(result.of("auth").status).toBe("upgraded");
  });

  test("a failure stops those that wait for it, and nobody else", async () => {
    const site = await makeSite({
      auth: { [ONE]: "CREATE TABLE a ();", [TWO]: "SELECT 1 / 0;" },
      billing: {
        [ONE]: `${on(`auth/${ONE}`)}CREATE TABLE a ();`,
        [TWO]: `${on(`auth/${TWO}`)}CREATE TABLE b ();`,
      },
      catalog: { [ONE]: `${on(`billing/${TWO}`)}CREATE TABLE a ();` },
      sound: { [ONE]: `${on(`billing/${ONE}`)}CREATE TABLE a ();` },
    });
    const result = await upgrade(site);
    expect(result.status).toBe(1);
    expect(result.reports.map(({ service, status, applied }) => [service, status, applied])).toEqual([
      ["auth", "failed", [ONE]],
      ["billing", "skipped", [ONE]],
      ["catalog", "skipped", []],
      ["sound", "upgraded", [ONE]],
    ]);
    expect(result.of("catalog").error).toMatch(
      /^catalog: 20250101000000_one was not applied, since billing\/20250102000000_two was not\n {2}Fix: mend billing/,
    );
  });
});

/** As any client would: psql's own line dropped, one message a statement that stands alone, transactions as they are. */
async function runStatements(url: string, script: string): Promise<void> {
  const { parseSql } = await import("../../scripts/io/parser.ts");
  const sql = script.replace(/^\\set .*$/m, "");
  const parsed = await parseSql(sql);
  if (!parsed.ok) throw new Error(parsed.error.message);
  await withClient(url, async (client) => {
    for (const { start, end } of parsed.statements) await client.query(sql.slice(start, end));
  });
}

function hasPsql(): boolean {
  try {
    execFileSync("psql", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function runPsql(url: string, script: string): Promise<void> {
  execFileSync("psql", ["--no-psqlrc", "--quiet", "--output", "/dev/null", "--dbname", url], {
    input: script,
    env: bareEnvironment(),
    stdio: ["pipe", "ignore", "pipe"],
  });
}
