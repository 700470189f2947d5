import { beforeAll, expect, test } from "vitest";
import { withClient } from "../../support/catalog.ts";
import { runCli } from "../../support/cli.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { makeWorkspace, type TestWorkspace } from "../../support/workspace.ts";

let workspace: TestWorkspace;
let databaseUrl: string;

beforeAll(async () => {
  workspace = makeWorkspace({
    auth: {
      migrations: {
        "20250101000000_users": "CREATE TABLE users (id integer PRIMARY KEY);",
        "20250103000000_more":
          "-- depends-on: billing/20250102000000_invoices\nALTER TABLE users\n  ADD COLUMN email text;\nCREATE INDEX ON users (email);\nCREATE TABLE roles (id integer);\nALTER TABLE roles ADD COLUMN name text;\nDO $$ BEGIN END $$;",
      },
    },
    billing: {
      migrations: {
        "20250102000000_invoices":
          "-- depends-on: auth/20250101000000_users\nCREATE TABLE invoices (id integer, user_id integer REFERENCES auth.users);",
      },
    },
  });
  databaseUrl = await createDatabase(await testServer());
  expect((await run("upgrade", "--app", "auth", "+1")).status).toBe(0);
});

const run = (...args: string[]) => runCli(args, { root: workspace.root, databaseUrl });

test("every service's migrations in order, with what their statements lock and who waits", async () => {
  const { status, stdout, stderr } = await run("plan");
  expect([status, stderr.split("\n").filter((line) => /^(?!Warning: )\S/.test(line))]).toEqual([
    0,
    [
      "Found in pending migrations: 1 error, 1 warning",
      "services/auth/migrations/20250103000000_more/migration.sql:4:1 warning require-concurrent-index-creation",
      "services/billing/migrations/20250102000000_invoices/migration.sql:2:63 error foreign-key",
    ],
  ]);
  expect(stdout).toBe(`billing/20250102000000_invoices (after auth/20250101000000_users)
  2: CREATE TABLE invoices (id integer, user_id integer REFERENCES auth.users)
     SHARE ROW EXCLUSIVE on auth.users: writes wait
auth/20250103000000_more (after billing/20250102000000_invoices)
  2: ALTER TABLE users ADD COLUMN email text
     ACCESS EXCLUSIVE on auth.users: reads and writes wait
  4: CREATE INDEX ON users (email)
     SHARE on auth.users: writes wait
  7: DO $$ BEGIN END $$
     what it locks shows only when it runs
2 migrations; reads and writes wait on auth.users; writes alone on no table`);
  const json = (await run("plan", "--json")).json<{ order: { service: string; statements: object[] }[] }>();
  expect(json.order.map(({ service }) => service)).toEqual(["billing", "auth"]);
  expect(json.order[1]?.statements[0]).toEqual({
    line: 2,
    statement: "ALTER TABLE users ADD COLUMN email text",
    locks: [{ table: "auth.users", mode: "ACCESS EXCLUSIVE", blocks: "reads and writes" }],
    opaque: false,
  });
});

test("touches nothing, and says what stands in the way", async () => {
  workspace.writeMigration("auth", "20250104000000_broken", "ALTER TABL users;");
  const broken = await run("plan", "--app", "auth", "--with-dependencies");
  expect(broken.status).toBe(1);
  expect(broken.stderr).toMatch(
    /20250104000000_broken\/migration.sql cannot be parsed: syntax error at or near "TABL"/,
  );
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query("SELECT migration_name FROM auth._prisma_migrations"),
  );
  expect(rows).toEqual([{ migration_name: "20250101000000_users" }]);
  workspace.writeMigration("auth", "20250101000000_users", "CREATE TABLE users (id bigint PRIMARY KEY);");
  const edited = await run("plan");
  expect(edited).toMatchObject({ status: 1, stdout: expect.stringMatching("invoices") });
  expect(edited.stderr).toMatch("20250101000000_users was edited after being applied");
});
