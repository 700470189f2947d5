import { beforeEach, describe, expect, test } from "vitest";
import { withClient } from "../../support/catalog.ts";
import { runCli } from "../../support/cli.ts";
import { readCurrent, upgradeWithOurs } from "../../support/interchange.ts";
import { readLedger } from "../../support/ledger.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { runPrisma } from "../../support/prismaCli.ts";
import { makeWorkspace, type TestWorkspace } from "../../support/workspace.ts";

const [USERS, EMAIL, INDEX] = [
  "20250101000000_users",
  "20250102000000_email",
  "20250103000000_index",
] as const;

let workspace: TestWorkspace;
let databaseUrl: string;

beforeEach(async () => {
  workspace = makeWorkspace({
    auth: {
      migrations: {
        [USERS]: "CREATE TABLE users (id integer);",
        [EMAIL]: "ALTER TABLE users ADD COLUMN email text;",
        [INDEX]: "CREATE INDEX by_email ON users (email);",
      },
    },
  });
  databaseUrl = await createDatabase(await testServer());
});

const stamp = (...args: string[]) =>
  runCli(["stamp", "--app", "auth", ...args], { root: workspace.root, databaseUrl });
const current = () => readCurrent("auth", { workspace, databaseUrl });
const rows = async () =>
  (await readLedger(databaseUrl, "auth")).map(({ migration, state }) => `${migration} ${state}`);
const stock = (...args: string[]) =>
  runPrisma(["migrate", ...args], { workspace, service: "auth", databaseUrl });
const query = (sql: string) => withClient(databaseUrl, (client) => client.query(sql));

test("up to a migration, to head, and back, with nothing run; stock Prisma agrees each time", async () => {
  expect(await stamp("email", "--yes")).toMatchObject({
    status: 0,
    stdout: `auth: recorded; current is ${EMAIL}`,
  });
  expect(await rows()).toEqual([`${USERS} finished`, `${EMAIL} finished`]);
  expect((await stock("status")).output).toMatch(new RegExp(`have not yet been applied:\\s+${INDEX}`));
  expect((await stamp("head", "--yes", "--json")).json()).toEqual({
    service: "auth",
    done: true,
    current: INDEX,
    applied: [INDEX],
    rolledBack: [],
    rechecked: [],
  });
  expect((await stock("status")).output).toMatch("Database schema is up to date");
  expect(await stamp("head", "--yes")).toMatchObject({
    status: 0,
    stdout: `auth: nothing to record; current is ${INDEX}`,
  });
  expect((await query("SELECT FROM pg_class WHERE relname = 'users'")).rowCount).toBe(0);
  expect((await stamp("base", "--yes")).status).toBe(0);
  expect(await rows()).toEqual([USERS, EMAIL, INDEX].map((name) => `${name} rolled back`));
  expect((await stock("deploy")).status).toBe(0);
  expect((await current()).current).toBe(INDEX);
});

test("a row is the one that prisma migrate resolve writes", async () => {
  await stock("resolve", "--applied", USERS);
  await stamp("email", "--yes");
  const [theirs, ours] = await readLedger(databaseUrl, "auth");
  expect(theirs?.migration).toBe(USERS);
  expect({ ...ours, migration: "", checksum: "" }).toEqual({ ...theirs, migration: "", checksum: "" });
});

test("adopts tables that are there already, and asks first", async () => {
  await query("CREATE SCHEMA auth; CREATE TABLE auth.users (id integer)");
  const asked = await stamp("users");
  expect(asked).toMatchObject({ status: 2, stdout: "" });
  expect(asked.stderr).toMatch(`as applied:\n    ${USERS}`);
  expect(asked.stderr).toMatch("Fix: schemata stamp --app auth users --yes");
  expect(await rows()).toEqual([]);
  expect((await stamp("users", "--dry-run")).stdout).toMatch(USERS);
  expect(await rows()).toEqual([]);
  expect((await stamp("users", "--yes")).status).toBe(0);
  expect(await upgradeWithOurs("auth", { workspace, databaseUrl })).toEqual([EMAIL, INDEX]);
});

describe("a way out", () => {
  test("of an edited file: its present form counts", async () => {
    await upgradeWithOurs("auth", { workspace, databaseUrl });
    workspace.writeMigration("auth", EMAIL, "ALTER TABLE users ADD COLUMN email text; -- an address");
    expect((await current()).edited).toEqual([EMAIL]);
    expect((await stamp("--edited", "--yes")).stdout).toBe(`auth: recorded; current is ${INDEX}`);
    expect((await current()).edited).toEqual([]);
    expect((await stock("status")).output).toMatch("Database schema is up to date");
    expect(await stamp("--edited", "--yes")).toMatchObject({
      status: 0,
      stdout: expect.stringMatching("nothing"),
    });
  });

  test("of a failed migration: its row is kept as rolled back, and one that is finished stands for it", async () => {
    await stamp("users", "--yes");
    await query(
      `INSERT INTO auth._prisma_migrations (id, checksum, migration_name, logs) VALUES ('1', 'x', '${EMAIL}', 'it failed')`,
    );
    expect((await current()).failed).toEqual([EMAIL]);
    expect((await stamp("email", "--yes")).status).toBe(0);
    expect((await rows()).sort()).toEqual(
      [`${EMAIL} finished`, `${EMAIL} rolled back`, `${USERS} finished`].sort(),
    );
    expect((await current()).failed).toEqual([]);
  });

  test("of a migration that is missing on disk", async () => {
    await stamp("head", "--yes");
    workspace.remove(`services/auth/migrations/${INDEX}`);
    expect((await current()).missing).toEqual([INDEX]);
    expect(await stamp("current", "--yes")).toMatchObject({ status: 2 });
    expect((await stamp("head", "--yes")).status).toBe(0);
    expect(await current()).toMatchObject({ missing: [], current: EMAIL });
  });
});

test.each([
  [["nothing"], 'no migration matches "nothing"'],
  [["2025"], '"2025" could be 3 migrations'],
  [[], "up to which migration?"],
  [["head", "--edited"], "leaves open no choice"],
  [["head", "--to", "base"], 'Both "head" and --to "base"'],
])("%j is refused, and nothing is touched", async (target, message) => {
  const { status, stdout, stderr } = await stamp(...target, "--yes");
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch("Fix: ");
  expect((await query("SELECT FROM pg_namespace WHERE nspname = 'auth'")).rowCount).toBe(0);
});

test("many at once record each migration once", async () => {
  const runs = await Promise.all(Array.from({ length: 6 }, () => stamp("head", "--yes")));
  for (const { status, stderr } of runs) {
    if (status !== 0) expect(stderr).toMatch("the ledger has changed since it was read");
  }
  expect(runs.filter(({ status }) => status === 0).length).toBeGreaterThan(0);
  expect(await rows()).toEqual([USERS, EMAIL, INDEX].map((name) => `${name} finished`));
});
