import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";
import { withClient } from "../../support/catalog.ts";
import { runCli, spawnCli } from "../../support/cli.ts";
import { readCurrent, readOutcome } from "../../support/interchange.ts";
import { readLedger } from "../../support/ledger.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { runPrisma } from "../../support/prismaCli.ts";
import { makeReversibleWorkspace, type Reversible, writeDown } from "../../support/reversible.ts";
import type { TestWorkspace } from "../../support/workspace.ts";

const [USERS, NEXT] = ["20250101000000_users", "20250102000000_next"] as const;
const FIRST: Reversible = {
  name: USERS,
  up: "CREATE TABLE users (id integer PRIMARY KEY, email text);",
  down: "DROP TABLE users;",
};

let workspace: TestWorkspace;
let databaseUrl: string;

async function begin(next: Omit<Reversible, "name">): Promise<void> {
  workspace = makeReversibleWorkspace({ auth: [FIRST, { name: NEXT, ...next }] });
  databaseUrl = await createDatabase(await testServer());
}

const run = (...args: string[]) => runCli(args, { root: workspace.root, databaseUrl });
const repair = (...args: string[]) => run("repair", "--app", "auth", ...args);
const query = (sql: string) => withClient(databaseUrl, (client) => client.query(sql));
const current = () => readCurrent("auth", { workspace, databaseUrl });
const state = async () =>
  (await readLedger(databaseUrl, "auth")).map(({ migration, state }) => `${migration} ${state}`).sort();
const stockStatus = async () =>
  (await runPrisma(["migrate", "status"], { workspace, service: "auth", databaseUrl })).output;

/** Leaves the row that stock Prisma leaves when it is killed: with the script's work, or without it. */
async function interruptStock({ done, steps = 0, logs }: { done: boolean; steps?: number; logs?: string }) {
  expect((await run("upgrade", "--app", "auth", "+1")).status).toBe(0);
  const shown = (await run("show", "--app", "auth", NEXT, "--json")).json<{ up: string; checksum: string }>();
  if (done) await query(`SET search_path = auth; ${shown.up}`);
  await query(
    `INSERT INTO auth._prisma_migrations (id, checksum, migration_name, applied_steps_count, logs)
     VALUES ('1', '${shown.checksum}', '${NEXT}', ${steps}, ${logs === undefined ? "NULL" : `'${logs}'`})`,
  );
  expect((await current()).failed).toEqual([NEXT]);
}

describe("a migration that stock Prisma left unfinished", () => {
  beforeEach(() =>
    begin({ up: "CREATE TABLE roles (id integer);\nALTER TABLE users ADD COLUMN name text;" }),
  );

  test("after an error: nothing of it was kept, so on applies it and back leaves it pending", async () => {
    workspace.writeMigration(
      "auth",
      NEXT,
      "CREATE TABLE roles (id integer);\nALTER TABLE nobody ADD COLUMN x text;",
    );
    const deploy = await runPrisma(["migrate", "deploy"], { workspace, service: "auth", databaseUrl });
    expect(deploy.output).toMatch("P3018");
    const upgrade = await run("upgrade-head");
    expect(upgrade.stderr).toMatch("Fix: schemata repair --app auth");
    const looked = await repair();
    expect(looked.status).toBe(2);
    expect(looked.stdout).toMatch(`auth: ${NEXT} is not finished`);
    expect(looked.stdout).toMatch("Postgres took all of the script back");
    expect(looked.stderr).toMatch("schemata repair --app auth --on --yes");
    expect((await repair("--on")).status, "not confirmed").toBe(2);
    const again = await repair("--on", "--yes");
    expect(again.status, "the script is still wrong").toBe(1);
    expect(again.stderr).toMatch('relation "nobody" does not exist');
    workspace.writeMigration("auth", NEXT, "CREATE TABLE roles (id integer);");
    expect(await stockStatus()).toMatch(new RegExp(`have not yet been applied:\\s+${NEXT}`));
    expect((await run("upgrade-head")).status).toBe(0);
    expect(await state()).toEqual([`${USERS} finished`, `${NEXT} finished`, `${NEXT} rolled back`].sort());
    expect(await repair()).toMatchObject({ status: 0, stdout: "auth: nothing to repair" });
  });

  test("killed before its script: back takes the row back", async () => {
    await interruptStock({ done: false });
    expect((await repair("--json")).json()).toMatchObject({
      unfinished: {
        migration: NEXT,
        direction: "up",
        reached: ["it was interrupted, and no error is recorded", "nothing of what it makes is there"],
        on: { kind: "rerun" },
        back: { kind: "takeBack" },
      },
    });
    expect((await repair("--back", "--yes")).status).toBe(0);
    expect(await current()).toMatchObject({ failed: [], pending: [NEXT], current: USERS });
    expect(await stockStatus()).toMatch("have not yet been applied");
  });

  test("killed before its script, with on: it is applied", async () => {
    await interruptStock({ done: false });
    const result = await repair("--on", "--yes");
    expect(result.status, result.stderr).toBe(0);
    expect(await current()).toMatchObject({ failed: [], pending: [], current: NEXT });
    expect(await stockStatus()).toMatch("up to date");
  });

  test("killed after its script: on records it, and nothing runs twice", async () => {
    await interruptStock({ done: true });
    const looked = await repair();
    expect(looked.stdout).toMatch(
      'all that it makes can be seen: the table "roles" is there, the column "users.name" is there',
    );
    expect((await repair("--back", "--yes")).stderr).toMatch("there is no way back from here");
    expect((await repair("--on", "--yes")).status).toBe(0);
    expect(await current()).toMatchObject({ failed: [], pending: [], edited: [], current: NEXT });
    expect(await stockStatus()).toMatch("up to date");
  });

  test("killed between the step's count and the end: the count says that it ran", async () => {
    workspace.writeMigration("auth", NEXT, "UPDATE users SET email = '';");
    await interruptStock({ done: true, steps: 1 });
    expect((await repair("--on", "--yes")).status).toBe(0);
    expect(await stockStatus()).toMatch("up to date");
  });

  test("what leaves no trace, and what is half there, is left to the user, who can say it by stamp", async () => {
    workspace.writeMigration("auth", NEXT, "UPDATE users SET email = '';");
    await interruptStock({ done: false });
    const looked = await repair("--on", "--yes");
    expect(looked.status).toBe(1);
    expect(looked.stdout).toMatch("leave no trace in the catalog");
    expect(looked.stderr).toMatch(`schemata stamp --app auth ${NEXT}`);
    expect((await current()).failed).toEqual([NEXT]);
    workspace.writeMigration(
      "auth",
      NEXT,
      "CREATE TABLE roles (id integer); CREATE TABLE groups (id integer);",
    );
    await query("CREATE TABLE auth.roles (id integer)");
    const half = await repair("--on", "--yes");
    expect(half.status).toBe(1);
    expect(half.stdout).toMatch(
      'part of what it makes is there, and part is not: the table "roles" is there',
    );
    expect(half.stdout).toMatch("the file was changed since");
    expect((await run("stamp", "--app", "auth", USERS, "--yes")).status).toBe(0);
    expect(await current()).toMatchObject({ failed: [], pending: [NEXT] });
  });

  test("whose file is missing names what to do", async () => {
    await interruptStock({ done: false });
    workspace.remove(`services/auth/migrations/${NEXT}`);
    const { status, stdout, stderr } = await repair("--on", "--yes");
    expect(status).toBe(1);
    expect(stdout).toMatch("its script is missing");
    expect(stderr).toMatch("schemata stamp --app auth");
  });
});

describe("a script that runs step by step, interrupted", () => {
  const UP =
    "SET search_path = auth;\nALTER TABLE users ADD COLUMN a integer;\nCREATE INDEX CONCURRENTLY by_email ON users (email);\nALTER TABLE users ADD COLUMN b integer;";
  const DOWN = "ALTER TABLE users DROP COLUMN b;\nDROP INDEX by_email;\nALTER TABLE users DROP COLUMN a;";
  /** A concurrent build waits at its end for whoever may still see the table as it was. */
  const SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";
  beforeEach(() => begin({ up: UP, down: DOWN }));

  /** Kills the tool while a concurrent build waits for another session, and then what it left running on the server. */
  async function killInBuild(
    blocking: string,
    { args, signal = "SIGKILL" }: { args: string[]; signal?: "SIGKILL" | "SIGINT" },
  ): Promise<void> {
    const blocker = new pg.Client({ connectionString: databaseUrl });
    await blocker.connect();
    await blocker.query(blocking);
    const { process } = await spawnCli(args, { root: workspace.root, databaseUrl });
    const building =
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query ~* '^(create|drop) index concurrently'";
    let pids: number[] = [];
    for (let left = 400; left > 0 && pids.length === 0; left -= 1) {
      await sleep(25);
      pids = (await query(building)).rows.map(({ pid }) => pid);
    }
    expect(pids).toHaveLength(1);
    // Until its wait has begun there is nothing to leave behind.
    await sleep(300);
    process.kill(signal);
    await process;
    if (signal === "SIGKILL") await query(`SELECT pg_terminate_backend(${pids[0]})`);
    await blocker.query("ROLLBACK");
    await blocker.end();
  }

  async function straight(target: string): Promise<unknown> {
    const url = await createDatabase(await testServer());
    expect(
      (await runCli(["upgrade", "--app", "auth", target], { root: workspace.root, databaseUrl: url })).status,
    ).toBe(0);
    return (await readOutcome(url, ["auth"])).catalog;
  }

  test("goes on from the step reached, without the invalid index", async () => {
    expect((await run("upgrade", "--app", "auth", "+1")).status).toBe(0);
    await killInBuild(SNAPSHOT, { args: ["upgrade-head"] });
    const looked = await repair();
    expect(looked.stdout).toMatch("1 of 3 steps is done");
    expect(looked.stdout).toMatch('left over: the invalid index "by_email" on "users"');
    expect(looked.stdout).toMatch('on:   drop "by_email", go on with step 2 of 3');
    const [one, two] = await Promise.all([repair("--on", "--yes"), repair("--on", "--yes")]);
    expect([one.status, two.status].sort(), one.stderr + two.stderr).toEqual([0, expect.any(Number)]);
    expect(await state()).toEqual([`${USERS} finished`, `${NEXT} finished`]);
    expect((await readOutcome(databaseUrl, ["auth"])).catalog).toEqual(await straight("head"));
    expect(await stockStatus()).toMatch("up to date");
  });

  test("goes back by down.sql where that fits, and says so where it does not", async () => {
    expect((await run("upgrade", "--app", "auth", "+1")).status).toBe(0);
    await killInBuild(SNAPSHOT, { args: ["upgrade-head"] });
    const refused = await repair("--back", "--yes");
    expect(refused.status, "column b is not there yet").toBe(1);
    expect(refused.stderr).toMatch("nothing of it was done");
    expect((await current()).failed).toEqual([NEXT]);
    writeDown(workspace, {
      service: "auth",
      name: NEXT,
      down: DOWN.replaceAll("INDEX", "INDEX IF EXISTS").replaceAll("COLUMN", "COLUMN IF EXISTS"),
    });
    const result = await repair("--back", "--yes");
    expect(result.status, result.stderr).toBe(0);
    expect(await current()).toMatchObject({ failed: [], pending: [NEXT] });
    expect((await readOutcome(databaseUrl, ["auth"])).catalog).toEqual(await straight(USERS));
  });

  test("counts a build that was finished and not counted", async () => {
    expect((await run("upgrade", "--app", "auth", "+1")).status).toBe(0);
    const { checksum } = (await run("show", "--app", "auth", NEXT, "--json")).json<{ checksum: string }>();
    await query(`ALTER TABLE auth.users ADD COLUMN a integer; CREATE INDEX by_email ON auth.users (email);
      INSERT INTO auth._prisma_migrations (id, checksum, migration_name, applied_steps_count) VALUES ('1', '${checksum}', '${NEXT}', 1)`);
    expect((await repair()).stdout).toMatch(
      '2 of 3 steps are done, the last seen by the index "by_email" is there',
    );
    const result = await repair("--on", "--yes");
    expect(result.status, result.stderr).toBe(0);
    expect((await readOutcome(databaseUrl, ["auth"])).catalog).toEqual(await straight("head"));
  });

  test.each(["SIGKILL", "SIGINT"] as const)("a downgrade goes on downwards after %s", async (signal) => {
    writeDown(workspace, {
      service: "auth",
      name: NEXT,
      down: "DROP VIEW IF EXISTS seen;\nDROP INDEX CONCURRENTLY by_email;\nALTER TABLE users DROP COLUMN a, DROP COLUMN b;",
    });
    expect((await run("upgrade-head")).status).toBe(0);
    await killInBuild("BEGIN; SELECT FROM auth.users", {
      args: ["downgrade", "--app", "auth", "-1", "--yes"],
      signal,
    });
    expect((await run("upgrade-head")).status, "nothing else goes on").toBe(1);
    const looked = await repair();
    expect(looked.stdout).toMatch(`the downgrade of ${NEXT} is not finished`);
    expect(looked.stdout).toMatch("on:   go on with step 2 of 3");
    expect(looked.stdout).not.toMatch("back:");
    const result = await repair("--on", "--yes");
    expect(result.status, result.stderr).toBe(0);
    expect(await current()).toMatchObject({ failed: [], pending: [NEXT], current: USERS });
    expect((await readOutcome(databaseUrl, ["auth"])).catalog).toEqual(await straight(USERS));
    expect(await stockStatus()).toMatch("have not yet been applied");
    expect(await state()).toEqual([`${USERS} finished`, `${NEXT} rolled back`].sort());
  });
});
