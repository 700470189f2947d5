import { beforeAll, describe, expect, test } from "vitest";
import { withClient } from "../../support/catalog.ts";
import { runCli } from "../../support/cli.ts";
import { readCurrent, readOutcome } from "../../support/interchange.ts";
import { readLedger } from "../../support/ledger.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { makeReversibleWorkspace } from "../../support/reversible.ts";
import type { TestWorkspace } from "../../support/workspace.ts";

const NAMES = [
  "20250101000000_users",
  "20250102000000_email",
  "20250103000000_index",
  "20250104000000_view",
] as const;
const [USERS, EMAIL, INDEX, VIEW] = NAMES;

let workspace: TestWorkspace;
let databaseUrl: string;

beforeAll(async () => {
  workspace = makeReversibleWorkspace({
    auth: [
      { name: USERS, up: "CREATE TABLE users (id integer PRIMARY KEY);", down: "DROP TABLE users;" },
      {
        name: EMAIL,
        up: "-- depends-on: billing/20250101000000_init\nALTER TABLE users ADD COLUMN email text;\nUPDATE users SET email = 'none';",
        down: "ALTER TABLE users DROP COLUMN email;",
      },
      {
        name: INDEX,
        up: "CREATE INDEX CONCURRENTLY by_email ON users (email);",
        down: "DROP INDEX CONCURRENTLY by_email;",
      },
      { name: VIEW, up: "CREATE VIEW emails AS SELECT email FROM users;" },
    ],
    billing: [{ name: "20250101000000_init", up: "CREATE TABLE invoices (id integer);" }],
  });
  databaseUrl = await createDatabase(await testServer());
  const done = await run("upgrade", "--app", "auth", "email", "--with-dependencies");
  expect(done.status, done.stderr).toBe(0);
});

const run = (...args: string[]) => runCli(args, { root: workspace.root, databaseUrl });
/** Nothing listens there. */
const offline = (...args: string[]) =>
  runCli(args, { root: workspace.root, databaseUrl: "postgresql://nobody@127.0.0.1:1/none" });

test("heads asks no database", async () => {
  const { status, stdout, stderr } = await offline("heads", "--json");
  expect([status, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout).services).toMatchObject([
    { service: "auth", head: VIEW, migrations: 4 },
    { service: "billing", head: "20250101000000_init", migrations: 1 },
  ]);
  const one = await offline("heads", "--app", "billing");
  expect(one.stdout.split("\n").map((line) => line.split(/\s+/))).toEqual([
    ["service", "head", "migrations"],
    ["billing", "20250101000000_init", "1"],
  ]);
});

describe("history", () => {
  test.each([
    ["current:", [EMAIL, INDEX, VIEW]],
    ["-1:current", [USERS, EMAIL]],
    [":+1", [USERS, EMAIL, INDEX]],
    ["index:index", [INDEX]],
  ])("-r %s", async (range, expected) => {
    const { status, stdout, stderr } = await run("history", "--app", "auth", "-r", range, "--json");
    expect(status, stderr).toBe(0);
    expect(
      JSON.parse(stdout).services[0].migrations.map((view: { migration: string }) => view.migration),
    ).toEqual(expected);
  });

  test("-i marks current and head", async () => {
    const { stdout } = await run("history", "--app", "auth", "-i");
    const marked = stdout.split("\n").filter((line) => line.includes("("));
    expect(marked.map((line) => line.split(/\s{2,}/)[0])).toEqual([`${EMAIL} (current)`, `${VIEW} (head)`]);
  });

  test("a wrong range is a usage error", async () => {
    const wrong = await run("history", "-r", "users");
    expect(wrong).toMatchObject({ status: 2, stdout: "" });
    expect(wrong.stderr).toMatch('"users" is no range of migrations');
    expect((await run("history", "--app", "auth", "-r", "nothing:")).stderr).toMatch(
      'no migration matches "nothing"',
    );
  });
});

describe("show", () => {
  test("an applied migration with its row, its dependencies and both scripts", async () => {
    const { status, stdout, stderr } = await run("show", "--app", "auth", "email", "--json");
    expect([status, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      service: "auth",
      migration: EMAIL,
      file: `services/auth/migrations/${EMAIL}/migration.sql`,
      down: `services/auth/migrations/${EMAIL}/down.sql`,
      state: "applied",
      proven: false,
      ledger: [{ steps: 1, rolledBackAt: null, logs: null }],
      dependsOn: [{ service: "billing", migration: "20250101000000_init" }],
      mode: "atomic",
      statements: [
        { line: 2, kind: "ALTER TABLE" },
        { line: 3, kind: "UPDATE" },
      ],
      downSql: "ALTER TABLE users DROP COLUMN email;",
    });
  });

  test("a pending one that runs step by step, one without a reversal, and none", async () => {
    const index = await run("show", "--app", "auth", "current+1");
    expect(index.stdout).toMatch("state:      pending");
    expect(index.stdout).toMatch("statement by statement: CREATE INDEX");
    expect(index.stdout).toMatch("CREATE INDEX CONCURRENTLY by_email ON users (email);");
    expect((await run("show", "--app", "auth", "head")).stdout).toMatch("none: there is no down.sql");
    expect(await run("show", "--app", "auth", "nothing")).toMatchObject({ status: 2, stdout: "" });
    expect(await run("show", "--app", "auth")).toMatchObject({ status: 2, stdout: "" });
  });

  test("without a database the files are shown", async () => {
    const { status, stdout, stderr } = await offline("show", "--app", "auth", "users");
    expect(status).toBe(0);
    expect(stdout).toMatch("state:      unknown: no database answered");
    expect(stderr).toMatch("No database answers at 127.0.0.1:1");
  });
});

describe("sql", () => {
  const psql = (url: string, sql: string) =>
    withClient(url, async (client) => {
      // As psql sends it: a statement a message, its own commands left out.
      for (const statement of sql.replace(/^\\.*$/gm, "").split(/;\n/)) await client.query(statement);
    });

  test("up and down again, offline, leaves what an upgrade leaves", async () => {
    const url = await createDatabase(await testServer());
    const up = await offline("sql", "--app", "auth", "-r", ":index");
    expect([up.status, up.stderr]).toEqual([0, ""]);
    await psql(url, up.stdout);
    const where = { workspace, databaseUrl: url };
    expect(await readCurrent("auth", where)).toMatchObject({
      current: INDEX,
      edited: [],
      failed: [],
      pending: [VIEW],
    });
    const down = await offline("sql", "--app", "auth", "-r", "index:email");
    await psql(url, down.stdout);
    const [ours, straight] = await Promise.all([
      readOutcome(url, ["auth"]),
      readOutcome(databaseUrl, ["auth"]),
    ]);
    expect(ours.catalog).toEqual(straight.catalog);
    await psql(url, (await offline("sql", "--app", "auth", "-r", "email:base")).stdout);
    expect((await readLedger(url, "auth")).map(({ state }) => state)).toEqual(Array(3).fill("rolled back"));
    await expect(
      psql(url, up.stdout.replace(/[^;]*CREATE TABLE IF NOT EXISTS[^;]*;/, "")),
      "up again",
    ).resolves.toBeUndefined();
  });

  test("refuses to run where something else is applied", async () => {
    const { stdout } = await offline("sql", "--app", "auth", "-r", "users:email");
    await expect(psql(databaseUrl, stdout)).rejects.toThrow("the ledger has changed");
  });

  test.each([
    ["current:head", '"current" is not known here'],
    ["head:head", "nothing lies between head and head"],
    ["head:base", `${VIEW} has no down.sql`],
  ])("%s is refused", async (range, message) => {
    const { status, stdout, stderr } = await offline("sql", "--app", "auth", "-r", range);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(status).toBeGreaterThan(0);
  });
});
