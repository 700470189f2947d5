import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { CheckReport } from "../../../scripts/core/check/view.ts";
import { withClient } from "../../support/catalog.ts";
import type { CliResult } from "../../support/cli.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { type Bench, listMigrations, revise, runOn, writeModels } from "../../support/revision.ts";
import { expectDecent } from "../../support/upgrade.ts";
import { makeWorkspace } from "../../support/workspace.ts";

const USER =
  'model User {\n  id    Int    @id @default(autoincrement())\n  email String @unique\n  @@map("users")\n  @@schema("auth")\n}\n';
const TEAM = 'model Team {\n  id Int @id\n  @@map("teams")\n  @@schema("auth")\n}\n';

let bench: Bench;

beforeEach(async () => {
  bench = {
    workspace: makeWorkspace({ auth: { models: USER }, billing: {} }),
    databaseUrl: await createDatabase(await testServer()),
  };
});

async function check(...args: string[]): Promise<CliResult> {
  const result = await runOn(bench, ["check", ...args]);
  expectDecent(result);
  return result;
}

async function findings(...args: string[]) {
  const result = await check("--json", ...args);
  const report = result.json<CheckReport>();
  expect(result.status).toBe(report.findings.some(({ severity }) => severity === "error") ? 3 : 0);
  return report.findings.map(({ service, rule, message }) => `${service} ${rule}: ${message}`);
}

async function upgrade(): Promise<void> {
  const { status, stderr } = await runOn(bench, ["upgrade-head"]);
  if (status !== 0) throw new Error(stderr);
}

function run(sql: string): Promise<unknown> {
  return withClient(bench.databaseUrl, (client) => client.query(sql));
}

/** A service at head, revised and upgraded. */
async function settle(): Promise<string> {
  const { migration } = await revise(bench, "auth");
  await upgrade();
  return migration ?? "";
}

function edit(path: string, change: (text: string) => string): void {
  bench.workspace.write(path, change(readFileSync(join(bench.workspace.root, path), "utf8")));
}

test("nothing is wrong with a service that was revised and upgraded, again and again", async () => {
  await settle();
  for (let round = 0; round < 2; round++) {
    const { status, stdout } = await check();
    expect(stdout).toBe("2 services, 1 migration: no findings");
    expect(status).toBe(0);
  }
});

describe("the schema file against the migrations", () => {
  test("a revision is missing, until it is there, and when the schema file goes back", async () => {
    await settle();
    writeModels(bench.workspace, "auth", USER + TEAM);
    const result = await check("--app", "auth");
    expect(result.status).toBe(3);
    expect(result.stdout).toMatchInlineSnapshot(`
      "services/auth/schema.prisma error revision-missing
        auth: the schema file is ahead of the migrations:
          [+] Added tables
            - teams
        Fix: make revision app=auth m="…"

      1 service, 1 migration: 1 error, 0 warnings"
    `);
    expect(await findings()).toHaveLength(1);
    await revise(bench, "auth");
    expect(await findings()).toEqual([]);
    writeModels(bench.workspace, "auth", USER);
    expect(await findings()).toEqual([expect.stringContaining("auth revision-missing")]);
    await upgrade();
    expect(await findings()).toEqual([expect.stringContaining("auth revision-missing")]);
  });

  test("a schema file that Prisma cannot read, with its line", async () => {
    await settle();
    writeModels(bench.workspace, "auth", USER.replace("String", "Strnig"));
    const { stdout, status } = await check("--format", "github", "--app", "auth");
    expect(status).toBe(3);
    expect(stdout).toMatch(
      /^::error file=services\/auth\/schema\.prisma,line=\d+,title=auth%3A schema-file::/,
    );
    expect(stdout).not.toContain("\n");
    const offline = await check("--offline", "--json");
    expect(offline.json<CheckReport>().findings).toMatchObject([{ rule: "schema-file", line: 8 }]);
  });

  test("a service without a schema file, beside one that is sound", async () => {
    await settle();
    bench.workspace.remove("services/billing/schema.prisma");
    expect(await findings()).toEqual([expect.stringMatching(/^billing schema-file: .*is missing/)]);
  });

  test("a history that does not replay, with its file", async () => {
    await settle();
    bench.workspace.writeMigration("billing", "1_broken", "CREATE TABLE bills (id int, id int);\n");
    const report = (await check("--json")).json<CheckReport>();
    expect(report.findings).toMatchObject([
      { rule: "down-missing" },
      {
        service: "billing",
        rule: "replay",
        file: "services/billing/migrations/1_broken/migration.sql",
        line: 1,
      },
    ]);
  });
});

describe("the migrations against the database", () => {
  test("drift in both directions, object by object", async () => {
    const init = await settle();
    await run(`
      ALTER TABLE auth.users ADD COLUMN nick text;
      DROP INDEX auth.users_email_key;
      CREATE TABLE auth.extra (id int PRIMARY KEY);
      CREATE INDEX ON auth.extra (id);
      CREATE VIEW auth.everybody AS SELECT id FROM auth.users;
      CREATE FUNCTION auth.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
      CREATE TYPE auth.mood AS ENUM ('a');
      GRANT SELECT ON auth.users TO pg_monitor;
      CREATE POLICY own ON auth.users USING (true);
    `);
    const { status, stdout } = await check("--app", "auth");
    expect(status).toBe(3);
    expect(stdout.replaceAll(init, "<init>")).toMatchInlineSnapshot(`
      "services/auth/schema.prisma error drift-changed
        auth: the table auth.users is not as the migrations up to <init> make it: column "nick" is new; grants
        Fix: change it back by hand, or take it into a migration, and record that here: make revision app=auth m="…" from_db=1 stamp=1

      services/auth/schema.prisma error drift-added
        auth: the database holds the view auth.everybody, and no migration up to <init> makes it
        Fix: drop it by hand, or take it into a migration, and record that here: make revision app=auth m="…" from_db=1 stamp=1

      services/auth/schema.prisma error drift-added
        auth: the database holds the table auth.extra, and no migration up to <init> makes it
        Fix: drop it by hand, or take it into a migration, and record that here: make revision app=auth m="…" from_db=1 stamp=1

      services/auth/schema.prisma error drift-missing
        auth: the database lacks the index auth.users_email_key, which the migrations up to <init> make
        Fix: make it again by hand as schemata sql --app auth -r base:<init> shows it, or drop it in a migration

      services/auth/schema.prisma error drift-added
        auth: the database holds the type auth.mood, and no migration up to <init> makes it
        Fix: drop it by hand, or take it into a migration, and record that here: make revision app=auth m="…" from_db=1 stamp=1

      services/auth/schema.prisma error drift-added
        auth: the database holds the function auth.one(), and no migration up to <init> makes it
        Fix: drop it by hand, or take it into a migration, and record that here: make revision app=auth m="…" from_db=1 stamp=1

      services/auth/schema.prisma error drift-added
        auth: the database holds the policy auth.users own, and no migration up to <init> makes it
        Fix: drop it by hand, or take it into a migration, and record that here: make revision app=auth m="…" from_db=1 stamp=1

      1 service, 1 migration: 7 errors, 0 warnings"
    `);
  });

  test("what is gone, and what else belongs to it goes without saying", async () => {
    await settle();
    await run("DROP TABLE auth.users");
    expect(await findings()).toEqual([expect.stringMatching(/^auth drift-missing: .*table auth\.users/)]);
  });

  test("against the migrations that are applied, not those that are pending", async () => {
    const init = await settle();
    writeModels(bench.workspace, "auth", USER + TEAM);
    await revise(bench, "auth");
    expect(await findings()).toEqual([]);
    await run("CREATE TABLE auth.extra ()");
    expect(await findings()).toEqual([
      `auth drift-added: the database holds the table auth.extra, and no migration up to ${init} makes it`,
    ]);
    await run("DROP TABLE auth.extra");
    await upgrade();
    expect(await findings()).toEqual([]);
  });

  test("rights and owners that the workspace's own roles have are no drift", async () => {
    expect((await runOn(bench, ["provision"])).status).toBe(0);
    await settle();
    expect(await findings()).toEqual([]);
  });

  test("after everything was undone, whatever is left", async () => {
    await settle();
    expect((await runOn(bench, ["downgrade", "--app", "auth", "base", "--yes"])).status).toBe(0);
    expect(await findings()).toEqual([]);
    await run("CREATE TABLE auth.leftover ()");
    expect(await findings()).toEqual([
      "auth drift-added: the database holds the table auth.leftover, and no migration is applied",
    ]);
  });

  test("a schema with tables and no ledger", async () => {
    await revise(bench, "auth");
    await run("CREATE SCHEMA auth; CREATE TABLE auth.users (id int)");
    expect(await findings()).toEqual([
      expect.stringMatching(/^auth no-ledger: .*is not empty and has no ledger/),
    ]);
  });

  test("names that are hard to quote", async () => {
    const table = `"ta.ble ""x"" 100%"`;
    bench.workspace = makeWorkspace({
      odd: {
        schema: 'a "b".c',
        models: 'model T {\n  id   Int  @id\n  note Int?\n  @@map("t")\n  @@schema("a \\"b\\".c")\n}\n',
        migrations: {
          "1_init": `CREATE TABLE t (id int NOT NULL, note int, CONSTRAINT t_pkey PRIMARY KEY (id));\n`,
          "2_odd": `CREATE TABLE ${table} (id int PRIMARY KEY, x int);\nCREATE STATISTICS "s.t" ON id, x FROM ${table};\n`,
        },
      },
    });
    bench.workspace.write("services/odd/migrations/1_init/down.sql", "DROP TABLE t;\n");
    bench.workspace.write("services/odd/migrations/2_odd/down.sql", `DROP TABLE ${table};\n`);
    await upgrade();
    const drift = async () => (await findings()).filter((line) => line.includes(" drift-"));
    expect(await drift()).toEqual([]);
    const schema = '"a ""b"".c"';
    await run(`CREATE TABLE ${schema}."y:,%" (); DROP STATISTICS ${schema}."s.t"`);
    await run(`ALTER TABLE ${schema}.${table} ADD COLUMN "z\n%" int`);
    expect(await drift()).toEqual([
      `odd drift-changed: the table ${schema}.${table} is not as the migrations up to 2_odd make it: column "z\n%" is new`,
      `odd drift-added: the database holds the table ${schema}."y:,%", and no migration up to 2_odd makes it`,
      `odd drift-missing: the database lacks the statistics ${schema}."s.t", which the migrations up to 2_odd make`,
    ]);
    const { stdout } = await check("--format", "github");
    expect(stdout).toContain(
      `::the table ${schema}.${table.replace("%", "%25")} is not as the migrations up`,
    );
    expect(stdout).toContain('column "z%0A%25" is new%0AFix: ');
    expect(stdout.split("\n").every((line) => line.startsWith("::"))).toBe(true);
  });
});

describe("the ledger against the files", () => {
  test("edited, missing, out of order", async () => {
    const init = await settle();
    writeModels(bench.workspace, "auth", USER + TEAM);
    const { migration } = await revise(bench, "auth");
    await upgrade();
    edit(`services/auth/migrations/${init}/migration.sql`, (text) => `${text}-- changed\n`);
    bench.workspace.remove(`services/auth/migrations/${migration}`);
    bench.workspace.writeMigration("auth", `${init}_late`, "SELECT 1;\n");
    bench.workspace.write(`services/auth/migrations/${init}_late/down.sql`, "SELECT 1;\n");
    const report = (await check("--json", "--app", "auth")).json<CheckReport>();
    expect(report.findings.map(({ rule }) => rule).sort()).toEqual([
      ...["down-stale", "edited", "missing", "out-of-order", "revision-missing"],
    ]);
    expect(report.leftOut).toMatchObject([{ service: "auth", parts: ["drift"] }]);
  });

  test("failed", async () => {
    const init = await settle();
    await run("UPDATE auth._prisma_migrations SET finished_at = NULL");
    expect(await findings()).toEqual([
      `auth failed: ${init} was started and neither finished nor rolled back`,
    ]);
  });
});

describe("reversals", () => {
  test("missing, stale, written by hand and right, and wrong, and empty", async () => {
    const init = await settle();
    const down = `services/auth/migrations/${init}/down.sql`;
    edit(down, (text) => `${text}SELECT 1;\n`);
    expect(await findings()).toEqual([expect.stringContaining("auth down-stale")]);
    bench.workspace.write(down, 'DROP TABLE "users" CASCADE;\n');
    expect(await findings()).toEqual([]);
    bench.workspace.write(down, 'DROP INDEX "users_email_key";\n');
    const incomplete = await check();
    expect([incomplete.status, incomplete.stdout]).toEqual([
      0,
      expect.stringContaining(`${down}:1 warning down-incomplete`),
    ]);
    expect((await check("--strict")).status).toBe(3);
    bench.workspace.write(down, "DROP TABLE nobody;\n");
    expect(await findings()).toEqual([expect.stringMatching(/^auth down-fails: .*"nobody" does not exist/)]);
    bench.workspace.write(down, "-- nothing\n");
    expect(await findings()).toEqual([expect.stringMatching(/^auth down-empty: [\s\S]*table or view users/)]);
    bench.workspace.remove(down);
    expect(await findings()).toEqual([`auth down-missing: ${init} has no down.sql, so it cannot be undone`]);
  });
});

test("the guard's findings, where they are", async () => {
  bench.workspace.writeMigration("billing", "1_init", "SELECT 1;\nCREATE TABLE auth.stolen (id int);\n");
  bench.workspace.write("services/billing/migrations/1_init/down.sql", "SELECT 1;\n");
  const { stdout, status } = await check("--offline", "--format", "github", "--app", "billing");
  expect(status).toBe(3);
  expect(stdout).toMatchInlineSnapshot(`
    "::error file=services/billing/migrations/1_init/migration.sql,line=2,col=14,title=billing%3A foreign-schema::table "auth"."stolen" is not billing's%0AFix: keep to billing's own schema "billing": leave the other schema out, or move the statement to the service that owns the object
    ::notice title=not checked%3A revision%2C unsafe-ddl%2C dependents%2C ledger%2C drift::--offline asks no database
    ::notice title=billing%3A not checked%3A reversal::nobody has proven down.sql of 1_init, and to try it takes a database"
  `);
});

describe("without a database", () => {
  test("--offline says what it leaves out", async () => {
    await settle();
    const { status, stdout } = await runOn({ ...bench, databaseUrl: "postgresql://u:secret@127.0.0.1:1/x" }, [
      "check",
      "--offline",
    ]);
    expect([status, stdout]).toEqual([
      0,
      "Left out:\n  revision, unsafe-ddl, dependents, ledger, drift: --offline asks no database\n\n2 services, 1 migration: no findings",
    ]);
  });

  test("one that does not answer is no success, but the rest is looked at", async () => {
    const shadow = await createDatabase(await testServer());
    await settle();
    writeModels(bench.workspace, "auth", USER + TEAM);
    const env = { SHADOW_DATABASE_URL: shadow };
    const away = { ...bench, databaseUrl: "postgresql://u:secret@127.0.0.1:1/x" };
    const found = await runOn(away, ["check", "--json"], { env });
    expect(found.status).toBe(3);
    expect(found.json<CheckReport>().findings).toMatchObject([{ rule: "revision-missing" }]);
    writeModels(bench.workspace, "auth", USER);
    const none = await runOn(away, ["check"], { env });
    expect([none.status, none.stdout + none.stderr]).toEqual([
      1,
      expect.stringMatching(/ledger, drift: No database answers at 127\.0\.0\.1:1/),
    ]);
    expect(none.stdout + none.stderr).not.toContain("secret");
  });
});

test("bad options are refused", async () => {
  expect((await check("--json", "--format", "github")).status).toBe(2);
  expect((await check("--app", "auht")).status).toBe(2);
  expect(listMigrations(bench.workspace, "auth")).toEqual([]);
});

test("reversals written by hand are each tried from the state that their migration found", async () => {
  const write = (name: string, up: string, down: string) => {
    bench.workspace.writeMigration("billing", name, up);
    bench.workspace.write(`services/billing/migrations/${name}/down.sql`, down);
  };
  write("1_init", "CREATE TYPE k AS ENUM ('a'); CREATE TABLE t (id int);\n", "DROP TABLE t; DROP TYPE k;\n");
  write("2_value", "ALTER TYPE k ADD VALUE 'b';\n", "-- an enum keeps its values\nSELECT 1;\n");
  // Uses the new value, which takes a transaction of its own.
  write("3_use", "ALTER TABLE t ADD COLUMN k k DEFAULT 'b';\n", "ALTER TABLE t DROP COLUMN k;\n");
  write("4_index", "CREATE INDEX CONCURRENTLY i ON t (id);\n", "DROP INDEX CONCURRENTLY i;\n");
  write("5_own", "BEGIN;\nCREATE TABLE u (id int);\nCOMMIT;\n", "BEGIN;\nDROP TABLE u;\nCOMMIT;\n");
  write("6_wrong", "CREATE TABLE v (id int);\n", "DROP TABLE u;\n");
  const expected = [
    expect.stringMatching(
      /^billing down-incomplete: down.sql of 2_value does not restore\ntype k \(labels\)/,
    ),
    expect.stringMatching(/^billing down-incomplete: down.sql of 6_wrong does not restore\n/),
  ];
  const reversals = async () =>
    (await findings("--app", "billing")).filter((line) => line.includes(" down-"));
  expect(await reversals()).toEqual(expected);
  expect(await reversals()).toEqual(expected);
  write("6_wrong", "CREATE TABLE v (id int);\n", "DROP TABLE v;\n");
  expect(await reversals()).toEqual(expected.slice(0, 1));
});
