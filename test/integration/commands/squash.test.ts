import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { beforeEach, describe, expect, test } from "vitest";
import { isProven } from "../../../scripts/core/downFile.ts";
import { readCatalog, readRows, withClient } from "../../support/catalog.ts";
import { spawnCli } from "../../support/cli.ts";
import { readCurrent } from "../../support/interchange.ts";
import { readLedger } from "../../support/ledger.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { deployWithPrisma, runPrisma } from "../../support/prismaCli.ts";
import { type Bench, listMigrations, readMigrationFile, revise, runOn } from "../../support/revision.ts";
import { commitAll, git, squash } from "../../support/squash.ts";
import { expectDecent, upgrade, upgradeWell } from "../../support/upgrade.ts";
import { makeWorkspace } from "../../support/workspace.ts";

const MODELS = `enum Role {\n  ADMIN\n  MEMBER\n  @@schema("auth")\n}
model User {\n  id Int @id @default(autoincrement())\n  email String? @unique\n  role Role?\n  @@map("users")\n  @@schema("auth")\n}\n`;
const HISTORY = {
  "20250101000000_init":
    'CREATE TABLE "users" ("id" SERIAL NOT NULL, "old" INTEGER, CONSTRAINT "users_pkey" PRIMARY KEY ("id"));\n',
  "20250102000000_email":
    'ALTER TABLE "users" ADD COLUMN "mail" TEXT;\nALTER TABLE "users" RENAME COLUMN "mail" TO "email";\nCREATE UNIQUE INDEX CONCURRENTLY "users_email_key" ON "users"("email");\n',
  "20250103000000_role":
    'CREATE TYPE "Role" AS ENUM (\'ADMIN\');\nALTER TYPE "Role" ADD VALUE \'MEMBER\';\nALTER TABLE "users" DROP COLUMN "old", ADD COLUMN "role" "Role";\n',
};
const [INIT, EMAIL, ROLE] = Object.keys(HISTORY) as [string, string, string];
const SQUASHED = "20250103000000_squashed";

let bench: Bench;

beforeEach(async () => {
  bench = {
    workspace: makeWorkspace({ auth: { models: MODELS, migrations: HISTORY }, billing: {} }),
    databaseUrl: await freshDatabase(),
  };
});

async function freshDatabase(): Promise<string> {
  return createDatabase(await testServer());
}

const at = (databaseUrl: string): Bench => ({ ...bench, databaseUrl });
const folder = (...parts: string[]) => join(bench.workspace.root, "services", "auth", "migrations", ...parts);
const onDisk = () => listMigrations(bench.workspace, "auth");
const rows = async (url = bench.databaseUrl) =>
  (await readLedger(url, "auth")).map(({ migration, state }) => `${migration} ${state}`).sort();
const stock = async (verb: string, url = bench.databaseUrl) =>
  (await runPrisma(["migrate", verb], { ...at(url), service: "auth" })).output;
const UP_TO_DATE = "Database schema is up to date";
const RECORDED = [
  `${EMAIL} rolled back`,
  `${INIT} rolled back`,
  `${ROLE} rolled back`,
  `${SQUASHED} finished`,
].sort();

describe("tables and what belongs to them", () => {
  test("are generated; new, past and stock databases agree in every object, and all go on", {
    timeout: 240_000,
  }, async () => {
    await upgradeWell(bench);
    const before = await readCatalog(bench.databaseUrl, ["auth"]);
    const answer = await squash(bench, "auth");
    expect(answer).toMatchObject({
      done: true,
      migration: SQUASHED,
      replaces: [INIT, EMAIL, ROLE],
      way: "generated",
      because: null,
      reversible: true,
    });
    expect(onDisk()).toEqual([SQUASHED]);
    const up = readMigrationFile(bench.workspace, "auth", SQUASHED);
    expect(up.replaceAll(/[0-9a-f]{64}/g, "<sum>")).toMatchInlineSnapshot(`
      "-- replaces: 20250101000000_init <sum>
      -- replaces: 20250102000000_email <sum>
      -- replaces: 20250103000000_role <sum>

      -- CreateEnum
      CREATE TYPE "Role" AS ENUM ('ADMIN', 'MEMBER');

      -- CreateTable
      CREATE TABLE "users" (
          "id" SERIAL NOT NULL,
          "email" TEXT,
          "role" "Role",

          CONSTRAINT "users_pkey" PRIMARY KEY ("id")
      );

      -- CreateIndex
      CREATE UNIQUE INDEX "users_email_key" ON "users"("email" ASC);
      "
    `);
    const down = readMigrationFile(bench.workspace, "auth", SQUASHED, "down.sql");
    expect(isProven(down, up)).toBe(true);
    const left = readdirSync(join(bench.workspace.root, ".schemata")).filter((name) =>
      name.startsWith("squash-"),
    );
    expect(left).toEqual([]);

    expect(await readCurrent("auth", bench)).toMatchObject({
      ...{ current: ROLE, pending: [SQUASHED], missing: [], outOfOrder: [] },
      squashed: [{ name: SQUASHED, rows: [INIT, EMAIL, ROLE] }],
    });
    expect((await runOn(bench, ["upgrade-head", "--dry-run"])).stdout).toMatch(
      `${SQUASHED} (recorded, not run: applied as ${INIT}, ${EMAIL}, ${ROLE})`,
    );
    const planned = await runOn(bench, ["plan", "--app", "auth"]);
    expect([planned.status, planned.stdout]).toEqual([0, expect.stringMatching(SQUASHED)]);
    expect(planned.stdout).not.toMatch("CREATE TABLE");
    expect((await upgradeWell(bench)).of("auth").applied).toEqual([SQUASHED]);
    expect(await rows()).toEqual(RECORDED);
    expect(await readCatalog(bench.databaseUrl, ["auth"])).toEqual(before);
    expect(await stock("status")).toMatch(UP_TO_DATE);

    const [fresh, theirs] = [await freshDatabase(), await freshDatabase()];
    await upgradeWell(at(fresh));
    await deployWithPrisma({ ...at(theirs), service: "auth" });
    expect(await rows(fresh)).toEqual([`${SQUASHED} finished`]);
    for (const url of [fresh, theirs]) {
      expect(await readCatalog(url, ["auth"])).toEqual(before);
      expect(await stock("status", url)).toMatch(UP_TO_DATE);
    }

    bench.workspace.write(
      "services/auth/schema.prisma",
      `${schemaFile()}model More {\n  id Int @id\n  @@schema("auth")\n}\n`,
    );
    await revise(bench, "auth");
    for (const url of [bench.databaseUrl, fresh, theirs]) {
      await upgradeWell(at(url));
      const undone = await runOn(at(url), ["downgrade", "--app", "auth", "base", "--yes"]);
      expect(undone.status, undone.stderr).toBe(0);
      const { catalog } = await readEmpty(url);
      expect(catalog).toEqual(["_prisma_migrations"]);
    }
  });

  test("a dry run prints the script and writes nothing", async () => {
    const { status, stdout } = await runOn(bench, ["squash", "--app", "auth", "--dry-run"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^-- replaces: 20250101000000_init [0-9a-f]{64}\n[\s\S]*CREATE TABLE "users"/);
    expect(onDisk()).toEqual([INIT, EMAIL, ROLE]);
  });

  test("a prefix: those after it stay, and a database beyond is recognised", async () => {
    await upgradeWell(bench);
    const { migration } = await squash(bench, "auth", "--to", "email", "-m", "First users");
    expect(migration).toBe("20250102000000_first_users");
    expect(onDisk()).toEqual([migration, ROLE]);
    expect(readdirSync(folder())).toContain("migration_lock.toml");
    expect(await readCurrent("auth", bench)).toMatchObject({
      current: ROLE,
      pending: [migration],
      outOfOrder: [],
    });
    await upgradeWell(bench);
    expect(await rows()).toEqual(
      [`${migration} finished`, `${EMAIL} rolled back`, `${INIT} rolled back`, `${ROLE} finished`].sort(),
    );
    expect(await stock("status")).toMatch(UP_TO_DATE);
    const fresh = await freshDatabase();
    await upgradeWell(at(fresh));
    expect(await readCatalog(fresh, ["auth"])).toEqual(await readCatalog(bench.databaseUrl, ["auth"]));
  });

  test("what was squashed may be squashed again; databases that know only the first history are recognised", async () => {
    await upgradeWell(bench);
    const once = await freshDatabase();
    await upgradeWell(at(once));
    await squash(bench, "auth", "--to", "email");
    await upgradeWell(at(once));
    const { migration } = await squash(at(once), "auth", "-m", "all");
    for (const url of [bench.databaseUrl, once]) {
      expect((await upgradeWell(at(url))).of("auth").applied).toEqual([migration]);
      expect(await stock("status", url)).toMatch(UP_TO_DATE);
    }
    expect(onDisk()).toEqual([migration]);
  });
});

function schemaFile(): string {
  const datasource = `datasource db {\n  provider = "postgresql"\n  schemas  = ["auth"]\n}\n`;
  return `${datasource}\n${MODELS}`;
}

async function readEmpty(url: string): Promise<{ catalog: string[] }> {
  const { rows: found } = await withClient(url, (client) =>
    client.query(
      "SELECT relname AS name FROM pg_class WHERE relnamespace = 'auth'::regnamespace AND relkind IN ('r', 'v', 'S')",
    ),
  );
  return { catalog: found.map(({ name }) => String(name)) };
}

describe("what no schema file holds", () => {
  const MORE = {
    "20250104000000_rows":
      "INSERT INTO users (email) VALUES ('root'), (E'it''s; -- \\n \"me\"');\nUPDATE users SET role = 'ADMIN' WHERE email = 'root';",
    "20250105000000_code":
      "BEGIN;\nCREATE FUNCTION twice(x integer) RETURNS integer LANGUAGE sql AS $$ SELECT 2 * x; $$;\nCREATE VIEW admins AS SELECT * FROM users WHERE role = 'ADMIN';\nCOMMIT;",
    "20250106000000_tidy": "VACUUM users;",
    "20250107000000_end":
      "CREATE EXTENSION citext SCHEMA public;\nDELETE FROM users WHERE email <> 'root' -- the rest",
  };
  const DOWNS = {
    [INIT]: "DROP TABLE users;",
    [EMAIL]: "ALTER TABLE users DROP COLUMN email;",
    [ROLE]: 'ALTER TABLE users DROP COLUMN role;\nDROP TYPE "Role";',
    "20250104000000_rows": "DELETE FROM users;",
    "20250105000000_code": "DROP VIEW admins;\nDROP FUNCTION twice;",
    "20250106000000_tidy": "",
    "20250107000000_end": "DROP EXTENSION citext",
  };

  beforeEach(() => {
    for (const [name, sql] of Object.entries(MORE)) bench.workspace.writeMigration("auth", name, sql);
  });

  test("is joined from the scripts, rows included, and said", async () => {
    await upgradeWell(bench);
    const result = await runOn(bench, ["squash", "--app", "auth", "--yes"]);
    expectDecent(result);
    expect(result.status, result.stderr).toBe(0);
    expect(result.stderr).toMatch("joined as they are: 20250104000000_rows holds INSERT");
    expect(result.stderr).toMatch("down.sql does not restore: extension citext, which is left behind");
    const fresh = await freshDatabase();
    await upgradeWell(at(fresh));
    expect(await readCatalog(fresh, ["auth"])).toEqual(await readCatalog(bench.databaseUrl, ["auth"]));
    expect(await readRows(fresh, ["auth"])).toEqual(await readRows(bench.databaseUrl, ["auth"]));
    await upgradeWell(bench);
    expect(await stock("status")).toMatch(UP_TO_DATE);
  });

  test("is undone by the reversals one after the other, where there are all of them", async () => {
    for (const [name, sql] of Object.entries(DOWNS))
      bench.workspace.write(`services/auth/migrations/${name}/down.sql`, sql);
    const answer = await squash(bench, "auth");
    expect(answer).toMatchObject({ way: "joined", reversible: true, notRestored: [] });
    await upgradeWell(bench);
    expect((await runOn(bench, ["downgrade", "--app", "auth", "base", "--yes"])).status).toBe(0);
    expect((await readEmpty(bench.databaseUrl)).catalog).toEqual(["_prisma_migrations"]);
  });
});

describe("a database in the middle", () => {
  test("is refused with the way on, which works as it is written", async () => {
    await git(bench, "init", "-q");
    await commitAll(bench, "before");
    const middle = await freshDatabase();
    await runOn(at(middle), ["upgrade", "--app", "auth", "email"]);
    await squash(bench, "auth");
    await commitAll(bench, "squash");
    const before = await rows(middle);
    const refused = await upgrade(at(middle), "--app", "auth");
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(
      `of what ${SQUASHED} was squashed from, ${INIT}, ${EMAIL} are applied and ${ROLE} is not`,
    );
    expect(await rows(middle)).toEqual(before);
    expect(await readCurrent("auth", at(middle))).toMatchObject({
      missing: [],
      midway: [{ absent: [ROLE] }],
    });

    const [, command = ""] = /(git worktree add .*)/.exec(refused.stderr) ?? [];
    const place = join(bench.workspace.root, "..", `before-${Math.random()}`);
    await execa("/bin/sh", ["-c", command.replace("../before-squash", place)], { cwd: bench.workspace.root });
    const there = { databaseUrl: middle, workspace: { ...bench.workspace, root: place } };
    expect((await runOn(there, ["upgrade", "--app", "auth", ROLE])).status).toBe(0);
    expect((await upgradeWell(at(middle), "--app", "auth")).of("auth").applied).toEqual([SQUASHED]);
    expect(await rows(middle)).toEqual(RECORDED);
  });

  test("with an edited migration is refused, too", async () => {
    await upgradeWell(bench);
    await squash(bench, "auth");
    await withClient(bench.databaseUrl, (client) =>
      client.query(
        "UPDATE auth._prisma_migrations SET checksum = repeat('0', 64) WHERE migration_name = $1",
        [EMAIL],
      ),
    );
    const refused = await upgrade(bench, "--app", "auth");
    expect([refused.status, refused.stderr]).toEqual([
      1,
      expect.stringMatching(`${EMAIL} is applied in another form`),
    ]);
  });

  test("is not made here: what is pending is applied first", async () => {
    await runOn(bench, ["upgrade", "--app", "auth", "email"]);
    const { status, stderr } = await runOn(bench, ["squash", "--app", "auth", "--yes"]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(`${ROLE} is not applied here`)]);
    expect(onDisk()).toEqual([INIT, EMAIL, ROLE]);
    await squash(bench, "auth", "--to", EMAIL);
  });
});

describe("a database that is past it", () => {
  beforeEach(async () => {
    await upgradeWell(bench);
    await squash(bench, "auth");
  });

  test("is recorded once by many at once", async () => {
    const runs = await Promise.all(Array.from({ length: 4 }, () => upgrade(bench, "--app", "auth")));
    for (const { status, stderr } of runs) expect([status, stderr]).toEqual([0, expect.any(String)]);
    expect(runs.flatMap((run) => run.of("auth").applied)).toEqual([SQUASHED]);
    expect(await rows()).toEqual(RECORDED);
  });

  test("is as it was when the run is killed, and recorded by the next", async () => {
    await withClient(bench.databaseUrl, async (client) => {
      // The run has its turn and has begun to write when the lock on the rows holds it.
      await client.query(
        `BEGIN; SELECT FROM auth._prisma_migrations WHERE migration_name = '${EMAIL}' FOR UPDATE`,
      );
      const { process } = await spawnCli(["upgrade-head", "--app", "auth"], {
        root: bench.workspace.root,
        databaseUrl: bench.databaseUrl,
      });
      // On a connection of its own: within a transaction the server's activity stays as it was first seen.
      const waiting = () =>
        withClient(bench.databaseUrl, (other) =>
          other.query(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
          ),
        );
      await expect.poll(async () => (await waiting()).rowCount, { timeout: 20_000 }).toBeGreaterThan(0);
      process.kill("SIGKILL");
      await process;
      await client.query("COMMIT");
    });
    // The server may finish what it was sent, or roll it back; there is nothing in between.
    const untouched = [INIT, EMAIL, ROLE].map((name) => `${name} finished`);
    expect([RECORDED, untouched]).toContainEqual(await rows());
    await upgradeWell(bench, "--app", "auth");
    expect(await rows()).toEqual(RECORDED);
    expect(await stock("status")).toMatch(UP_TO_DATE);
  });

  test("can be recorded by SQL for psql, once", async () => {
    const { stdout } = await runOn(bench, ["upgrade-head", "--app", "auth", "--sql"]);
    const sql = stdout.replace(/^\\set.*$/m, "");
    await withClient(bench.databaseUrl, (client) => client.query(sql));
    expect(await rows()).toEqual(RECORDED);
    await expect(withClient(bench.databaseUrl, (client) => client.query(sql))).rejects.toThrow(
      "the ledger has changed",
    );
  });

  test("is what it should be, by check", async () => {
    for (const state of ["before it is recorded", "after"]) {
      const { status, stdout, stderr } = await runOn(bench, ["check", "--app", "auth"]);
      expect([status, stdout + stderr], state).toEqual([0, expect.any(String)]);
      await upgradeWell(bench, "--app", "auth");
    }
  });

  test("has nothing to rebase, and one that comes with a merge is put after it", async () => {
    const rebase = () => runOn(bench, ["rebase", "--app", "auth", "--yes"]);
    expect((await rebase()).stderr).toMatch("nothing to rebase");
    bench.workspace.writeMigration("auth", "20250102120000_merged", "CREATE TABLE merged (id integer);\n");
    expect((await rebase()).status).toBe(0);
    expect(onDisk().map((name) => name.slice(15))).toEqual(["squashed", "merged"]);
    await upgradeWell(bench);
    expect(await stock("status")).toMatch(UP_TO_DATE);
  });

  test("can be stamped", async () => {
    expect((await runOn(bench, ["stamp", "--app", "auth", "head", "--yes"])).status).toBe(0);
    expect(await rows()).toEqual(RECORDED);
  });

  test("is not taken down before it is recorded", async () => {
    const { status, stderr } = await runOn(bench, ["downgrade", "--app", "auth", "-1", "--yes"]);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(`${ROLE} cannot be undone, since it was squashed into ${SQUASHED}`),
    ]);
    expect(stderr).toMatch(`Fix: make upgrade app=auth to=${SQUASHED}`);
  });

  test("shows its old rows as squashed", async () => {
    const { services } = (await runOn(bench, ["history", "--app", "auth", "--json"])).json<{
      services: { migrations: { migration: string; state: string }[] }[];
    }>();
    const [{ migrations } = { migrations: [] }] = services;
    expect(migrations.map(({ migration, state }) => `${migration} ${state}`)).toEqual([
      `${INIT} squashed`,
      `${EMAIL} squashed`,
      `${ROLE} squashed`,
      `${SQUASHED} pending`,
    ]);
  });
});

describe("other services", () => {
  const X = "20250110000000_x";
  const write = (service: string, name: string, needs: string, sql: string) =>
    bench.workspace.writeMigration(service, name, `-- depends-on: ${needs}\n${sql}`);

  test("that depend on what was squashed find what stands for it, on every database", async () => {
    await upgradeWell(bench);
    write("billing", X, `auth/${EMAIL}`, "CREATE TABLE x (id integer REFERENCES auth.users (id));\n");
    // Puts the other service's table into the shadow database, where it refers to what is squashed there.
    expect((await runOn(bench, ["revision", "--app", "billing", "--sql"])).stdout).toMatch('DROP TABLE "x"');
    await squash(bench, "auth");
    expect((await runOn(bench, ["revision", "--app", "billing", "--sql"])).stdout).toMatch('DROP TABLE "x"');
    const fresh = await freshDatabase();
    for (const url of [bench.databaseUrl, fresh]) {
      await upgradeWell(at(url));
      const held = await runOn(at(url), ["downgrade", "--app", "auth", "base", "--yes"]);
      expect([held.status, held.stderr]).toEqual([1, expect.stringMatching(`billing/${X} depends on it`)]);
    }
    const alone = await upgrade(at(await freshDatabase()), "--app", "billing");
    expect([alone.status, alone.stderr]).toEqual([
      1,
      expect.stringMatching(`depends on auth/${SQUASHED}, which is not applied`),
    ]);
  });

  test("that come in between are no circle in the end: less is squashed", async () => {
    write("billing", X, `auth/${EMAIL}`, "CREATE TABLE x (id integer PRIMARY KEY);\n");
    write(
      "auth",
      "20250111000000_y",
      `billing/${X}`,
      "CREATE TABLE y (id integer REFERENCES billing.x (id));\n",
    );
    const { status, stderr } = await runOn(bench, ["squash", "--app", "auth", "--yes"]);
    expect([status, stderr]).toEqual([1, expect.stringMatching("those of other services come in between")]);
    expect(stderr).toMatch(`Fix: squash less: schemata squash --app auth --to ${ROLE}`);
    await squash(bench, "auth", "--to", ROLE);
    await upgradeWell(bench);
  });
});

describe("the files that go", () => {
  const run = (...args: string[]) => runOn(bench, ["squash", "--app", "auth", ...args]);

  test("must be in git, or --yes be said", async () => {
    const outside = await run();
    expect([outside.status, outside.stderr]).toEqual([1, expect.stringMatching("git cannot be asked")]);
    await git(bench, "init", "-q");
    const untracked = await run();
    expect([untracked.status, untracked.stderr]).toEqual([
      1,
      expect.stringMatching(`\\?\\? .*${INIT}/migration.sql`),
    ]);
    await commitAll(bench, "all");
    bench.workspace.writeMigration("auth", ROLE, `${HISTORY[ROLE as keyof typeof HISTORY]}-- more\n`);
    const changed = await run();
    expect([changed.status, changed.stderr]).toEqual([
      1,
      expect.stringMatching(` M .*${ROLE}/migration.sql`),
    ]);
    expect(onDisk()).toEqual([INIT, EMAIL, ROLE]);
    await git(bench, "checkout", "-q", ".");
    expect((await run()).status).toBe(0);
    await git(bench, "checkout", "-q", ".");
    expect(onDisk()).toEqual([INIT, EMAIL, ROLE, SQUASHED]);
  });

  test("are all there or all gone: a squash killed between its two renames is completed", async () => {
    await upgradeWell(bench);
    const stage = join(bench.workspace.root, ".schemata", "squash-auth-0123456789ab");
    await squash(bench, "auth");
    mkdirSync(stage, { recursive: true });
    const made = onDisk();
    renameSync(folder(), join(stage, "next"));
    mkdirSync(join(stage, "former"));
    const { status, stderr } = await run("--yes");
    expect([status, stderr]).toEqual([
      0,
      expect.stringMatching("completed a squash that had been interrupted"),
    ]);
    expect(onDisk()).toEqual(made);
  });

  test("are few enough: nothing to do is no failure", async () => {
    await squash(bench, "auth");
    expect(await run("--yes")).toMatchObject({
      status: 0,
      stdout: "",
      stderr: expect.stringMatching("nothing to squash"),
    });
  });
});

test.each([
  [["--to", "nothing"], 2, 'no migration matches "nothing"'],
  [["--to", "2025"], 2, '"2025" could be 3 migrations'],
  [["--to", "+1"], 2, '"\\+1" does not say up to which migration'],
])("%j is refused", async (args, status, message) => {
  const result = await runOn(bench, ["squash", "--app", "auth", "--yes", ...args]);
  expect([result.status, result.stderr]).toEqual([status, expect.stringMatching(message)]);
});

test("scripts that do not go together in one transaction are left as they are", async () => {
  bench.workspace.writeMigration("auth", "20250104000000_set", "SET search_path = pg_catalog;\nSELECT 1;");
  bench.workspace.writeMigration("auth", "20250105000000_more", "CREATE TABLE more (id integer);");
  const result = await runOn(bench, ["squash", "--app", "auth", "--yes"]);
  expect([result.status, result.stderr]).toEqual([
    1,
    expect.stringMatching("do not do in one transaction what they do one by one"),
  ]);
  expect(onDisk()).toHaveLength(5);
});

test.each([
  ["public", "generated", "CREATE INDEX i ON t (b);\n"],
  ["public", "joined", "INSERT INTO t (a) VALUES (uuid_nil());\n"],
  ['we"ird; $& s', "generated", "CREATE INDEX i ON t (b);\n"],
  ['we"ird; $& s', "joined", "CREATE FUNCTION f(x mood) RETURNS mood LANGUAGE sql AS $$ SELECT x $$;\n"],
] as const)("in the schema %s, %s", async (schema, way, more) => {
  const migrations = {
    "1_a": "CREATE TYPE mood AS ENUM ('ok');\nCREATE TABLE t (a uuid DEFAULT public.uuid_nil());\n",
    "2_b": "ALTER TABLE t ADD COLUMN b mood;\n",
    "3_c": more,
  };
  bench = { ...bench, workspace: makeWorkspace({ odd: { schema, migrations } }) };
  const prepare = (url: string) =>
    withClient(url, (client) => client.query('CREATE EXTENSION "uuid-ossp" SCHEMA public'));
  const fresh = await freshDatabase();
  for (const url of [bench.databaseUrl, fresh]) await prepare(url);
  await upgradeWell(bench);
  expect(await squash(bench, "odd")).toMatchObject({ way, reversible: true, notRestored: [] });
  for (const url of [bench.databaseUrl, fresh]) await upgradeWell(at(url));
  expect(await readCatalog(fresh, [schema])).toEqual(await readCatalog(bench.databaseUrl, [schema]));
  expect(await readRows(fresh, [schema])).toEqual(await readRows(bench.databaseUrl, [schema]));
  const status = await runPrisma(["migrate", "status"], { ...at(fresh), service: "odd", schema });
  expect(status.output).toMatch(UP_TO_DATE);
});

test("killed at any moment, the migrations are all old or all new, and the next run finishes", {
  timeout: 240_000,
}, async () => {
  for (const moment of [500, 800, 1_000, 1_200, 1_500, 2_000]) {
    bench = { ...bench, workspace: makeWorkspace({ auth: { models: MODELS, migrations: HISTORY } }) };
    const { root } = bench.workspace;
    const { process } = await spawnCli(["squash", "--app", "auth", "--yes"], { ...bench, root });
    await sleep(moment);
    process.kill("SIGKILL");
    await process;
    const left = onDisk();
    if (left.length > 0) expect([[INIT, EMAIL, ROLE], [SQUASHED]]).toContainEqual(left);
    expect((await runOn(bench, ["squash", "--app", "auth", "--yes"])).status).toBe(0);
    expect(onDisk()).toEqual([SQUASHED]);
    const rest = readdirSync(join(root, ".schemata")).filter((name) => name.startsWith("squash-"));
    expect(rest.length).toBeLessThanOrEqual(left.length === 1 ? 1 : 0);
  }
});

test("hostile names", async () => {
  for (const name of onDisk()) bench.workspace.remove(`services/auth/migrations/${name}`);
  const names = ["1_a'b", '2_c "d" $& %s', "3_-- e\n;DROP SCHEMA auth;"];
  for (const [index, name] of names.entries())
    bench.workspace.writeMigration("auth", name, `CREATE TABLE t${index} (id integer);\n`);
  await upgradeWell(bench);
  const { migration } = await squash(bench, "auth", "-m", "it's; --");
  expect(migration).toBe("3_its");
  expect((await upgradeWell(bench)).of("auth").applied).toEqual([migration]);
  expect(await rows()).toEqual(
    [...names.map((name) => `${name} rolled back`), `${migration} finished`].sort(),
  );
  const fresh = await freshDatabase();
  await upgradeWell(at(fresh));
  expect(await readCatalog(fresh, ["auth"])).toEqual(await readCatalog(bench.databaseUrl, ["auth"]));
  expect(await stock("status")).toMatch(UP_TO_DATE);
});
