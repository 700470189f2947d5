import { expect, test } from "vitest";
import type { GuardReport } from "../../../scripts/core/guardView.ts";
import { runCli } from "../../support/cli.ts";
import { makeWorkspace } from "../../support/workspace.ts";

const USER = 'model User {\n  id Int @id\n  @@map("users")\n  @@schema("auth")\n}\n';

test("guards each service by what its own schema file and the others' say", async () => {
  const { root } = makeWorkspace({
    auth: {
      migrations: {
        "1_init": "CREATE TABLE users (id int PRIMARY KEY);",
        "2_drop": "DROP TABLE users CASCADE;",
      },
    },
    billing: {
      alsoSchemas: ["auth"],
      models: USER,
      migrations: {
        "1_key": "CREATE TABLE bills (id int, u int REFERENCES auth.users (id));",
        "2_other_key": "ALTER TABLE bills ADD FOREIGN KEY (u) REFERENCES auth.sessions (id);",
        "3_read":
          "-- schemata:allow foreign-schema because of the move\nINSERT INTO bills SELECT id FROM auth.users;",
      },
    },
    legacy: { schema: "public", migrations: { "1_born_there": "CREATE TABLE public.t (id int);" } },
  });
  const result = await runCli(["guard", "--json"], { root });
  const report = result.json<GuardReport>();
  expect(result.status).toBe(3);
  expect(report.migrations).toBe(6);
  expect(report.findings.map(({ file, line, column, rule }) => `${file}:${line}:${column} ${rule}`)).toEqual([
    "services/auth/migrations/2_drop/migration.sql:1:1 cascade",
    "services/billing/migrations/2_other_key/migration.sql:1:50 foreign-key",
  ]);
  expect(report.exceptions).toMatchObject([{ rule: "foreign-schema", reason: "of the move", passed: 1 }]);

  const legacy = await runCli(["guard", "--app", "legacy"], { root });
  expect([legacy.status, legacy.stdout]).toEqual([0, "1 migration: no findings"]);
});

test("warnings count with --strict only", async () => {
  const { root } = makeWorkspace({
    auth: { migrations: { "1_dump": "SELECT pg_catalog.set_config('search_path', '', false);" } },
  });
  expect((await runCli(["guard"], { root })).status).toBe(0);
  const strict = await runCli(["guard", "--strict"], { root });
  expect(strict.status).toBe(3);
  expect(strict.stdout).toContain("services/auth/migrations/1_dump/migration.sql:1:8 warning search-path");
});

test("declared extensions count by their names in the database", async () => {
  const { root, write } = makeWorkspace({
    auth: {
      migrations: {
        "1_uuid": 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp"; CREATE EXTENSION IF NOT EXISTS citext;',
      },
    },
  });
  const datasource = (extensions: string) =>
    `datasource db {\n  provider = "postgresql"\n  schemas = ["auth"]\n  extensions = [${extensions}]\n}\n`;
  write(
    "services/auth/schema.prisma",
    datasource('uuidOssp(map: "uuid-ossp", schema: "extensions"), citext'),
  );
  expect((await runCli(["guard"], { root })).status).toBe(0);
  write("services/auth/schema.prisma", datasource("uuidOssp"));
  const report = (await runCli(["guard", "--json"], { root })).json<GuardReport>();
  expect(report.findings.map(({ message }) => message)).toEqual([
    'the extension "uuid-ossp" is not declared by auth',
    'the extension "citext" is not declared by auth',
  ]);
});

test("a broken service is reported as everywhere", async () => {
  const { root, remove } = makeWorkspace({ auth: {} });
  remove("services/auth/schema.prisma");
  const result = await runCli(["guard"], { root });
  expect([result.status, result.stderr.split("\n")[0]]).toEqual([
    1,
    "auth: services/auth/schema.prisma is missing",
  ]);
});

test("--citus also reports what a Citus cluster refuses, though plain Postgres does not", async () => {
  const workspace = makeWorkspace({
    auth: {
      migrations: {
        "1_init": `CREATE TABLE a (id serial PRIMARY KEY);
ALTER TABLE a ADD COLUMN n bigserial;
ALTER TABLE a ADD COLUMN m int GENERATED ALWAYS AS IDENTITY;
ALTER TABLE a DROP CONSTRAINT a_pkey, ADD CONSTRAINT a_pkey PRIMARY KEY (id, n);
ALTER TABLE a RENAME CONSTRAINT a_pkey TO b_pkey;
CREATE TABLE b (x int) INHERITS (a);
ALTER TABLE b NO INHERIT a;
ALTER TABLE b INHERIT a;
CREATE TRIGGER t BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
DO $$ BEGIN CREATE TABLE hidden (id int); END $$;
CREATE TABLE parts (at date) PARTITION BY RANGE (at);
CREATE TABLE part PARTITION OF parts DEFAULT;
ALTER TABLE a ADD COLUMN up int REFERENCES a (id), DROP COLUMN m;`,
      },
    },
    billing: {
      alsoSchemas: ["auth"],
      migrations: {
        "1_init":
          'CREATE TABLE i (a int REFERENCES auth.a (id), own int);\nALTER TABLE i ADD CONSTRAINT f FOREIGN KEY (own) REFERENCES "auth"."a" (id);\nALTER TABLE i ADD FOREIGN KEY (own) REFERENCES shared.t (id);',
      },
    },
  });
  const { stdout } = await runCli(["guard", "--citus", "--json"], { root: workspace.root });
  const { findings } = JSON.parse(stdout) as { findings: Record<string, unknown>[] };
  const found = findings
    .filter(({ rule }) => rule === "citus")
    .map(({ service, line, severity, message }) => `${service}:${line} ${severity} ${message}`);
  expect(found).toEqual([
    "auth:2 error Citus refuses ADD COLUMN of a SERIAL or identity column",
    "auth:3 error Citus refuses ADD COLUMN of a SERIAL or identity column",
    "auth:4 error Citus refuses DROP CONSTRAINT and ADD CONSTRAINT in one ALTER TABLE",
    "auth:5 error Citus refuses RENAME CONSTRAINT",
    "auth:6 error Citus refuses inheritance of tables",
    "auth:8 error Citus refuses inheritance of tables",
    "auth:9 error Citus refuses a trigger",
    "auth:10 warning a table made inside a DO block, which stays on the coordinator",
    'billing:1 error Citus refuses a foreign key into the schema "auth", which lies on another node',
    'billing:2 error Citus refuses a foreign key into the schema "auth", which lies on another node',
  ]);
  const plain = await runCli(["guard", "--json"], { root: workspace.root });
  expect(plain.stdout).not.toContain('"citus"');
});

test("--citus takes exceptions, which say nothing without it", async () => {
  const workspace = makeWorkspace({
    auth: {
      migrations: {
        "1_init":
          "-- schemata:allow citus because auth is never distributed\nCREATE TABLE a (id int);\nCREATE TRIGGER t BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();\nALTER TABLE a ADD COLUMN n bigserial;\n",
        "2_more": "-- schemata:allow citus\nALTER TABLE a ADD COLUMN m bigserial;\n",
      },
    },
  });
  const guard = async (...args: string[]) => {
    const result = await runCli(["guard", "--json", ...args], { root: workspace.root });
    const { findings, exceptions } = result.json<GuardReport>();
    return {
      found: findings.map(({ file, rule, message }) => `${file.split("/")[3]} ${rule}: ${message}`),
      exceptions: exceptions.map(({ rule, reason, passed }) => [rule, reason, passed]),
    };
  };
  const without = "2_more allow: the exception for citus gives no reason";
  expect(await guard("--citus")).toEqual({
    found: [without, "2_more citus: Citus refuses ADD COLUMN of a SERIAL or identity column"],
    exceptions: [["citus", "auth is never distributed", 2]],
  });
  expect(await guard()).toEqual({
    found: [without],
    exceptions: [["citus", "auth is never distributed", 0]],
  });
});
