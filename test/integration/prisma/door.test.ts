import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import pg from "pg";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { quoteIdent } from "../../../scripts/core/sql.ts";
import { bareEnvironment, toolFolder } from "../../support/cli.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { runPrisma } from "../../support/prismaCli.ts";
import { makeWorkspace } from "../../support/workspace.ts";

// Each call of the stock CLI costs seconds on a busy machine.
vi.setConfig({ testTimeout: 240_000 });

const USER = `model User {\n  id Int @id\n  email String @unique\n  @@schema("auth")\n}\n`;
const INIT = `CREATE TABLE "User" ("id" INTEGER NOT NULL, "email" TEXT NOT NULL, CONSTRAINT "User_pkey" PRIMARY KEY ("id"));\nCREATE UNIQUE INDEX "User_email_key" ON "User"("email");\n`;
/** The commands that ask want a terminal; with all answers given, looking like one is enough. */
const AS_TERMINAL = `--import=data:text/javascript,${encodeURIComponent("process.stdin.isTTY = process.stdout.isTTY = true")}`;

let server: string;
beforeAll(async () => {
  server = await testServer();
});

async function query(url: string, sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** A login of the test's own, so that what it leaves behind can be told from other tests' databases. */
async function makeLogin(database: string, attributes: string): Promise<{ role: string; url: string }> {
  const role = `login_${Math.random().toString(36).slice(2)}`;
  await query(database, `CREATE ROLE ${role} LOGIN PASSWORD 'hidden-word' ${attributes}`);
  await query(
    database,
    `GRANT CREATE ON DATABASE ${quoteIdent(new URL(database).pathname.slice(1))} TO ${role}`,
  );
  const url = new URL(database);
  url.username = role;
  url.password = "hidden-word";
  return { role, url: url.href };
}

function databasesOf(role: string) {
  return query(server, "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = $1 ORDER BY 1", [
    role,
  ]);
}

function authWorkspace(migrations: Record<string, string> = { "20250101000000_init": INIT }, models = USER) {
  return makeWorkspace({ auth: { models, migrations } });
}

/** `prisma migrate dev` as on a terminal, with everything answered beforehand. */
async function migrateDev(root: string, url: string, ...args: string[]) {
  const dir = join(root, "services/auth");
  const program = join(root, "node_modules/prisma/build/index.js");
  const config = join(await toolFolder(), "prisma.config.js");
  return execa(process.execPath, [AS_TERMINAL, program, "migrate", "dev", ...args, "--config", config], {
    cwd: dir,
    env: { ...bareEnvironment(), DATABASE_URL: url, PRISMA_SERVICE_DIR: dir, NO_COLOR: "1" },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    all: true,
  });
}

describe("the stock CLI through the door", () => {
  test("deploy, status, diff, pull, push, resolve, execute and reset work on the service's schema only", async () => {
    const workspace = authWorkspace();
    const databaseUrl = await createDatabase(server);
    await query(databaseUrl, "CREATE TABLE public.kept (id integer)");
    const prisma = (...args: string[]) => runPrisma(args, { workspace, service: "auth", databaseUrl });
    expect((await prisma("migrate", "status")).output).toContain("have not yet been applied");
    const deploy = await prisma("migrate", "deploy");
    expect(deploy.output).toContain("All migrations have been successfully applied.");
    const status = await prisma("migrate", "status");
    expect([status.status, status.output]).toEqual([
      0,
      expect.stringContaining("Database schema is up to date!"),
    ]);
    const tables = () =>
      query(
        databaseUrl,
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('auth', 'public') ORDER BY 1, 2",
      );
    const expected = [
      { schemaname: "auth", tablename: "User" },
      { schemaname: "auth", tablename: "_prisma_migrations" },
      { schemaname: "public", tablename: "kept" },
    ];
    expect(await tables()).toEqual(expected);

    const same = await prisma(
      "migrate",
      "diff",
      "--from-migrations",
      "migrations",
      "--to-schema",
      "schema.prisma",
      "--exit-code",
    );
    expect([same.status, same.output]).toEqual([0, expect.stringContaining("No difference detected.")]);
    const differs = await prisma(
      "migrate",
      "diff",
      "--from-empty",
      "--to-schema",
      "schema.prisma",
      "--script",
      "--exit-code",
    );
    expect([differs.status, differs.output]).toEqual([
      2,
      expect.stringContaining(`CREATE TABLE "auth"."User"`),
    ]);
    expect((await prisma("db", "pull", "--print")).output).toMatch(
      /model User \{\n\s+id\s+Int\s+@id\n\s+email String @unique/,
    );
    expect((await prisma("db", "push")).output).toContain("already in sync");

    workspace.write("services/auth/add.sql", `INSERT INTO "User" VALUES (1, 'a;b'), (2, $$c;d$$);`);
    expect((await prisma("db", "execute", "--file", "add.sql")).status).toBe(0);
    expect(await query(databaseUrl, `SELECT email FROM auth."User" ORDER BY id`)).toEqual([
      { email: "a;b" },
      { email: "c;d" },
    ]);

    expect((await prisma("migrate", "reset", "--force")).status).toBe(0);
    expect(await tables()).toEqual(expected);
    expect(await query(databaseUrl, `SELECT * FROM auth."User"`)).toEqual([]);
    const resolved = await prisma("migrate", "resolve", "--applied", "20250101000000_init");
    expect([resolved.status, resolved.output]).toEqual([1, expect.stringContaining("P3008")]);
  });

  test("a script is sent whole; its failure names the line and is recorded as stock Prisma does", async () => {
    const body = `CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'a;b'; END $$;\nDO $$ BEGIN PERFORM 1; PERFORM 2; END $$;\nSELECT 'ü' ,\n  nothing;\n`;
    const workspace = authWorkspace({ "20250101000000_bad": body });
    const databaseUrl = await createDatabase(server);
    const { status, output } = await runPrisma(["migrate", "deploy"], {
      workspace,
      service: "auth",
      databaseUrl,
    });
    expect(status).toBe(1);
    expect(output).toContain("P3018");
    expect(output).toContain(`column "nothing" does not exist (line 4, column 3, SQLSTATE 42703)`);
    expect(await query(databaseUrl, "SELECT to_regproc('auth.f') AS f")).toEqual([{ f: null }]);
    const failed = await runPrisma(["migrate", "status"], { workspace, service: "auth", databaseUrl });
    expect(failed.output).toContain("20250101000000_bad");
  });

  test("migrate dev writes and applies a migration and leaves no shadow database, also when it fails", async () => {
    const workspace = authWorkspace();
    const { role, url } = await makeLogin(await createDatabase(server), "CREATEDB");
    const file = readFileSync(join(workspace.root, "services/auth/schema.prisma"), "utf8");
    workspace.write("services/auth/schema.prisma", file.replace("@unique", "@unique\n  nick String?"));
    const done = await migrateDev(workspace.root, url, "--name", "add_nick");
    expect(done.all).toContain("Your database is now in sync with your schema.");
    const names = readdirSync(join(workspace.root, "services/auth/migrations"));
    const added = names.find((name) => name.endsWith("_add_nick")) ?? "";
    const sql = readFileSync(
      join(workspace.root, "services/auth/migrations", added, "migration.sql"),
      "utf8",
    );
    expect(sql).toBe(`-- AlterTable\nALTER TABLE "User" ADD COLUMN     "nick" TEXT;\n`);
    await expect.poll(() => databasesOf(role)).toEqual([]);

    workspace.writeMigration("auth", "20990101000000_bad", "SELECT nothing;");
    const failed = await migrateDev(workspace.root, url, "--name", "more");
    expect(failed.exitCode).toBe(1);
    expect(failed.all).toContain("P3006");
    await expect.poll(() => databasesOf(role)).toEqual([]);
    expect(failed.all).not.toContain("hidden-word");
  });

  test("shadow databases of killed runs are swept: old ones, nobody connected, ours", async () => {
    const workspace = authWorkspace();
    const { role, url } = await makeLogin(await createDatabase(server), "CREATEDB");
    const named = (age: number, end: string) =>
      `prisma_migrate_shadow_db_${(Date.now() - age).toString(36)}_${end.repeat(16)}`;
    const old = named(3_600_000, "a");
    const young = named(1_000, "b");
    const busy = named(3_600_000, "c");
    const foreign = `prisma_migrate_shadow_db_${role}`;
    for (const name of [old, young, busy, foreign])
      await query(server, `CREATE DATABASE ${name} OWNER ${role}`);
    const address = new URL(server);
    address.pathname = `/${busy}`;
    const client = new pg.Client({ connectionString: address.href });
    await client.connect();
    try {
      const args = ["migrate", "diff", "--from-migrations", "migrations", "--to-schema", "schema.prisma"];
      const { status, output } = await runPrisma(args, { workspace, service: "auth", databaseUrl: url });
      expect([status, output]).toEqual([0, expect.stringContaining("No difference")]);
      const left = [young, busy, foreign].sort().map((datname) => ({ datname }));
      await expect.poll(async () => (await databasesOf(role)).sort(byName)).toEqual(left);
    } finally {
      await client.end();
    }
    for (const name of [young, busy, foreign]) await query(server, `DROP DATABASE ${name}`);
  });

  test("a role that may not create databases is told, and can name a shadow database", async () => {
    const workspace = authWorkspace();
    const database = await createDatabase(server);
    const { role, url } = await makeLogin(database, "NOCREATEDB");
    const refused = await migrateDev(workspace.root, url, "--name", "x");
    expect(refused.exitCode).toBe(1);
    expect(refused.all).toContain("grant it CREATEDB");
    const shadow = new URL(await createDatabase(server));
    await query(shadow.href, `ALTER DATABASE ${quoteIdent(shadow.pathname.slice(1))} OWNER TO ${role}`);
    await query(
      shadow.href,
      `CREATE SCHEMA leftover AUTHORIZATION ${role}; CREATE TABLE leftover.t (id integer)`,
    );
    [shadow.username, shadow.password] = [role, "hidden-word"];
    workspace.write(".env", `SHADOW_DATABASE_URL=${shadow.href}\n`);
    const done = await migrateDev(workspace.root, url, "--name", "x");
    expect(done.all).toContain("Your database is now in sync");
    expect(await query(shadow.href, "SELECT to_regnamespace('leftover') AS found")).toEqual([
      { found: null },
    ]);
    workspace.write(".env", `SHADOW_DATABASE_URL=${url}?application_name=disguise\n`);
    const same = await migrateDev(workspace.root, url, "--name", "x");
    expect(same.all).toContain("names the database itself");
    expect(await query(database, `SELECT * FROM auth."User"`)).toEqual([]);
  });
});

function byName(a: Record<string, unknown>, b: Record<string, unknown>): number {
  return String(a.datname) < String(b.datname) ? -1 : 1;
}

describe("locks", () => {
  test("a service's deploy waits for its own runs and for a native engine, not for other services", async () => {
    const workspace = authWorkspace();
    const databaseUrl = await createDatabase(server);
    const deploy = () => runPrisma(["migrate", "deploy"], { workspace, service: "auth", databaseUrl });
    const holder = new pg.Client({ connectionString: databaseUrl });
    await holder.connect();
    try {
      await holder.query(
        "SELECT pg_advisory_lock_shared(72707369), pg_advisory_lock(72707369, hashtext('billing'))",
      );
      expect((await deploy()).output).toContain("successfully applied");
      await holder.query("SELECT pg_advisory_lock(72707369, hashtext('auth'))");
      const blocked = await deploy();
      expect([blocked.status, blocked.output]).toEqual([1, expect.stringContaining("P1002")]);
      await holder.query("SELECT pg_advisory_unlock_all()");
      await holder.query("SELECT pg_advisory_lock(72707369)");
      expect((await deploy()).output).toContain("P1002");
      await holder.query("SELECT pg_advisory_unlock_all()");
      expect((await deploy()).status).toBe(0);
    } finally {
      await holder.end();
    }
    const left = await query(
      databaseUrl,
      "SELECT * FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND granted",
    );
    expect(left).toEqual([]);
  });

  test("two services deploy at once", async () => {
    const workspace = makeWorkspace({
      auth: { migrations: { "20250101000000_slow": "SELECT pg_sleep(4); CREATE TABLE a (id integer);" } },
      billing: { migrations: { "20250101000000_slow": "SELECT pg_sleep(4); CREATE TABLE b (id integer);" } },
    });
    const databaseUrl = await createDatabase(server);
    const services = ["auth", "billing"];
    const results = await Promise.all(
      services.map((service) => runPrisma(["migrate", "deploy"], { workspace, service, databaseUrl })),
    );
    expect(results.map(({ status }) => status)).toEqual([0, 0]);
    const [row] = await query(
      databaseUrl,
      "SELECT (a.started_at, a.finished_at) OVERLAPS (b.started_at, b.finished_at) AS together FROM auth._prisma_migrations a, billing._prisma_migrations b",
    );
    expect(row).toEqual({ together: true });
  });
});

describe("failures before the first migration", () => {
  test("wrong password, nothing listening: Prisma's numbers, no password", async () => {
    const workspace = authWorkspace();
    const wrong = new URL(await createDatabase(server));
    wrong.password = "wr0ng-word";
    for (const args of [
      ["migrate", "status"],
      ["migrate", "deploy"],
      ["db", "pull", "--print"],
    ]) {
      const { status, output } = await runPrisma(args, {
        workspace,
        service: "auth",
        databaseUrl: wrong.href,
      });
      expect([status, output]).toEqual([1, expect.stringContaining("P1000")]);
      expect(output).not.toContain("wr0ng-word");
    }
    wrong.port = "1";
    const unreachable = await runPrisma(["migrate", "deploy"], {
      workspace,
      service: "auth",
      databaseUrl: wrong.href,
    });
    expect([unreachable.status, unreachable.output]).toEqual([1, expect.stringContaining("P1001")]);
  });

  test("a missing database is created where that is allowed", async () => {
    const workspace = authWorkspace();
    const missing = new URL(await createDatabase(server));
    missing.pathname += "_new";
    const { status, output } = await runPrisma(["migrate", "deploy"], {
      workspace,
      service: "auth",
      databaseUrl: missing.href,
    });
    expect([status, output]).toEqual([0, expect.stringContaining("created at")]);
  });

  test("a role that may not create the schema fails the deploy, with the reason", async () => {
    const workspace = authWorkspace();
    const database = await createDatabase(server);
    const { role, url } = await makeLogin(database, "");
    await query(
      database,
      `REVOKE CREATE ON DATABASE ${quoteIdent(new URL(database).pathname.slice(1))} FROM ${role}`,
    );
    const { status, output } = await runPrisma(["migrate", "deploy"], {
      workspace,
      service: "auth",
      databaseUrl: url,
    });
    expect([status, output]).toEqual([1, expect.stringContaining("permission denied for database")]);
  });
});

describe("the program itself", () => {
  test("says the engine's version as the native one does", async () => {
    const { stdout } = await execa(join(await toolFolder(), "schema-engine.js"), ["--version"]);
    expect(stdout).toMatch(/^schema-engine-cli [0-9a-f]{40}$/);
  });

  test("a broken engine answers the first request, and exits with a failure", async () => {
    const datasource = JSON.stringify({
      url: "postgresql://nobody:hidden-word@127.0.0.1:1/none?schema=auth",
    });
    const child = spawn(join(await toolFolder(), "schema-engine.js"), ["--datasource", datasource]);
    const exited = once(child, "exit");
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stdin.end(`${JSON.stringify({ id: 7, jsonrpc: "2.0", method: "getDatabaseVersion" })}\n`);
    expect((await exited)[0]).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      id: 7,
      error: { code: 4466, data: { is_panic: false, error_code: "P1001" } },
    });
    expect(out).not.toContain("hidden-word");
  });

  test("a panic is answered as one, and an unknown method is refused", async () => {
    const datasource = JSON.stringify({ url: `${await createDatabase(server)}?schema=auth` });
    const requests = ["nonsense", "debugPanic"].map((method, id) =>
      JSON.stringify({ id: id + 1, jsonrpc: "2.0", method }),
    );
    const child = await execa(join(await toolFolder(), "schema-engine.js"), ["--datasource", datasource], {
      input: `${requests.join("\n")}\n`,
      reject: false,
    });
    const [unknown, panic] = child.stdout.split("\n").map((line) => JSON.parse(line));
    expect(unknown).toMatchObject({
      id: 1,
      error: { data: { is_panic: false, message: expect.stringContaining("nonsense") } },
    });
    expect(panic).toMatchObject({
      id: 2,
      error: { data: { is_panic: true, message: expect.stringContaining("debugPanic") } },
    });
  });
});
