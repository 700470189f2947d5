import { randomBytes } from "node:crypto";
import pg from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import { appRole, ownerRole } from "../../../scripts/core/roles.ts";
import { quoteIdent } from "../../../scripts/core/sql.ts";
import { runCli } from "../../support/cli.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { makeWorkspace } from "../../support/workspace.ts";

/** Roles belong to the whole server that test files share, so names are made for one test. */
const unique = (name: string) => `${name}_${randomBytes(4).toString("hex")}`;

async function query<T extends object>(url: string, sql: string, role?: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    if (role !== undefined) await client.query(`SET ROLE ${quoteIdent(role)}`);
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "done",
    (error: { code?: string }) => error.code,
  );

describe("provision", () => {
  let server: string;
  beforeAll(async () => {
    server = await testServer();
  });

  it("keeps a migration off its neighbour's tables, and a program to its own rows", async () => {
    const [auth, billing] = [unique("auth"), unique("billing")];
    const workspace = makeWorkspace({
      [auth]: { migrations: { "1_init": 'CREATE TABLE "User" (id serial PRIMARY KEY, name text);' } },
      [billing]: { migrations: { "1_init": 'CREATE TABLE "Invoice" (id serial PRIMARY KEY);' } },
    });
    const run = { root: workspace.root, databaseUrl: await createDatabase(server) };
    for (let time = 0; time < 2; time += 1) expect((await runCli(["provision"], run)).status).toBe(0);
    expect((await runCli(["upgrade-head", "--require-roles"], run)).status).toBe(0);

    workspace.writeMigration(
      billing,
      "2_trespass",
      `CREATE TABLE "Kept" (id int);\nDROP TABLE ${auth}."User";`,
    );
    const refused = await runCli(["upgrade-head", "--json"], run);
    expect(refused.status).toBe(1);
    expect(refused.json<{ services: object[] }>().services).toContainEqual(
      expect.objectContaining({
        service: billing,
        failure: expect.objectContaining({ sqlState: "42501", line: 2 }),
      }),
    );
    const tables = await query(
      run.databaseUrl,
      `SELECT tablename FROM pg_tables WHERE schemaname = '${billing}' ORDER BY 1`,
    );
    expect(tables).toEqual([{ tablename: "Invoice" }, { tablename: "_prisma_migrations" }]);

    const asAuth = (sql: string) => code(query(run.databaseUrl, sql, appRole(auth)));
    expect(await asAuth(`INSERT INTO ${auth}."User" (name) VALUES ('a')`)).toBe("done");
    expect(await asAuth(`UPDATE ${auth}."User" SET name = 'b'`)).toBe("done");
    expect(await asAuth(`SELECT * FROM ${billing}."Invoice"`)).toBe("42501");
    expect(await asAuth(`INSERT INTO ${billing}."Invoice" DEFAULT VALUES`)).toBe("42501");
    expect(await asAuth(`CREATE TABLE ${billing}.x (id int)`)).toBe("42501");
    expect(await asAuth(`CREATE TABLE ${auth}.x (id int)`)).toBe("42501");
    expect(await asAuth("CREATE TABLE public.x (id int)")).toBe("42501");
    expect(await asAuth(`SELECT * FROM ${auth}._prisma_migrations`)).toBe("42501");
    expect(await asAuth(`ALTER TABLE ${auth}."User" ADD COLUMN x int`)).toBe("42501");
    expect(await asAuth(`TRUNCATE ${auth}."User"`)).toBe("42501");
    const seen = await query(
      run.databaseUrl,
      `SELECT 1 FROM information_schema.tables WHERE table_schema = '${billing}'`,
      appRole(auth),
    );
    expect(seen).toEqual([]);
  });

  it("hands over what was made before: tables, types, functions, sequences, the ledger", async () => {
    const service = unique("old");
    const workspace = makeWorkspace({
      [service]: {
        migrations: {
          "1_init": `CREATE TYPE "Kind" AS ENUM ('a'); CREATE DOMAIN "Positive" AS int CHECK (VALUE > 0);
            CREATE TABLE "Part" (id serial, at date, kind "Kind") PARTITION BY RANGE (at);
            CREATE TABLE "Part_1" PARTITION OF "Part" FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
            CREATE SEQUENCE "Loose"; CREATE VIEW "Seen" AS SELECT id FROM "Part";
            CREATE MATERIALIZED VIEW "Kept" AS SELECT 1 AS one;
            CREATE TYPE "Pair" AS (a int, b int);
            CREATE FUNCTION "twice"(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2';`,
        },
      },
    });
    const run = { root: workspace.root, databaseUrl: await createDatabase(server) };
    const first = await runCli(["upgrade-head"], run);
    expect(first.status).toBe(0);
    expect(first.stderr).toContain(`Warning: ${service}: no owner role in this database`);
    expect((await runCli(["provision"], run)).status).toBe(0);
    const strangers = await query(
      run.databaseUrl,
      `WITH objects AS (
         SELECT relname::text AS name, relowner AS owner FROM pg_class WHERE relnamespace = '${service}'::regnamespace
         UNION ALL SELECT typname, typowner FROM pg_type WHERE typnamespace = '${service}'::regnamespace
         UNION ALL SELECT proname, proowner FROM pg_proc WHERE pronamespace = '${service}'::regnamespace)
       SELECT name FROM objects WHERE owner <> '${ownerRole(service)}'::regrole`,
    );
    expect(strangers).toEqual([]);
    workspace.writeMigration(service, "2_more", 'ALTER TABLE "Part" ADD COLUMN more int;');
    const second = await runCli(["upgrade-head", "--require-roles"], run);
    expect(second.status).toBe(0);
    expect(second.stderr).not.toContain("Warning");
    const app = appRole(service);
    expect(await code(query(run.databaseUrl, `SELECT more FROM ${service}."Part"`, app))).toBe("done");
    expect(await code(query(run.databaseUrl, `DELETE FROM ${service}._prisma_migrations`, app))).toBe(
      "42501",
    );
  });

  it("works for an administrator who is no superuser, and for hostile names", async () => {
    const admin = unique("admin");
    const schema = `we"ird $$ ${unique("Order; --")}`;
    const workspace = makeWorkspace({
      strange: { schema, migrations: { "1_init": 'CREATE TABLE "user" (id int);' } },
    });
    const database = new URL(await createDatabase(server));
    await query(database.href, `CREATE USER ${admin} PASSWORD 'not-shown' CREATEROLE`);
    await query(
      database.href,
      `GRANT CREATE ON DATABASE ${quoteIdent(database.pathname.slice(1))} TO ${admin}`,
    );
    database.username = admin;
    database.password = "not-shown";
    const run = { root: workspace.root, databaseUrl: database.href };
    for (let time = 0; time < 2; time += 1) {
      const done = await runCli(["provision"], run);
      expect(done.stderr).toContain("Provisioned strange");
      expect(done.status).toBe(0);
      expect(done.stdout + done.stderr).not.toContain("not-shown");
    }
    const upgraded = await runCli(["upgrade-head", "--require-roles"], run);
    expect(upgraded.stderr).not.toContain("Why:");
    expect(upgraded.status).toBe(0);
  });

  it("refuses, with what to run, where roles are required, not granted or half made", async () => {
    const service = unique("lonely");
    const workspace = makeWorkspace({ [service]: { migrations: { "1_init": "CREATE TABLE t (id int);" } } });
    const database = await createDatabase(server);
    const run = { root: workspace.root, databaseUrl: database };
    const required = await runCli(["upgrade-head", "--require-roles"], run);
    expect(required.status).toBe(1);
    expect(required.stderr).toContain(`${service}: no role "${ownerRole(service)}" owns the schema`);
    expect(required.stderr).toContain("Fix: make provision");
    expect((await runCli(["provision"], run)).status).toBe(0);

    const login = unique("login");
    await query(database, `CREATE USER ${login} PASSWORD 'not-shown'`);
    const url = new URL(database);
    url.username = login;
    url.password = "not-shown";
    const forbidden = await runCli(["upgrade-head"], { root: workspace.root, databaseUrl: url.href });
    expect(forbidden.status).toBe(1);
    expect(forbidden.stderr).toContain(`the login may not act as "${ownerRole(service)}"`);
    await query(database, `GRANT ${ownerRole(service)} TO ${login}`);
    expect((await runCli(["upgrade-head"], { root: workspace.root, databaseUrl: url.href })).status).toBe(0);

    await query(database, `ALTER TABLE ${service}._prisma_migrations OWNER TO CURRENT_USER`);
    const incomplete = await runCli(["upgrade-head"], run);
    expect(incomplete.status).toBe(1);
    expect(incomplete.stderr).toContain("but its ledger does not");
    expect((await runCli(["provision"], run)).status).toBe(0);
    expect((await runCli(["upgrade-head"], run)).status).toBe(0);
  });

  it("prints the SQL and touches nothing with --dry-run", async () => {
    const service = unique("dry");
    const workspace = makeWorkspace({ [service]: {} });
    const run = { root: workspace.root, databaseUrl: await createDatabase(server) };
    const dry = await runCli(["provision", "--dry-run"], run);
    expect(dry.status).toBe(0);
    expect(dry.stdout).toContain(`GRANT "${appRole(service)}" TO <login of the service>`);
    expect(
      await query(run.databaseUrl, `SELECT 1 FROM pg_roles WHERE rolname = '${ownerRole(service)}'`),
    ).toEqual([]);
  });
});
