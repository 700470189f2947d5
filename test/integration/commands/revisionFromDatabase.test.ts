import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { readCatalog, readRows, withClient } from "../../support/catalog.ts";
import { growReversible } from "../../support/histories/reversible.ts";
import { readLedger } from "../../support/ledger.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { runPrisma } from "../../support/prismaCli.ts";
import { makeChance } from "../../support/random.ts";
import { type Bench, listMigrations, readMigrationFile, runOn } from "../../support/revision.ts";
import { expectDecent } from "../../support/upgrade.ts";
import { makeWorkspace } from "../../support/workspace.ts";

const MODELS = `// Who may log in
model User {
  id    Int     @id @default(autoincrement())
  email String  @unique // in lower case
  name  String?
  role  Role    @default(USER)

  @@map("users")
  @@schema("auth")
}

enum Role {
  USER
  ADMIN

  @@schema("auth")
}
`;

const INIT = "20250101000000_init";
const INIT_SQL = `CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');
CREATE TABLE "users" ("id" SERIAL NOT NULL, "email" TEXT NOT NULL, "name" TEXT, "role" "Role" NOT NULL DEFAULT 'USER',
  CONSTRAINT "users_pkey" PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "users_email_key" ON "users"("email");
`;

let bench: Bench;

beforeEach(async () => {
  bench = {
    workspace: makeWorkspace({ auth: { models: MODELS, migrations: { [INIT]: INIT_SQL } } }),
    databaseUrl: await createDatabase(await testServer()),
  };
});

const run = (sql: string, url = bench.databaseUrl) =>
  withClient(url, (client) => client.query(`SET search_path = auth;\n${sql}`));

async function tool(args: readonly string[], on = bench) {
  const result = await runOn(on, args);
  expectDecent(result);
  return result;
}

async function well(args: readonly string[], on = bench): Promise<string> {
  const { status, stderr, stdout } = await tool(args, on);
  expect(status, `${args.join(" ")}: ${stderr}`).toBe(0);
  return stdout + stderr;
}

const takeOver = (...args: string[]) =>
  tool(["revision", "--app", "auth", "--from-db", "-m", "by hand", ...args]);

const schemaFile = () => readFileSync(join(bench.workspace.root, "services/auth/schema.prisma"), "utf8");
const newest = () => listMigrations(bench.workspace, "auth").at(-1) ?? "";

/** Catalog without owners and ledger, as text. */
async function look(url = bench.databaseUrl): Promise<string> {
  const catalog = await readCatalog(url, ["auth"], { owners: false });
  return JSON.stringify(catalog, (key, value) => (/_prisma_migrations/.test(key) ? undefined : value), 1);
}

/** What was by hand in one database, the migration makes in another; nobody finds anything amiss. */
async function expectTaken(found: readonly string[] = []): Promise<void> {
  const { findings } = (await tool(["check", "--json"])).json<{ findings: { rule: string }[] }>();
  const rules = findings.map(({ rule }) => rule);
  expect(rules.filter((rule) => rule !== "down-missing")).toEqual(found);
  expect(await well(["upgrade-head"])).toMatch("up-to-date");
  const { workspace, databaseUrl } = bench;
  const status = await runPrisma(["migrate", "status"], {
    workspace,
    service: "auth",
    schema: "auth",
    databaseUrl,
  });
  expect(status.output).toContain("Database schema is up to date");
  const fresh = { workspace, databaseUrl: await createDatabase(await testServer()) };
  await well(["upgrade-head"], fresh);
  expect(await look(fresh.databaseUrl)).toBe(await look());
  const made = newest();
  await well(["downgrade", "--app", "auth", "-1", "--yes"], fresh);
  expect((await readLedger(fresh.databaseUrl, "auth")).map(({ state }) => state)).toEqual([
    ...listMigrations(workspace, "auth")
      .filter((name) => name !== made)
      .map(() => "finished"),
    "rolled back",
  ]);
}

const BY_HAND = `ALTER TABLE users ADD COLUMN nick text; CREATE INDEX users_nick_idx ON users (nick);
  INSERT INTO users (email, nick) VALUES ('a@b', 'n')`;

describe("what was changed by hand", () => {
  test("and Prisma can say: a migration, its reversal and the schema file; the database is not touched", async () => {
    await well(["upgrade-head"]);
    await run(BY_HAND);
    const before = { catalog: await look(), rows: await readRows(bench.databaseUrl, ["auth"]) };
    const ledger = await readLedger(bench.databaseUrl, "auth");
    const { status, stdout, stderr } = await takeOver();
    const name = newest();
    expect([status, stdout]).toEqual([
      0,
      [`migrations/${name}/migration.sql`, `migrations/${name}/down.sql`, "schema.prisma"]
        .map((file) => `services/auth/${file}`)
        .join("\n"),
    ]);
    expect(stderr).toBe(
      `Note: auth: services/auth/schema.prisma says the same now; look at it: git diff services/auth/schema.prisma
auth: not recorded yet in this database, which has the change already: make stamp app=auth to=${name}`,
    );
    expect(readMigrationFile(bench.workspace, "auth", name)).toBe(
      '-- AlterTable\nALTER TABLE "users" ADD COLUMN     "nick" TEXT;\n\n-- CreateIndex\nCREATE INDEX "users_nick_idx" ON "users"("nick");\n',
    );
    expect(readMigrationFile(bench.workspace, "auth", name, "down.sql")).toMatch(
      /^-- Undoes .*\n-- proven: [0-9a-f]{64}\n-- Loses: the column "nick" of "users" with its values\.\n\n-- DropIndex/,
    );
    expect(schemaFile()).toContain(
      MODELS.replace(
        "  role  Role    @default(USER)\n\n",
        "  role  Role    @default(USER)\n  nick  String?\n\n  @@index([nick])\n",
      ),
    );
    expect({ catalog: await look(), rows: await readRows(bench.databaseUrl, ["auth"]) }).toEqual(before);
    expect(await readLedger(bench.databaseUrl, "auth")).toEqual(ledger);
    await well(["stamp", "--app", "auth", "head", "--yes"]);
    await expectTaken();
  });

  test("and Prisma cannot say: from the catalog, and recorded at once", async () => {
    await well(["upgrade-head"]);
    await run(`
      ALTER TABLE users ADD COLUMN slug text GENERATED ALWAYS AS (lower(email)) STORED, ADD COLUMN age int NOT NULL DEFAULT 0;
      ALTER TABLE users ADD CONSTRAINT age_positive CHECK (age >= 0), ALTER COLUMN name SET STORAGE EXTERNAL;
      ALTER TABLE users ENABLE ROW LEVEL SECURITY;
      CREATE POLICY own ON users USING (email = current_user);
      ALTER TYPE "Role" ADD VALUE 'OWNER' AFTER 'USER';
      CREATE DOMAIN positive AS int CHECK (VALUE > 0);
      CREATE VIEW adults AS SELECT id, email FROM users WHERE age > 17;
      CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email := lower(NEW.email); RETURN NEW; END $$;
      CREATE TRIGGER touched BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION touch();
      CREATE TABLE posts (id bigserial PRIMARY KEY, author int NOT NULL REFERENCES users, body text, size positive);
      CREATE INDEX posts_body ON posts (lower(body)) WHERE body IS NOT NULL;
      CREATE TABLE log (at date NOT NULL) PARTITION BY RANGE (at);
      CREATE TABLE log_2025 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
      COMMENT ON TABLE posts IS 'it''s; a post';
      DROP INDEX users_email_key;
    `);
    const before = await look();
    const { status, stderr } = await takeOver("--stamp");
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining(`recorded as applied; current is ${newest()}`),
    ]);
    expect(await look()).toBe(before);
    expect(readMigrationFile(bench.workspace, "auth", newest(), "down.sql")).toMatch(/\n-- proven: /);
    expect(schemaFile()).toContain("// Who may log in\nmodel User {\n");
    await expectTaken();
  });

  test("anew on top of what was made before: views, functions, types and columns change their form", async () => {
    bench.workspace.writeMigration(
      "auth",
      "20250102000000_more",
      `CREATE VIEW a AS SELECT id, email FROM users; CREATE VIEW b AS SELECT email FROM a;
       CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'SELECT x'; CREATE FUNCTION g() RETURNS text LANGUAGE sql AS 'SELECT 1';
       CREATE TABLE t (id int PRIMARY KEY, n int, d text DEFAULT 'x', r "Role"[], CONSTRAINT c CHECK (n > 0));
       CREATE TABLE u (t int CONSTRAINT fk REFERENCES t); CREATE SEQUENCE s; COMMENT ON TABLE t IS 'old';
       CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
       ALTER TABLE t ENABLE ROW LEVEL SECURITY;`,
    );
    await well(["upgrade-head"]);
    await run(`
      DROP VIEW b; DROP VIEW a; DROP FUNCTION g();
      ALTER TABLE users ALTER COLUMN email TYPE varchar(320), ALTER COLUMN email DROP NOT NULL;
      CREATE VIEW a AS SELECT id, email, role FROM users; CREATE VIEW b AS SELECT email FROM a;
      CREATE OR REPLACE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'SELECT x + 1'; CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1';
      ALTER TABLE t DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (n > 1), ALTER COLUMN d SET DEFAULT 'y', ALTER COLUMN n SET NOT NULL;
      ALTER TABLE u DROP CONSTRAINT fk, ADD CONSTRAINT fk FOREIGN KEY (t) REFERENCES t ON DELETE CASCADE;
      ALTER SEQUENCE s INCREMENT 7; COMMENT ON TABLE t IS 'new'; DROP TRIGGER tr ON t; ALTER TABLE t DISABLE ROW LEVEL SECURITY;
    `);
    const { status, stderr } = await takeOver("--stamp");
    expect(status, stderr).toBe(0);
    // The schema file had not followed the migrations.
    await expectTaken(["revision-missing"]);
  });

  test("nothing: no file, a message", async () => {
    await well(["upgrade-head"]);
    await run("INSERT INTO users (email) VALUES ('only data')");
    const { status, stdout, stderr } = await takeOver();
    expect([status, stdout, stderr]).toEqual([
      0,
      "",
      "auth: nothing was changed by hand, the database is what the migrations make",
    ]);
    expect(listMigrations(bench.workspace, "auth")).toEqual([INIT]);
  });

  test("a rename: seen as one when it is said to be, so that other databases keep the data", async () => {
    await well(["upgrade-head"]);
    const other = { ...bench, databaseUrl: await createDatabase(await testServer()) };
    await well(["upgrade-head"], other);
    await run("INSERT INTO users (email, name) VALUES ('a@b', 'Ann')", other.databaseUrl);
    await run("ALTER TABLE users RENAME COLUMN name TO full_name");
    const refused = await takeOver();
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(
      /^auth: the migration would not make all that was changed:\n {2}table or view users \(order of columns\)\n[\s\S]*Fix: if it was a rename: --rename users\.name=full_name\n/,
    );
    expect(listMigrations(bench.workspace, "auth")).toEqual([INIT]);
    const { status, stderr } = await takeOver("--rename", "users.name=full_name", "--stamp");
    expect(status, stderr).toBe(0);
    await well(["upgrade-head"], other);
    expect((await readRows(other.databaseUrl, ["auth"]))["auth.users"]).toEqual(["(1,a@b,Ann,USER)"]);
    await expectTaken();
  });

  test("a new label of an enum: Prisma's BEGIN and COMMIT do not reach the shadow database", async () => {
    await well(["upgrade-head"]);
    await run(
      `ALTER TABLE users ADD COLUMN age int; ALTER TYPE "Role" ADD VALUE 'OWNER'; CREATE VIEW v AS SELECT age FROM users`,
    );
    expect((await takeOver("--sql")).status).toBe(0);
    await run("DROP VIEW v; ALTER TABLE users DROP COLUMN age");
    const { status, stderr } = await takeOver("--stamp");
    expect(status, stderr).toBe(0);
    expect(readMigrationFile(bench.workspace, "auth", newest(), "down.sql")).toMatch(
      /\n-- proven: [\s\S]*\nCOMMIT;/,
    );
    await expectTaken();
  });

  test("whatever it was: random changes on top of random histories", { timeout: 120_000 }, async () => {
    const chance = makeChance();
    for (let round = 0; round < 4; round += 1) {
      const length = 6 + chance.below(10);
      const history = growReversible(chance, length);
      const firstByHand = 1 + chance.below(length - 1);
      // A rename would be a drop and an add.
      const byHand = history.slice(firstByHand).filter(({ up }) => !/RENAME COLUMN/.test(up));
      const names = new Set(history.slice(firstByHand).flatMap(({ up }) => /TO (r\d+)/.exec(up)?.[1] ?? []));
      if ([...names].some((name) => byHand.some(({ up }) => up.includes(name)))) continue;
      const migrations = Object.fromEntries(history.slice(0, firstByHand).map(({ name, up }) => [name, up]));
      const workspace = makeWorkspace({ auth: { migrations } });
      bench = { workspace, databaseUrl: await createDatabase(await testServer()) };
      await well(["upgrade-head"]);
      for (const { up } of byHand) await run(up.replaceAll(" CONCURRENTLY", ""));
      const what = `SEED=${chance.seed} ${byHand.map(({ up }) => up).join("\n")}`;
      const { status, stderr } = await takeOver("--stamp");
      expect(status, `${what}\n${stderr}`).toBe(0);
      const fresh = { workspace, databaseUrl: await createDatabase(await testServer()) };
      await well(["upgrade-head"], fresh);
      expect(await look(fresh.databaseUrl), what).toBe(await look());
    }
  });
});

describe("how it is shown", () => {
  beforeEach(async () => {
    await well(["upgrade-head"]);
    await run(BY_HAND);
  });

  test("--sql prints and writes nothing", async () => {
    const before = schemaFile();
    const { status, stdout } = await takeOver("--sql");
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^-- AlterTable[\s\S]*"nick"\);$/)]);
    expect([listMigrations(bench.workspace, "auth"), schemaFile()]).toEqual([[INIT], before]);
  });

  test("--check exits 3", async () => {
    const { status, stderr } = await tool(["revision", "--app", "auth", "--from-db", "--check"]);
    expect([status, stderr]).toEqual([3, "auth: the database is ahead of the migrations"]);
    expect(listMigrations(bench.workspace, "auth")).toEqual([INIT]);
  });

  test("--json", async () => {
    const { status, json } = await takeOver("--json", "--stamp");
    expect([status, json()]).toEqual([
      0,
      expect.objectContaining({
        service: "auth",
        status: "written",
        migration: newest(),
        proven: true,
        schemaFile: "updated",
        stamped: true,
        missing: [],
      }),
    ]);
  });

  test("a schema file that says something else is left alone, with a warning", async () => {
    const other = schemaFile().replace("  name  String?\n", "  name  String?\n  shoe  Int?\n");
    bench.workspace.write("services/auth/schema.prisma", other);
    const { status, stderr } = await takeOver();
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^Warning: auth: services\/auth\/schema\.prisma says something else and was left as it is, .*make prisma app=auth args="db pull"$/m,
    );
    expect(schemaFile()).toBe(other);
  });

  test("a schema file that says it already stays as it is", async () => {
    const right = schemaFile().replace(
      "  name  String?\n",
      "  name  String?\n  nick String? // by hand\n  @@index([nick])\n",
    );
    bench.workspace.write("services/auth/schema.prisma", right);
    const { status, stderr } = await takeOver();
    expect([status, stderr]).toEqual([0, expect.not.stringContaining("schema.prisma")]);
    expect(schemaFile()).toBe(right);
  });

  test("rights of others are named", async () => {
    await run(
      "DO $$ BEGIN CREATE ROLE from_db_reader; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$; GRANT SELECT ON users TO from_db_reader",
    );
    const { status, stderr } = await takeOver();
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining("rights of from_db_reader are not in the migration"),
    ]);
    await run("DROP OWNED BY from_db_reader");
  });
});

describe("refused, and nothing is written", () => {
  async function refused(message: RegExp, ...args: string[]): Promise<void> {
    const before = listMigrations(bench.workspace, "auth");
    const { status, stdout, stderr } = await takeOver(...args);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(message);
    expect(listMigrations(bench.workspace, "auth")).toEqual(before);
  }

  test("a database that is behind", async () => {
    await well(["upgrade-head"]);
    await run(BY_HAND);
    bench.workspace.writeMigration("auth", "20250102000000_next", "SELECT 1;");
    await refused(
      /^auth: the database is not at head: 20250102000000_next is pending\n {2}Why: what was changed by hand cannot be told from what is yet to come\n {2}Fix: make upgrade-head app=auth, then again; .*make stamp app=auth to=20250102000000_next$/,
    );
  });

  test("missing, edited and unfinished migrations", async () => {
    bench.workspace.writeMigration("auth", "20250102000000_next", "SELECT 1;");
    await well(["upgrade-head"]);
    bench.workspace.remove("services/auth/migrations/20250102000000_next");
    await refused(/20250102000000_next is applied but missing from services\/auth\/migrations\n[\s\S]*Fix: /);
    bench.workspace.writeMigration("auth", "20250102000000_next", "SELECT 2;");
    await refused(/20250102000000_next was edited after being applied\n[\s\S]*Fix: git checkout/);
    bench.workspace.writeMigration("auth", "20250102000000_next", "SELECT 1;");
    await run("UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '%next'");
    await refused(
      /20250102000000_next was started and neither finished nor rolled back\n[\s\S]*Fix: schemata repair/,
    );
  });

  test("a schema without a ledger, and one without anything", async () => {
    await withClient(bench.databaseUrl, (client) =>
      client.query("CREATE SCHEMA auth; CREATE TABLE auth.users (id int)"),
    );
    await refused(/the schema "auth" is not empty and has no ledger\n[\s\S]*Fix: .*baseline --app auth/);
    bench = { workspace: makeWorkspace({ auth: {} }), databaseUrl: await createDatabase(await testServer()) };
    await refused(
      /^auth: there are no migrations yet, and nothing in the schema "auth"\n[\s\S]*Fix: make revision/,
    );
  });

  test("options that contradict each other", async () => {
    for (const args of [
      ["-m", "x", "--stamp"],
      ["-m", "x", "--from-db", "--empty"],
      ["--from-db", "--check", "--stamp"],
      ["--from-db"],
    ]) {
      const { status, stderr } = await tool(["revision", "--app", "auth", ...args]);
      expect([status, stderr]).toEqual([2, expect.stringContaining("Fix: schemata revision --help")]);
    }
  });
});
