import { beforeEach, describe, expect, test } from "vitest";
import { withClient } from "../../support/catalog.ts";
import { type CliResult, runCli } from "../../support/cli.ts";
import { readCurrent, readOutcome, upgradeWithOurs } from "../../support/interchange.ts";
import { readLedger } from "../../support/ledger.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { runPrisma } from "../../support/prismaCli.ts";
import { makeReversibleWorkspace, type Reversible, writeDown } from "../../support/reversible.ts";
import type { TestWorkspace } from "../../support/workspace.ts";

const [USERS, EMAIL, INDEX] = [
  "20250101000000_users",
  "20250102000000_email",
  "20250103000000_index",
] as const;

const AUTH: Reversible[] = [
  { name: USERS, up: "CREATE TABLE users (id integer PRIMARY KEY);", down: 'DROP TABLE "users";' },
  {
    name: EMAIL,
    up: "ALTER TABLE users ADD COLUMN email text;",
    down: "-- Undoes 20250102000000_email.\n-- The e-mail addresses are lost.\n\nALTER TABLE users DROP COLUMN email;",
  },
  { name: INDEX, up: "CREATE INDEX by_email ON users (email);", down: "DROP INDEX by_email;" },
];

let workspace: TestWorkspace;
let databaseUrl: string;

beforeEach(async () => {
  workspace = makeReversibleWorkspace({ auth: AUTH });
  databaseUrl = await createDatabase(await testServer());
});

const run = (...args: string[]): Promise<CliResult> => runCli(args, { root: workspace.root, databaseUrl });
const downgrade = (...args: string[]) => run("downgrade", "--app", "auth", ...args);
const current = async () => (await readCurrent("auth", { workspace, databaseUrl })).current;
const upgrade = () => upgradeWithOurs("auth", { workspace, databaseUrl });
const stock = async (...args: string[]) =>
  (await runPrisma(["migrate", ...args], { workspace, service: "auth", databaseUrl })).output;

describe("how far", () => {
  test.each([
    [["-1"], EMAIL],
    [["--to", "-1"], EMAIL],
    [["--to=-1"], EMAIL],
    [[], EMAIL],
    [["-2"], USERS],
    [["users"], USERS],
    [[EMAIL], EMAIL],
    [["20250103"], INDEX],
    [["-3"], null],
    [["base"], null],
    [["-0"], INDEX],
  ])("%j leaves %s", async (target, expected) => {
    await upgrade();
    const { status, stdout, stderr } = await downgrade(...target, "--yes");
    expect([status, stderr.replace(/^auth: undid .*$/m, "")], stdout).toEqual([0, ""]);
    expect(stdout).toMatch(`current is ${expected ?? "base"}`);
    expect(await current()).toBe(expected);
  });

  test("each point is the one that a straight upgrade reaches, and stock Prisma takes the rest for pending", async () => {
    await upgrade();
    for (const [left, name] of [
      [2, EMAIL],
      [1, USERS],
      [0, undefined],
    ] as const) {
      expect((await downgrade("-1", "--yes")).status).toBe(0);
      const straight = await createDatabase(await testServer());
      if (name === undefined) expect((await readOutcome(databaseUrl, ["auth"])).rows).toEqual({});
      else {
        const to = await runCli(["upgrade", "--app", "auth", name], {
          root: workspace.root,
          databaseUrl: straight,
        });
        expect(to.status, to.stderr).toBe(0);
        expect((await readOutcome(databaseUrl, ["auth"])).catalog).toEqual(
          (await readOutcome(straight, ["auth"])).catalog,
        );
      }
      const status = await stock("status");
      expect(status).toMatch("have not yet been applied");
      expect(AUTH.map((migration) => status.includes(migration.name))).toEqual(
        AUTH.map((_, index) => index >= left),
      );
    }
    expect(await stock("deploy")).toMatch("successfully applied");
    expect(await current()).toBe(INDEX);
    const states = (await readLedger(databaseUrl, "auth")).map(
      ({ migration, state }) => `${migration} ${state}`,
    );
    expect(states.sort()).toEqual(AUTH.flatMap(({ name }) => [`${name} finished`, `${name} rolled back`]));
  });

  test.each([
    ["nothing", 2, 'no migration matches "nothing"'],
    ["2025", 2, '"2025" could be 3 migrations'],
    ["3", 2, 'no migration matches "3"'],
    ["-4", 2, '"-4" is below base'],
    ["+1", 2, '"+1" is not below'],
    ["head", 2, '"head" is not below'],
  ])("%s is refused", async (target, status, message) => {
    await upgrade();
    const result = await downgrade(target, "--yes");
    expect(result).toMatchObject({ status, stdout: "" });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).toMatch("Fix: ");
    expect(await current()).toBe(INDEX);
  });

  test("a migration that is not applied is no point to go down to", async () => {
    await run("upgrade", "--app", "auth", "+1");
    const result = await downgrade("email", "--yes");
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(`${EMAIL} is not applied (current is ${USERS})`);
  });
});

describe("before anything is done", () => {
  test("the plan says what cannot be restored, and nothing happens without a confirmation", async () => {
    await upgrade();
    const { status, stderr } = await downgrade("base");
    expect(status).toBe(2);
    expect(stderr).toMatch("The e-mail addresses are lost.");
    expect(stderr).toMatch('drops the table "users" with its rows');
    expect(stderr).toMatch("Fix: schemata downgrade --app auth --to base --yes");
    expect(await current()).toBe(INDEX);
  });

  test("--dry-run and --json show the plan, --sql what psql would run", async () => {
    await upgrade();
    const shown = await downgrade("-2", "--dry-run");
    expect(shown).toMatchObject({ status: 0, stderr: "" });
    expect(shown.stdout.indexOf(INDEX)).toBeLessThan(shown.stdout.indexOf(EMAIL));
    const json = (await downgrade("-2", "--dry-run", "--json")).json();
    expect(json).toMatchObject({
      service: "auth",
      becomes: USERS,
      migrations: [{ migration: INDEX }, { migration: EMAIL, losses: ["The e-mail addresses are lost."] }],
    });
    const sql = (await downgrade("base", "--sql")).stdout;
    expect(await current()).toBe(INDEX);
    await withClient(databaseUrl, (client) => client.query(sql.replace(/^\\.*$/gm, "")));
    expect(await current()).toBe(null);
    await expect(
      withClient(databaseUrl, (client) => client.query(sql.replace(/^\\.*$/gm, ""))),
      "twice",
    ).rejects.toThrow("the ledger has changed");
  });

  test("a missing down.sql, and an edited or missing migration, are refused by name", async () => {
    await upgrade();
    workspace.remove(`services/auth/migrations/${EMAIL}/down.sql`);
    const missing = await downgrade("base", "--yes");
    expect(missing.status).toBe(1);
    expect(missing.stderr).toMatch(`auth: ${EMAIL} has no down.sql`);
    expect(missing.stderr).toMatch(`write services/auth/migrations/${EMAIL}/down.sql by hand`);
    expect((await downgrade("-1", "--yes")).status, "above it").toBe(0);
    writeDown(workspace, { service: "auth", name: EMAIL, down: "ALTER TABLE users DROP COLUMN email;" });
    workspace.writeMigration("auth", EMAIL, "ALTER TABLE users ADD COLUMN email varchar;");
    const edited = await downgrade("-1", "--yes");
    expect(edited.status).toBe(1);
    expect(edited.stderr).toMatch(`${EMAIL} was edited after being applied`);
    workspace.remove(`services/auth/migrations/${EMAIL}`);
    const gone = await downgrade("-1", "--yes");
    expect(gone.status).toBe(1);
    expect(gone.stderr).toMatch(`${EMAIL} is applied but missing`);
    expect(await current()).toBe(EMAIL);
  });
});

describe("when it fails", () => {
  test("a down.sql that fails leaves its migration as it was, and says where", async () => {
    writeDown(workspace, {
      service: "auth",
      name: EMAIL,
      down: "CREATE TABLE half (id integer);\nALTER TABLE users DROP COLUMN nothing;",
    });
    await upgrade();
    const { status, stderr } = await downgrade("base", "--yes");
    expect(status).toBe(1);
    expect(stderr).toMatch(
      `the downgrade of ${EMAIL} failed at services/auth/migrations/${EMAIL}/down.sql:2:1`,
    );
    expect(stderr).toMatch('column "nothing" of relation "users" does not exist (SQLSTATE 42703)');
    expect(stderr).toMatch("make downgrade app=auth to=base");
    expect(await current()).toBe(EMAIL);
    const { catalog } = await readOutcome(databaseUrl, ["auth"]);
    expect(Object.keys(catalog.relations)).not.toContain("auth.half");
    expect(await stock("status")).toMatch(INDEX);
  });

  test("two at once undo one migration once; two to base undo everything once", async () => {
    await upgrade();
    const once = await Promise.all([
      downgrade("-1", "--yes"),
      downgrade("-1", "--yes"),
      downgrade("-1", "--yes"),
    ]);
    // Whoever planned after another was done goes one further, as it was asked to.
    const undone = once.flatMap(({ status, stdout, stderr }) =>
      status === 0 ? [stdout] : [`failed ${stderr}`],
    );
    expect(undone.join()).not.toMatch("failed");
    const ledger = await readLedger(databaseUrl, "auth");
    expect(new Set(ledger.map(({ migration }) => migration)).size).toBe(ledger.length);
    const all = await Promise.all(Array.from({ length: 4 }, () => downgrade("base", "--yes")));
    expect(all.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    expect((await readLedger(databaseUrl, "auth")).map(({ state }) => state)).toEqual(
      AUTH.map(() => "rolled back"),
    );
  });
});

describe("other services", () => {
  const withBilling = (up: string) => {
    workspace = makeReversibleWorkspace({
      auth: AUTH,
      billing: [{ name: "20250201000000_invoices", up, down: "DROP TABLE invoices;" }],
    });
  };

  test("a migration that another service's applied one names stays", async () => {
    withBilling(`-- depends-on: auth/${EMAIL}\nCREATE TABLE invoices (id integer);`);
    expect((await run("upgrade-head")).status).toBe(0);
    expect((await downgrade("-1", "--yes")).status).toBe(0);
    const { status, stderr } = await downgrade("-1", "--yes");
    expect(status).toBe(1);
    expect(stderr).toMatch(`${EMAIL} cannot be undone, since billing/20250201000000_invoices depends on it`);
    expect(stderr).toMatch("Fix: undo that first: schemata downgrade --app billing");
    expect((await run("downgrade", "--app", "billing", "--yes")).status).toBe(0);
    expect((await downgrade("base", "--yes")).status).toBe(0);
  });

  test("so does what a foreign key of another schema refers to, said or not", async () => {
    withBilling("CREATE TABLE invoices (id integer, user_id integer REFERENCES auth.users);");
    expect((await run("upgrade-head", "--app", "auth")).status).toBe(0);
    expect((await run("upgrade-head", "--app", "billing")).status).toBe(0);
    writeDown(workspace, { service: "auth", name: USERS, down: "DROP TABLE users CASCADE;" });
    const { status, stderr } = await downgrade("base", "--yes");
    expect(status).toBe(1);
    expect(stderr).toMatch(
      `${USERS} cannot be undone, since the foreign key "invoices_user_id_fkey" of billing.invoices refers to auth.users`,
    );
    expect(await current(), "nothing was begun").toBe(INDEX);
  });
});

test("a down.sql that cannot run in one transaction runs step by step", async () => {
  writeDown(workspace, {
    service: "auth",
    name: INDEX,
    down: "COMMENT ON TABLE users IS 'going down';\nDROP INDEX CONCURRENTLY by_email;\nCOMMENT ON TABLE users IS NULL;",
  });
  await upgrade();
  expect((await downgrade("-1", "--dry-run")).stdout).toMatch("statement by statement");
  const result = await downgrade("-1", "--yes");
  expect(result.status, result.stderr).toBe(0);
  expect(await current()).toBe(EMAIL);
  expect((await readLedger(databaseUrl, "auth")).map(({ state, steps }) => [state, steps])).toEqual([
    ["finished", 1],
    ["finished", 1],
    ["rolled back", 1],
  ]);
  expect(await upgrade()).toEqual([INDEX]);
});
