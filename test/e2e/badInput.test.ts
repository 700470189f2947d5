import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test, vi } from "vitest";
import { withClient } from "../support/catalog.ts";
import { bareEnvironment, type CliResult, runCli, spawnCli, toolFolder } from "../support/cli.ts";
import { giveFolder } from "../support/embedded.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { findFreePort } from "../support/server.ts";
import { makeWorkspace, type ServiceFiles } from "../support/workspace.ts";

vi.setConfig({ testTimeout: 120_000 });

const GOOD = "20250101000000_init";
const TABLE = `CREATE TABLE "thing" ("id" INTEGER PRIMARY KEY);`;
const good: ServiceFiles = { migrations: { [GOOD]: TABLE } };

/** A message for people: the fact, its reason where one is expected, what to do; no stack, no password, no defect. */
function expectClear(
  { status, stdout, stderr }: Pick<CliResult, "status" | "stdout" | "stderr">,
  expected: { status: number; fact: string | RegExp; why?: string | RegExp; fix: string | RegExp },
): void {
  expect(stderr).toMatch(expected.fact);
  if (expected.why !== undefined) expect(/Why: (.*(?:\n {7}.*)*)/.exec(stderr)?.[1]).toMatch(expected.why);
  expect(/Fix: (.*(?:\n {7}.*)*)/.exec(stderr)?.[1]).toMatch(expected.fix);
  expect(status).toBe(expected.status);
  expect(stdout + stderr).not.toMatch(/^\s+at .+:\d+:\d+\)?$|node:internal|defect of the tool|s3cret/m);
}

const freshDatabase = async () => createDatabase(await testServer());
const tablesOf = (databaseUrl: string, schema: string) =>
  withClient(databaseUrl, async (client) => {
    const sql = "SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY 1";
    return (await client.query(sql, [schema])).rows.map(({ tablename }) => tablename);
  });

describe("schema files", () => {
  test("a service without one: named and left alone, while the others go on", async () => {
    const { root, remove } = makeWorkspace({ auth: good, billing: good });
    remove("services/billing/schema.prisma");
    const databaseUrl = await freshDatabase();
    expectClear(await runCli(["upgrade-head"], { root, databaseUrl }), {
      status: 1,
      fact: "billing: services/billing/schema.prisma is missing",
      why: "every folder under services/ is a service",
      fix: "write services/billing/schema.prisma, or move services/billing elsewhere",
    });
    expect(await tablesOf(databaseUrl, "auth")).toContain("thing");
    for (const verb of [["revision", "-m", "x"], ["deploy"], ["generate"], ["history"]]) {
      expectClear(await runCli([...verb, "--app", "billing"], { root, databaseUrl }), {
        status: 1,
        fact: "billing: services/billing/schema.prisma is missing",
        fix: "write services/billing/schema.prisma",
      });
    }
  });

  test("one that Prisma does not understand: Prisma's own words, with file and line; no file is written", async () => {
    const { root } = makeWorkspace({
      auth: { ...good, models: `model User {\n  id Int @id\n  name Strin\n  @@schema("auth")\n}\n` },
    });
    const databaseUrl = await freshDatabase();
    expectClear(await runCli(["revision", "--app", "auth", "-m", "x"], { root, databaseUrl }), {
      status: 1,
      fact: /auth: services\/auth\/schema\.prisma/,
      why: /Type "Strin" is neither a built-in type[\s\S]*schema\.prisma:8/,
      fix: /services\/auth\/schema\.prisma/,
    });
    expect(readdirSync(join(root, "services/auth/migrations"))).toEqual([GOOD, "migration_lock.toml"]);
    const generate = await runCli(["generate", "--app", "auth"], { root, databaseUrl });
    expect(generate.status).toBe(1);
    expect(generate.stderr).toMatch(/Strin[\s\S]*schema\.prisma:8[\s\S]*Fix: correct services/);
  });

  test.each([
    [
      "no datasource block",
      "model A { id Int @id }\n",
      "auth: services/auth/schema.prisma has no datasource block",
    ],
    [
      "no schemas",
      'datasource db {\n  provider = "postgresql"\n}\n',
      "auth: services/auth/schema.prisma names no schema of its own",
    ],
  ])("%s: says what to write", async (_, text, fact) => {
    const { root, write } = makeWorkspace({ auth: good });
    write("services/auth/schema.prisma", text);
    expectClear(
      await runCli(["upgrade-head", "--app", "auth"], { root, databaseUrl: await freshDatabase() }),
      {
        status: 1,
        fact,
        fix: 'write schemas = ["auth"] in the datasource block of services/auth/schema.prisma',
      },
    );
  });

  test("two services that own one schema: neither is touched, a third goes on", async () => {
    const { root } = makeWorkspace({ auth: good, login: { ...good, schema: "auth" }, billing: good });
    const databaseUrl = await freshDatabase();
    const result = await runCli(["upgrade-head"], { root, databaseUrl });
    expectClear(result, {
      status: 1,
      fact: 'auth: the schema "auth" is also owned by login',
      why: "one owner",
      fix: "services/auth/schema.prisma or services/login/schema.prisma",
    });
    expect(result.stderr).toContain('login: the schema "auth" is also owned by auth');
    expect(await tablesOf(databaseUrl, "auth")).toEqual([]);
    expect(await tablesOf(databaseUrl, "billing")).toContain("thing");
  });

  test("a schema that is not called like the folder is fine, and shown", async () => {
    const { root } = makeWorkspace({ auth: { ...good, schema: "identity" } });
    const databaseUrl = await freshDatabase();
    expect((await runCli(["upgrade-head"], { root, databaseUrl })).status).toBe(0);
    expect(await tablesOf(databaseUrl, "identity")).toContain("thing");
    const { services } = (await runCli(["current", "--json"], { root, databaseUrl })).json<{
      services: { service: string; schema: string; current: string }[];
    }>();
    expect(services).toMatchObject([{ service: "auth", schema: "identity", current: GOOD }]);
  });

  test("a link in a circle, a folder in its place: each said as it is", async () => {
    const { root, write, remove } = makeWorkspace({ auth: good, billing: good });
    remove("services/auth/schema.prisma");
    symlinkSync("schema.prisma", join(root, "services/auth/schema.prisma"));
    remove("services/billing/schema.prisma");
    write("services/billing/schema.prisma/x", "");
    const databaseUrl = await freshDatabase();
    const { status, stderr } = await runCli(["upgrade-head"], { root, databaseUrl });
    expect(stderr).toContain("auth: services/auth/schema.prisma cannot be read: it is a circle of links");
    expect(stderr).toContain("billing: services/billing/schema.prisma cannot be read: it is a folder");
    expect(status).toBe(1);
  });
});

describe("hostile names", () => {
  const names = [
    "user",
    "order",
    "Upper Case",
    "it's",
    'quo"te',
    "semi;colon",
    "a b; DROP SCHEMA public CASCADE; --",
    "ünïcödé",
    "$(touch pwned)",
    "`id`",
    `${"l".repeat(63)}`,
  ];

  test("are names and nothing else: upgraded, shown, and applied once", async () => {
    const { root } = makeWorkspace(Object.fromEntries(names.map((name) => [name, good])));
    const databaseUrl = await freshDatabase();
    const first = await runCli(["upgrade-head", "--json"], { root, databaseUrl });
    expect(first.status, first.stderr).toBe(0);
    type Answer = { services: { service: string; schema?: string; status?: string; current?: string }[] };
    expect(
      first
        .json<Answer>()
        .services.map(({ service, status }) => [service, status])
        .sort(),
    ).toEqual(names.map((name) => [name, "upgraded"]).sort());
    for (const name of names) expect(await tablesOf(databaseUrl, name)).toContain("thing");
    const current = await runCli(["current", "--json"], { root, databaseUrl });
    expect(current.json<Answer>().services.every(({ current: at }) => at === GOOD)).toBe(true);
    const one = await runCli(["upgrade-head", "--app", 'quo"te', "--json"], { root, databaseUrl });
    expect(one.json<Answer>().services).toMatchObject([{ service: 'quo"te', status: "up-to-date" }]);
  });

  test("a schema of more than 63 bytes is refused, since Postgres would cut it", async () => {
    const { root } = makeWorkspace({ ["ü".repeat(32)]: good });
    expectClear(await runCli(["upgrade-head"], { root, databaseUrl: await freshDatabase() }), {
      status: 1,
      fact: /names the schema "ü+"/,
      why: "1 to 63 bytes, this one 64",
      fix: "choose a shorter name",
    });
  });

  test("one that Postgres keeps for itself is refused", async () => {
    const { root } = makeWorkspace({ pg_auth: good });
    expectClear(await runCli(["upgrade-head"], { root, databaseUrl: await freshDatabase() }), {
      status: 1,
      fact: 'pg_auth: services/pg_auth/schema.prisma names the schema "pg_auth"',
      why: "Postgres keeps that name for itself",
      fix: "choose another name",
    });
  });
});

describe("databases", () => {
  const verbs = [["upgrade-head"], ["current"], ["history"], ["deploy", "--app", "auth"]];

  test.each(verbs)("nobody answers: %s", async (...args) => {
    const { root } = makeWorkspace({ auth: good });
    const port = await findFreePort();
    const databaseUrl = `postgresql://me:s3cret@127.0.0.1:${port}/shop`;
    const result = await runCli(args.filter(Boolean), { root, databaseUrl });
    expect(result.status).toBe(1);
    if (args[0] !== "deploy")
      expectClear(result, {
        status: 1,
        fact: `No database answers at 127.0.0.1:${port}`,
        fix: "make start-db, or correct DATABASE_URL",
      });
    else expect(result.stdout + result.stderr).toMatch(/P1001/);
    expect(result.stdout + result.stderr).not.toContain("s3cret");
  });

  test("a wrong password: the login is named, the password is not", async () => {
    const { root } = makeWorkspace({ auth: good });
    const url = new URL(await freshDatabase());
    url.password = "s3cret";
    for (const verb of ["upgrade-head", "current"])
      expectClear(await runCli([verb], { root, databaseUrl: url.href }), {
        status: 1,
        fact: /refuses the login "postgres"/,
        why: "password authentication failed",
        fix: "correct user and password in DATABASE_URL",
      });
  });

  test("a missing database is created, and said to be, where the login may", async () => {
    const { root } = makeWorkspace({ auth: good });
    const url = new URL(await testServer());
    url.pathname = `/made;"${Date.now()}`;
    const databaseUrl = url.href;
    expectClear(await runCli(["current"], { root, databaseUrl }), {
      status: 1,
      fact: /has no database "made;"\d+"/,
      fix: "make upgrade-head creates it",
    });
    const made = await runCli(["upgrade-head"], { root, databaseUrl });
    expect(made.stderr).toMatch(/Created the database "made;"\d+"/);
    expect(made.status).toBe(0);
    expect(await tablesOf(databaseUrl, "auth")).toContain("thing");
  });

  test("a missing database that the login may not create: the statement for an administrator", async () => {
    const { root } = makeWorkspace({ auth: good });
    const server = await testServer();
    const login = `weak_${Date.now()}`;
    await withClient(server, (client) => client.query(`CREATE ROLE ${login} LOGIN PASSWORD 's3cret'`));
    const url = new URL(server);
    Object.assign(url, { username: login, password: "s3cret", pathname: "/not_there" });
    expectClear(await runCli(["upgrade-head"], { root, databaseUrl: url.href }), {
      status: 1,
      fact: 'has no database "not_there"',
      why: "permission denied to create database",
      fix: `CREATE DATABASE "not_there" OWNER "${login}";`,
    });
  });

  test("settings that are none: every problem at once, before anything is done", async () => {
    const { root } = makeWorkspace({ auth: good });
    const env = { DATABASE_URL: "mysql://me:s3cret@host/db", DB_PORT: "70000" };
    expectClear(await runCli(["current"], { root, env }), {
      status: 2,
      fact: /DB_PORT is "70000", not a port[\s\S]*DATABASE_URL is no URL of the form/,
      fix: "correct the environment or",
    });
  });
});

describe("migrations", () => {
  test("a folder without migration.sql: nothing of that service is applied, the others go on", async () => {
    const { root } = makeWorkspace({ auth: good, billing: good });
    mkdirSync(join(root, "services/auth/migrations/20250102000000_hole"));
    const databaseUrl = await freshDatabase();
    expectClear(await runCli(["upgrade-head"], { root, databaseUrl }), {
      status: 1,
      fact: "auth: services/auth/migrations/20250102000000_hole has no migration.sql",
      why: "the history has a hole",
      fix: "restore the file",
    });
    expect(await tablesOf(databaseUrl, "auth")).toEqual([]);
    expect(await tablesOf(databaseUrl, "billing")).toContain("thing");
  });

  test("a file that may not be read: which, and how to make it readable", async () => {
    const { root } = makeWorkspace({ auth: good });
    const databaseUrl = await freshDatabase();
    chmodSync(join(root, "services/auth/migrations", GOOD, "migration.sql"), 0);
    expectClear(await runAsUser(["upgrade-head"], { root, databaseUrl }), {
      status: 1,
      fact: `auth: services/auth/migrations/${GOOD}/migration.sql cannot be read: permission denied`,
      fix: `chmod u+r services/auth/migrations/${GOOD}/migration.sql`,
    });
    expect(await tablesOf(databaseUrl, "auth")).toEqual([]);
  });

  test("a .env that may not be read", async () => {
    const { root, write } = makeWorkspace({ auth: good });
    write(".env", "DB_PORT=1\n");
    chmodSync(join(root, ".env"), 0);
    expectClear(await runAsUser(["current"], { root, databaseUrl: await freshDatabase() }), {
      status: 2,
      fact: `${join(root, ".env")} cannot be read`,
      fix: `chmod u+r ${join(root, ".env")}`,
    });
  });

  test("Ctrl-C in the middle: rolled back, said so, 130; the next run goes on", async () => {
    const second = "20250102000000_slow";
    const { root, writeMigration } = makeWorkspace({ auth: good });
    writeMigration("auth", second, `CREATE TABLE "half" (); SELECT pg_sleep(60);`);
    const databaseUrl = await freshDatabase();
    const { process: child } = await spawnCli(["upgrade-head"], { root, databaseUrl });
    await vi.waitUntil(
      () =>
        withClient(databaseUrl, async (client) => {
          const sql =
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
          return ((await client.query(sql)).rowCount ?? 0) > 0;
        }),
      { timeout: 60_000, interval: 100 },
    );
    child.kill("SIGINT");
    const { exitCode, stdout, stderr } = await child;
    expect(exitCode).toBe(130);
    expect(stdout + stderr).toMatch(/auth/);
    expect(stdout + stderr).not.toMatch(/^\s+at .+:\d+:\d+\)?$|defect of the tool/m);
    expect(await tablesOf(databaseUrl, "auth")).not.toContain("half");
    writeMigration("auth", second, `CREATE TABLE "half" ();`);
    expect((await runCli(["upgrade-head"], { root, databaseUrl })).status).toBe(0);
    expect(await tablesOf(databaseUrl, "auth")).toEqual(["_prisma_migrations", "half", "thing"]);
  });
});

describe("workspaces", () => {
  test("outside of one: what a workspace is, and how to name it", async () => {
    const { root } = makeWorkspace({});
    rmSync(join(root, "services"), { recursive: true });
    expectClear(await runCli(["current"], { root, databaseUrl: await freshDatabase() }), {
      status: 1,
      fact: `${join(root, "services")} cannot be read: there is no such folder`,
      why: "a workspace is a folder that holds services/<name>/schema.prisma",
      fix: "--root DIR or SCHEMATA_ROOT",
    });
  });

  test("without a service, a verb for one says how to make one", async () => {
    const { root } = makeWorkspace({});
    expectClear(
      await runCli(["revision", "--app", "auth", "-m", "x"], { root, databaseUrl: await freshDatabase() }),
      { status: 2, fact: "This workspace has no service", fix: "make a folder services/<name>" },
    );
  });
});

/** Runs the tool as somebody whom file permissions stop: root, whom they do not, as `nobody` with a copy of the tool. */
async function runAsUser(args: string[], { root, databaseUrl }: { root: string; databaseUrl: string }) {
  const asRoot = process.geteuid?.() === 0;
  let cli = join(await toolFolder(), "cli.js");
  const nobody = { uid: 65_534, gid: 65_534 };
  if (asRoot) {
    cpSync(await toolFolder(), join(root, "dist"), { recursive: true });
    rmSync(join(root, "node_modules"));
    cli = join(root, "dist/cli.js");
    giveFolder(root, nobody);
  }
  const { exitCode, stdout, stderr } = await execa(process.execPath, [cli, ...args], {
    cwd: root,
    ...(asRoot && nobody),
    env: { ...bareEnvironment(), SCHEMATA_ROOT: root, DATABASE_URL: databaseUrl },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
  });
  return { status: exitCode, stdout, stderr };
}
