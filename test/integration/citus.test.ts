import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { createDatabase, startThrowawayServer, type TestServer } from "../support/postgres.ts";
import { makeWorkspace } from "../support/workspace.ts";

/**
 * What a run asks of Citus, on plain Postgres that answers like a coordinator: its catalogs, its function, and its
 * refusal of schema changes in a message of several statements. It does not distribute anything.
 */
const COORDINATOR = `
  SET allow_system_table_mods TO on;
  INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) VALUES (99999, 'citus', 10, 11, false, '13.2');
  CREATE TABLE pg_catalog.pg_dist_local_group (groupid int);
  INSERT INTO pg_catalog.pg_dist_local_group VALUES (0);
  CREATE TABLE pg_catalog.pg_dist_schema (schemaid oid PRIMARY KEY);
  CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass);
  CREATE FUNCTION public.citus_schema_distribute(schema regnamespace) RETURNS void LANGUAGE sql AS
    'INSERT INTO pg_catalog.pg_dist_schema VALUES (schema)';
  CREATE FUNCTION public.one_at_a_time() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF current_query() ~ ';\\s*\\S' AND current_query() !~* '^\\s*(CREATE FUNCTION|DO)' THEN
        RAISE EXCEPTION 'cannot insert multiple commands into a prepared statement' USING ERRCODE = '42601';
      END IF;
    END $$;
  CREATE FUNCTION public.note_table() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF current_query() !~* '^\\s*DO' THEN
        INSERT INTO pg_catalog.pg_dist_partition SELECT objid FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table';
      END IF;
    END $$;
  CREATE EVENT TRIGGER one_at_a_time ON ddl_command_start EXECUTE FUNCTION public.one_at_a_time();
  CREATE EVENT TRIGGER note_table ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.note_table();`;

describe("on the coordinator of a Citus cluster", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startThrowawayServer({ settings: { "citus.enable_schema_based_sharding": "on" } });
  });
  afterAll(() => server.stop());

  async function makeCoordinator(): Promise<{ url: string; ask(sql: string): Promise<object[]> }> {
    const url = await createDatabase(server.url);
    const ask = async (sql: string) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    };
    await ask(COORDINATOR);
    return { url, ask };
  }

  it("distributes schemas, sends statements one by one, and names tables that stayed local", async () => {
    const { url, ask } = await makeCoordinator();
    await expect(ask("CREATE TABLE a (id int); CREATE TABLE b (id int)")).rejects.toMatchObject({
      code: "42601",
    });
    const workspace = makeWorkspace({
      auth: {
        migrations: {
          "1_init":
            'CREATE TYPE "Role" AS ENUM (\'a\');\nCREATE TABLE "User" (id serial PRIMARY KEY, role "Role");\nCREATE INDEX ON "User" (role);',
          "2_index":
            'CREATE TABLE "T" (id int);\nCREATE INDEX CONCURRENTLY "T_id" ON "T" (id);\nALTER TABLE "T" ADD COLUMN a int;',
          "3_local": 'DO $$ BEGIN CREATE TABLE "Hidden" (id int); END $$;',
        },
      },
      billing: {
        migrations: { "1_bad": 'CREATE TABLE "A" (id int);\nALTER TABLE "ünknown" ADD COLUMN x int;' },
      },
    });
    const run = await runCli(["upgrade-head", "--json"], { root: workspace.root, databaseUrl: url });
    expect(run.json()).toMatchObject({
      services: [
        { service: "auth", status: "upgraded", applied: ["1_init", "2_index", "3_local"] },
        { service: "billing", status: "failed", failure: { sqlState: "42P01", line: 2, column: 1 } },
      ],
    });
    expect(run.stderr).toContain("Warning: auth: not distributed, but local to the coordinator: Hidden");
    expect(
      await ask("SELECT schemaid::regnamespace::text AS schema FROM pg_catalog.pg_dist_schema ORDER BY 1"),
    ).toEqual([{ schema: "auth" }, { schema: "billing" }]);
    expect(
      await ask("SELECT migration_name FROM auth._prisma_migrations WHERE finished_at IS NOT NULL"),
    ).toHaveLength(3);
    expect(await ask("SELECT tablename FROM pg_tables WHERE schemaname = 'billing'")).toEqual([]);
  });

  it("warns, before it begins, of what the cluster refuses though the shadow database does not", async () => {
    const { url } = await makeCoordinator();
    const workspace = makeWorkspace({
      auth: {
        migrations: {
          "1_init": "CREATE TABLE t (id int);\nCREATE TRIGGER x BEFORE UPDATE ON t EXECUTE FUNCTION f();",
        },
      },
    });
    const run = await runCli(["upgrade-head", "--dry-run"], { root: workspace.root, databaseUrl: url });
    expect(run.stderr).toContain(
      "Warning: auth: services/auth/migrations/1_init/migration.sql:2:1: Citus refuses a trigger; ",
    );
    workspace.writeMigration(
      "auth",
      "1_init",
      "-- schemata:allow citus because it is made anew there\nCREATE TABLE t (id int);\nCREATE TRIGGER x BEFORE UPDATE ON t EXECUTE FUNCTION f();",
    );
    const allowed = await runCli(["upgrade-head", "--dry-run"], { root: workspace.root, databaseUrl: url });
    expect(allowed.stderr).not.toContain("Citus refuses");
    expect(allowed.stderr).toContain("citus (1): it is made anew there");
  });

  it("refuses a worker", async () => {
    const { url, ask } = await makeCoordinator();
    await ask("UPDATE pg_catalog.pg_dist_local_group SET groupid = 2");
    const workspace = makeWorkspace({ auth: { migrations: { "1_init": "CREATE TABLE t (id int);" } } });
    const run = await runCli(["upgrade-head"], { root: workspace.root, databaseUrl: url });
    expect(run.status).toBe(1);
    expect(run.stderr).toContain("is a worker of a Citus cluster");
    expect(run.stderr).toContain("Fix: point DATABASE_URL at the coordinator");
  });
});
