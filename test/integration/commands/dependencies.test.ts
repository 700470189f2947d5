import { randomBytes } from "node:crypto";
import pg from "pg";
import { describe, expect, test, vi } from "vitest";
import { appRole, ownerRole } from "../../../scripts/core/roles.ts";
import { quoteIdent } from "../../../scripts/core/sql.ts";
import { runCli } from "../../support/cli.ts";
import { createDatabase, MAJORS, testServer } from "../../support/postgres.ts";
import { applyWithEngine, runPrisma } from "../../support/prismaCli.ts";
import { makeWorkspace, type TestWorkspace } from "../../support/workspace.ts";

vi.setConfig({ testTimeout: 240_000 });

/** Roles belong to the whole server that test files share, so names are made for one test. */
const unique = (name: string) => `${name}_${randomBytes(4).toString("hex")}`;

interface Pair {
  auth: string;
  billing: string;
  workspace: TestWorkspace;
  /** With the login of an administrator who is no superuser. */
  databaseUrl: string;
  /** Runs the tool and expects it to succeed; returns all that it printed. */
  well(...args: string[]): Promise<string>;
  /** As superuser, or the role. */
  query(sql: string, role?: string): Promise<Record<string, unknown>[]>;
  /** What billing's roles were granted in auth's schema. */
  grants(): Promise<string[]>;
}

const KEY = (auth: string) =>
  `ALTER TABLE "Invoice" ADD CONSTRAINT "Invoice_user" FOREIGN KEY ("userId") REFERENCES "${auth}"."users"("id");`;

/** Two provisioned services: auth with `users`, `kind` and `Secret`; billing, which repeats the first two. */
async function makePair(major = 18): Promise<Pair> {
  const [auth, billing] = [unique("auth"), unique("billing")];
  const own = (relation: string) =>
    `enum Kind {\n  A\n  B\n  @@map("kind")\n  @@schema("${auth}")\n}\nmodel User {\n  id Int @id\n  kind Kind\n${relation}  @@map("users")\n  @@schema("${auth}")\n}\n`;
  const workspace = makeWorkspace({
    [auth]: {
      models: `${own("")}model Secret {\n  id Int @id\n  @@schema("${auth}")\n}\n`,
      migrations: {
        "20250101000000_init": `CREATE TYPE "kind" AS ENUM ('A', 'B');
          CREATE TABLE "users" ("id" INTEGER NOT NULL, "kind" "kind" NOT NULL, CONSTRAINT "users_pkey" PRIMARY KEY ("id"));
          CREATE TABLE "Secret" ("id" INTEGER NOT NULL, CONSTRAINT "Secret_pkey" PRIMARY KEY ("id"));`,
      },
    },
    [billing]: {
      alsoSchemas: [auth],
      models: `${own("  invoices Invoice[]\n")}model Invoice {\n  id Int @id\n  userId Int\n  kind Kind\n  user User @relation(fields: [userId], references: [id], onDelete: NoAction, onUpdate: NoAction, map: "Invoice_user")\n  @@schema("${billing}")\n}\n`,
      migrations: {
        "20250102000000_init": `-- depends-on: ${auth}/20250101000000_init
CREATE TABLE "Invoice" ("id" INTEGER NOT NULL, "userId" INTEGER NOT NULL, "kind" "${auth}"."kind" NOT NULL, CONSTRAINT "Invoice_pkey" PRIMARY KEY ("id"));\n${KEY(auth)}`,
      },
    },
  });
  workspace.write(
    `services/${billing}/migrations/20250102000000_init/down.sql`,
    `ALTER TABLE "Invoice" DROP CONSTRAINT "Invoice_user";\nDROP TABLE "Invoice";\n`,
  );
  workspace.write(
    `services/${auth}/migrations/20250101000000_init/down.sql`,
    `DROP TABLE "Secret";\nDROP TABLE "users";\nDROP TYPE "kind";\n`,
  );
  const superuser = await createDatabase(await testServer(major));
  const query: Pair["query"] = async (sql, role) => {
    const client = new pg.Client({ connectionString: superuser });
    await client.connect();
    try {
      if (role !== undefined) await client.query(`SET ROLE ${quoteIdent(role)}`);
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };
  const admin = unique("admin");
  const url = new URL(superuser);
  await query(`CREATE USER ${admin} PASSWORD 'not-shown' CREATEROLE CREATEDB;
    GRANT CREATE ON DATABASE ${quoteIdent(url.pathname.slice(1))} TO ${admin}`);
  [url.username, url.password] = [admin, "not-shown"];
  const databaseUrl = url.href;
  const well: Pair["well"] = async (...args) => {
    const { status, stdout, stderr } = await runCli(args, { root: workspace.root, databaseUrl });
    expect(status, stdout + stderr).toBe(0);
    return stdout + stderr;
  };
  const grants = async () => {
    const rows = await query(`
      SELECT concat(a.privilege_type, ' ', o.name, ' ', r.rolname, ' by ', pg_get_userbyid(a.grantor)) AS line FROM (
        SELECT 'schema' AS name, nspacl AS acl FROM pg_namespace WHERE nspname = '${auth}'
        UNION ALL SELECT relname, relacl FROM pg_class WHERE relnamespace = '${auth}'::regnamespace
      ) o CROSS JOIN LATERAL aclexplode(o.acl) a JOIN pg_roles r ON r.oid = a.grantee
      WHERE r.rolname IN ('${ownerRole(billing)}', '${appRole(billing)}') ORDER BY 1`);
    return rows.map(({ line }) => String(line).replaceAll(auth, "auth").replaceAll(billing, "billing"));
  };
  await well("provision");
  return { auth, billing, workspace, databaseUrl, well, query, grants };
}

const WHOLE = [
  "REFERENCES users billing_owner by auth_owner",
  "USAGE schema billing_app by auth_owner",
  "USAGE schema billing_owner by auth_owner",
];

describe("rights for what a service refers to", () => {
  test.each(MAJORS)(
    "are granted by the plan and taken back by the downgrade on PostgreSQL %i",
    async (major) => {
      const pair = await makePair(major);
      const { auth, billing } = pair;
      const plan = await pair.well("upgrade-head", "--dry-run");
      expect(plan).toContain(`    GRANT USAGE ON SCHEMA "${auth}" TO "${billing}_owner", "${billing}_app"\n`);
      expect(plan).toContain(`    GRANT REFERENCES ON "${auth}"."users" TO "${billing}_owner"`);
      expect(await pair.grants()).toEqual([]);
      await pair.well("upgrade-head", "--require-roles");
      expect(await pair.grants()).toEqual(WHOLE);
      await pair.query(`INSERT INTO ${auth}.users VALUES (1, 'A')`);
      await pair.query(`INSERT INTO ${billing}."Invoice" VALUES (1, 1, 'A'::${auth}.kind)`, appRole(billing));
      await expect(
        pair.query(`INSERT INTO ${billing}."Invoice" VALUES (2, 2, 'A')`, appRole(billing)),
      ).rejects.toThrow("violates foreign key");
      for (const role of [appRole(billing), ownerRole(billing)]) {
        await expect(pair.query(`SELECT * FROM ${auth}.users`, role)).rejects.toThrow("permission denied");
      }
      expect(await pair.well("upgrade-head")).toContain("2 up-to-date");

      const down = await pair.well("downgrade", "--app", billing, "--dry-run");
      expect(down).toContain("then REVOKE what nothing refers to any more");
      await pair.well("downgrade", "--app", billing, "--yes");
      expect(await pair.grants()).toEqual([]);
      await pair.well("upgrade-head");
      expect(await pair.grants()).toEqual(WHOLE);
    },
  );

  test("are no drift of the owner, and stand in the SQL that is printed", async () => {
    const pair = await makePair();
    const { plan, sql } = {
      plan: await pair.well("plan"),
      sql: await pair.well("upgrade-head", "--sql"),
    };
    expect(plan).toContain(`GRANT REFERENCES ON "${pair.auth}"."users"`);
    const script = sql.slice(0, sql.lastIndexOf("COMMIT;") + 7).replace("\\set ON_ERROR_STOP on\n", "");
    await pair.query(script.replaceAll(/^CREATE SCHEMA.*$/gm, ""));
    expect(await pair.grants()).toEqual(WHOLE);
    expect(await pair.well("check")).toContain("no findings");
    const json = JSON.parse((await pair.well("upgrade-head", "--dry-run", "--json")).split("\n")[0] ?? "");
    expect(json.services.every(({ migrations }: { migrations: object[] }) => migrations.length === 0)).toBe(
      true,
    );
  });

  test("go with the last reference, and an older migration gets on a new database what it had", async () => {
    const pair = await makePair();
    const { auth, billing, workspace } = pair;
    workspace.writeMigration(
      billing,
      "20250103000000_two",
      `CREATE TABLE "Other" (u int REFERENCES "${auth}"."users");`,
    );
    await pair.well("upgrade-head");
    workspace.writeMigration(
      billing,
      "20250104000000_one",
      'DROP TABLE "Other"; ALTER TABLE "Invoice" DROP COLUMN "kind";',
    );
    await pair.well("upgrade-head");
    // The app role's went with the column whose type it had to name.
    expect(await pair.grants()).toEqual(WHOLE.filter((line) => !line.includes("billing_app")));
    workspace.write(
      `services/${billing}/schema.prisma`,
      `datasource db {\n  provider = "postgresql"\n  schemas = ["${billing}"]\n}\nmodel Invoice {\n  id Int @id\n  userId Int\n  @@schema("${billing}")\n}\n`,
    );
    workspace.writeMigration(
      billing,
      "20250105000000_none",
      'ALTER TABLE "Invoice" DROP CONSTRAINT "Invoice_user";',
    );
    workspace.write(`services/${billing}/migrations/20250105000000_none/down.sql`, KEY(auth));
    await pair.well("upgrade-head");
    expect(await pair.grants()).toEqual([]);
    await pair.well("downgrade", "--app", billing, "--yes");
    expect(await pair.grants()).toEqual(WHOLE.filter((line) => !line.includes("billing_app")));
    await pair.well("upgrade-head");
    expect(await pair.grants()).toEqual([]);

    // "Other" was made without a depends-on line, when its table was repeated: nothing says so any more.
    workspace.remove(`services/${billing}/migrations/20250103000000_two`);
    workspace.writeMigration(billing, "20250104000000_one", 'ALTER TABLE "Invoice" DROP COLUMN "kind";');
    const databaseUrl = await createDatabase(await testServer());
    const fresh = { root: workspace.root, databaseUrl };
    expect((await runCli(["provision"], fresh)).status).toBe(0);
    const done = await runCli(["upgrade-head"], fresh);
    expect(done.status, done.stderr).toBe(0);
  });

  test("are not granted on what the schema file does not repeat", async () => {
    const pair = await makePair();
    pair.workspace.writeMigration(
      pair.billing,
      "20250103000000_secret",
      `CREATE TABLE t (s int REFERENCES "${pair.auth}"."Secret");`,
    );
    const { status, stderr } = await runCli(["upgrade-head"], {
      root: pair.workspace.root,
      databaseUrl: pair.databaseUrl,
    });
    expect(status).toBe(1);
    expect(stderr).toContain("permission denied for table Secret (SQLSTATE 42501)");
    expect(await pair.grants()).toEqual(WHOLE);
  });

  test("are asked of an administrator where the login may not act as the owner; provision grants them", async () => {
    const pair = await makePair();
    const { auth, billing, workspace } = pair;
    await pair.well("upgrade-head", "--app", auth);
    const login = unique("login");
    await pair.query(`CREATE USER ${login} PASSWORD 'not-shown'; GRANT ${billing}_owner TO ${login}`);
    await pair.query(
      `GRANT USAGE ON SCHEMA ${auth} TO ${login}; GRANT SELECT ON ${auth}._prisma_migrations TO ${login}`,
    );
    const url = new URL(pair.databaseUrl);
    [url.username, url.password] = [login, "not-shown"];
    const asLogin = { root: workspace.root, databaseUrl: url.href };
    const refused = await runCli(["upgrade-head", "--app", billing], asLogin);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain(
      `${billing}: 20250102000000_init refers to ${auth}.users, and "${billing}_owner" has not been granted that\n  Why: the login may not act as "${auth}_owner"`,
    );
    expect(refused.stderr).toContain(`GRANT REFERENCES ON "${auth}"."users" TO "${billing}_owner"`);
    await expect(
      applyWithEngine({ workspace, service: billing, databaseUrl: url.href }),
    ).resolves.toMatchObject({ status: 1, output: expect.stringContaining("make provision") });
    await pair.query(`DELETE FROM ${billing}._prisma_migrations`);

    await pair.well("provision");
    expect(await pair.grants()).toEqual(WHOLE);
    const done = await runCli(["upgrade-head", "--app", billing], asLogin);
    expect(done.status, done.stderr).toBe(0);
  });

  test("are granted to two services at once, and for a script that runs statement by statement", async () => {
    const pair = await makePair();
    const { auth, billing, workspace } = pair;
    workspace.writeMigration(
      billing,
      "20250102000000_init",
      `-- depends-on: ${auth}/20250101000000_init
CREATE TABLE "Invoice" ("id" INTEGER, "userId" INTEGER);\nCREATE INDEX CONCURRENTLY i ON "Invoice" (id);\n${KEY(auth)}`,
    );
    const others = Array.from({ length: 4 }, () => unique("other"));
    for (const name of others) {
      workspace.write(
        `services/${name}/schema.prisma`,
        `datasource db {\n  provider = "postgresql"\n  schemas = ["${name}", "${auth}"]\n}\nmodel User {\n  id Int @id\n  @@map("users")\n  @@schema("${auth}")\n}\n`,
      );
      workspace.writeMigration(
        name,
        "20250101000000_init",
        `-- depends-on: ${auth}/20250101000000_init\nCREATE TABLE t (u int REFERENCES "${auth}"."users");`,
      );
    }
    await pair.well("provision");
    await pair.well("upgrade-head", "--jobs", "6");
    expect(await pair.grants()).toContain("REFERENCES users billing_owner by auth_owner");
    const rows = await pair.query(
      `SELECT r.rolname FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
        WHERE c.oid = '${auth}.users'::regclass AND a.privilege_type = 'REFERENCES' AND a.grantee <> c.relowner`,
    );
    expect(rows).toHaveLength(5);
    workspace.write(
      `services/${billing}/migrations/20250102000000_init/down.sql`,
      'DROP INDEX CONCURRENTLY i;\nDROP TABLE "Invoice";\n',
    );
    await pair.well("downgrade", "--app", billing, "--yes");
    expect(await pair.grants()).toEqual([]);
  });
});

describe("rights of a script that runs statement by statement and stops", () => {
  const NAME = "20250102000000_init";
  async function makeStopping(second: string): Promise<Pair & { write(second: string): void }> {
    const pair = await makePair();
    const { auth, billing, workspace } = pair;
    const write = (middle: string) =>
      workspace.writeMigration(
        billing,
        NAME,
        `-- depends-on: ${auth}/20250101000000_init\n${middle};\n${KEY(auth)}`,
      );
    write(second);
    workspace.write(`services/${billing}/migrations/${NAME}/down.sql`, 'DROP TABLE IF EXISTS "Invoice";\n');
    return { ...pair, write };
  }
  const MADE = 'CREATE TABLE "Invoice" ("id" INTEGER, "userId" INTEGER)';
  const BUILD = 'CREATE INDEX CONCURRENTLY i ON "Invoice"';

  test("go with it where nothing was done", async () => {
    const pair = await makeStopping(`${BUILD} (id)`);
    const run = await runCli(["upgrade-head"], { root: pair.workspace.root, databaseUrl: pair.databaseUrl });
    expect(run.stderr).toContain('relation "Invoice" does not exist');
    expect(await pair.grants()).toEqual([]);
    expect(await pair.well("repair", "--app", pair.billing)).toContain("nothing to repair");
  });

  test.each([
    ["back", "the way back"],
    ["on", "the way on, which needs them no more"],
  ])("go with repair --%s, %s", async (way) => {
    const pair = await makeStopping(`${MADE};\n${BUILD} (nothing)`);
    const { auth, billing, workspace, databaseUrl } = pair;
    const run = await runCli(["upgrade-head"], { root: workspace.root, databaseUrl });
    expect(run.stderr).toContain('column "nothing" does not exist');
    expect(await pair.grants()).toEqual(WHOLE.filter((line) => !line.includes("billing_app")));
    workspace.writeMigration(
      billing,
      NAME,
      `-- depends-on: ${auth}/20250101000000_init\n${MADE};\n${BUILD} (id);\n`,
    );
    await pair.well("repair", "--app", billing, `--${way}`, "--yes");
    expect(await pair.grants()).toEqual([]);
  });

  test("stay with repair --on for what still needs them", async () => {
    const pair = await makeStopping(`${MADE};\n${BUILD} (nothing)`);
    await runCli(["upgrade-head"], { root: pair.workspace.root, databaseUrl: pair.databaseUrl });
    pair.write(`${MADE};\n${BUILD} (id)`);
    await pair.well("repair", "--app", pair.billing, "--on", "--yes");
    expect(await pair.grants()).toEqual(WHOLE.filter((line) => !line.includes("billing_app")));
  });

  test("go where all was done but the record of it", async () => {
    const pair = await makeStopping(`${MADE};\n${BUILD} (id)`);
    const { billing, workspace } = pair;
    await pair.well("upgrade-head");
    workspace.write(
      `services/${billing}/migrations/${NAME}/down.sql`,
      'DROP INDEX CONCURRENTLY i;\nDROP TABLE "Invoice";\n',
    );
    await pair.query(`DROP TABLE ${billing}."Invoice";
      INSERT INTO ${billing}._prisma_migrations (id, checksum, migration_name, applied_steps_count)
      VALUES ('1', 'of down.sql', '${NAME}', 2)`);
    expect(await pair.grants()).not.toEqual([]);
    await pair.well("repair", "--app", billing, "--on", "--yes");
    expect(await pair.grants()).toEqual([]);
  });
});

describe("the stock CLI", () => {
  test("deploys where only the other service has a ledger, with its rights, and gives them back", async () => {
    const pair = await makePair();
    const { auth, billing, workspace, databaseUrl } = pair;
    expect(await applyWithEngine({ workspace, service: auth, databaseUrl })).toMatchObject({ status: 0 });
    expect(
      await runPrisma(["migrate", "status"], { workspace, service: billing, databaseUrl }),
    ).toMatchObject({
      output: expect.stringContaining("have not yet been applied"),
    });
    expect(await applyWithEngine({ workspace, service: billing, databaseUrl })).toMatchObject({ status: 0 });
    expect(await pair.grants()).toEqual(WHOLE);
    expect(await pair.well("upgrade-head")).toContain("2 up-to-date");
    expect(await pair.well("check")).toContain("no findings");
    workspace.writeMigration(billing, "20250103000000_gone", 'DROP TABLE "Invoice";');
    expect(await applyWithEngine({ workspace, service: billing, databaseUrl })).toMatchObject({ status: 0 });
    expect(await pair.grants()).toEqual([]);
  });

  test("deploys where only the depending service has a ledger", async () => {
    const pair = await makePair();
    const { auth, billing, workspace, databaseUrl } = pair;
    workspace.writeMigration(billing, "20250101000000_first", "CREATE TABLE first (id int);");
    await pair.well("upgrade", "--app", billing, "20250101000000_first");
    expect(await applyWithEngine({ workspace, service: auth, databaseUrl })).toMatchObject({ status: 0 });
    expect(await applyWithEngine({ workspace, service: billing, databaseUrl })).toMatchObject({
      status: 0,
      output: "20250102000000_init",
    });
    expect(await pair.well("current")).not.toContain("pending");
  });
});

const DIFF = ["--from-migrations", "migrations", "--to-schema", "schema.prisma", "--exit-code"];

test("two services may refer to each other, as long as their migrations form no circle", async () => {
  const [crm, sales] = [unique("crm"), unique("sales")];
  const contact = (more: string) => `model Contact {\n  id Int @id\n${more}  @@schema("${crm}")\n}\n`;
  const order = (more: string) => `model Order {\n  id Int @id\n${more}  @@schema("${sales}")\n}\n`;
  const workspace = makeWorkspace({
    [crm]: { models: contact("") },
    [sales]: {
      alsoSchemas: [crm],
      models:
        contact("  orders Order[]\n") +
        order("  contactId Int\n  contact Contact @relation(fields: [contactId], references: [id])\n"),
    },
  });
  const databaseUrl = await createDatabase(await testServer());
  const run = { root: workspace.root, databaseUrl };
  const well = async (...args: string[]) => {
    const { status, stdout, stderr } = await runCli(args, run);
    expect(status, stdout + stderr).toBe(0);
    return stdout + stderr;
  };
  await well("provision");
  await well("revision", "--app", crm, "-m", "init");
  expect(await well("revision", "--app", sales, "-m", "init")).toContain("depends-on");
  workspace.write(
    `services/${crm}/schema.prisma`,
    `datasource db {\n  provider = "postgresql"\n  schemas = ["${crm}", "${sales}"]\n}\n${contact("  lastId Int?\n  last Order? @relation(fields: [lastId], references: [id])\n")}${order("  contacts Contact[]\n")}`,
  );
  expect(await well("revision", "--app", crm, "-m", "last")).toContain("depends-on");
  for (const app of [crm, sales]) {
    expect(await well("revision", "--app", app, "-m", "none")).toContain("nothing to revise");
  }

  const alone = await runCli(["upgrade-head", "--app", crm], run);
  expect(alone.status).toBe(1);
  expect(alone.stderr).toContain(`or both at once: make upgrade-head app=${crm} with_dependencies=1`);
  await well("upgrade-head", "--app", crm, "--with-dependencies");
  expect(await well("check")).toContain("no findings");
  for (const service of [crm, sales]) {
    const same = await well("prisma", "--app", service, "--", "migrate", "diff", ...DIFF);
    expect(same).toContain("No difference");
  }

  const early = await runCli(["downgrade", "--app", sales, "--to", "base", "--yes"], run);
  expect(early.status).toBe(1);
  expect(early.stderr).toContain(`${crm}/`);
  await well("downgrade", "--app", crm, "--to", "-1", "--yes");
  await well("downgrade", "--app", sales, "--to", "base", "--yes");
  await well("downgrade", "--app", crm, "--to", "base", "--yes");
  expect(await well("upgrade-head")).toContain("2 upgraded");
});
