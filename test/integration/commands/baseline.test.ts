import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { readCatalog, readRows, withClient } from "../../support/catalog.ts";
import type { CliResult } from "../../support/cli.ts";
import { readLedger } from "../../support/ledger.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { runPrisma } from "../../support/prismaCli.ts";
import { type Bench, runOn } from "../../support/revision.ts";
import { expectDecent } from "../../support/upgrade.ts";
import { makeWorkspace } from "../../support/workspace.ts";

let bench: Bench;

beforeEach(async () => {
  bench = {
    workspace: makeWorkspace({ auth: {} }),
    databaseUrl: await createDatabase(await testServer()),
  };
});

async function baseline(...args: string[]): Promise<CliResult> {
  const result = await runOn(bench, ["baseline", ...args]);
  expectDecent(result);
  return result;
}

const run = (sql: string, url = bench.databaseUrl) => withClient(url, (client) => client.query(sql));

const read = (path: string) => readFileSync(join(bench.workspace.root, path), "utf8");

/** The schema's catalog without its ledger, and its rows. */
async function look(schema: string, url = bench.databaseUrl) {
  const catalog = await readCatalog(url, [schema], { owners: false });
  const text = JSON.stringify(
    catalog,
    (key, value) => (/_prisma_migrations/.test(key) ? undefined : value),
    1,
  );
  return { text, rows: await readRows(url, [schema]) };
}

/** Everything is as before but for the ledger; the tool and stock Prisma find nothing to do; a new database gets the same. */
async function expectAdopted(service: string, schema: string, before: Awaited<ReturnType<typeof look>>) {
  expect(await look(schema)).toEqual(before);
  expect(
    (await readLedger(bench.databaseUrl, schema)).map(({ migration, state }) => [migration, state]),
  ).toEqual([["0_init", "finished"]]);
  const check = await runOn(bench, ["check", "--app", service]);
  expect(check.stdout).toMatch(/no findings$/);
  const upgrade = await runOn(bench, ["upgrade-head", "--app", service]);
  expect([upgrade.status, upgrade.stdout]).toEqual([0, expect.stringContaining("up-to-date")]);
  const { workspace, databaseUrl } = bench;
  const status = await runPrisma(["migrate", "status"], { workspace, service, schema, databaseUrl });
  expect(status.output).toContain("Database schema is up to date");
  const fresh = await createDatabase(await testServer());
  const elsewhere = await runOn({ workspace, databaseUrl: fresh }, ["upgrade-head", "--app", service]);
  expect(elsewhere.status, elsewhere.stderr).toBe(0);
  expect((await look(schema, fresh)).text).toBe(before.text);
}

const PLAIN = `
  CREATE SCHEMA crm;
  CREATE TYPE crm.kind AS ENUM ('person', 'company');
  CREATE TABLE crm.contacts (id serial PRIMARY KEY, kind crm.kind NOT NULL DEFAULT 'person', email text);
  CREATE UNIQUE INDEX contacts_email_key ON crm.contacts (email);
  CREATE TABLE crm.notes (id bigint PRIMARY KEY, contact int NOT NULL REFERENCES crm.contacts (id) ON DELETE CASCADE ON UPDATE CASCADE, body text);
  CREATE INDEX notes_contact_idx ON crm.notes (contact);
  INSERT INTO crm.contacts (email) VALUES ('a@b');
`;

test("a schema that Prisma can express becomes a service", async () => {
  await run(PLAIN);
  const before = await look("crm");
  const result = await baseline("--app", "crm", "--yes");
  expect([result.status, result.stdout, result.stderr]).toEqual([
    0,
    "services/crm/migrations/0_init/down.sql\nservices/crm/migrations/0_init/migration.sql\nservices/crm/migrations/migration_lock.toml\nservices/crm/schema.prisma",
    "crm: adopted; current is 0_init",
  ]);
  expect(read("services/crm/migrations/0_init/migration.sql")).toMatchInlineSnapshot(`
    "-- CreateEnum
    CREATE TYPE "kind" AS ENUM ('person', 'company');

    -- CreateTable
    CREATE TABLE "contacts" (
        "id" SERIAL NOT NULL,
        "kind" "kind" NOT NULL DEFAULT 'person',
        "email" TEXT,

        CONSTRAINT "contacts_pkey" PRIMARY KEY ("id")
    );

    -- CreateTable
    CREATE TABLE "notes" (
        "id" BIGINT NOT NULL,
        "contact" INTEGER NOT NULL,
        "body" TEXT,

        CONSTRAINT "notes_pkey" PRIMARY KEY ("id")
    );

    -- CreateIndex
    CREATE UNIQUE INDEX "contacts_email_key" ON "contacts"("email");

    -- CreateIndex
    CREATE INDEX "notes_contact_idx" ON "notes"("contact");

    -- AddForeignKey
    ALTER TABLE "notes" ADD CONSTRAINT "notes_contact_fkey" FOREIGN KEY ("contact") REFERENCES "contacts"("id") ON DELETE CASCADE ON UPDATE CASCADE;
    "
  `);
  expect(read("services/crm/schema.prisma")).toMatchInlineSnapshot(`
    "datasource db {
      provider = "postgresql"
      schemas  = ["crm"]
    }

    generator client {
      provider            = "prisma-client"
      output              = "./src/generated"
      runtime             = "nodejs"
      moduleFormat        = "esm"
      importFileExtension = "ts"
    }

    model contacts {
      id    Int     @id @default(autoincrement())
      kind  kind    @default(person)
      email String? @unique
      notes notes[]

      @@schema("crm")
    }

    model notes {
      id       BigInt   @id
      contact  Int
      body     String?
      contacts contacts @relation(fields: [contact], references: [id], onDelete: Cascade)

      @@index([contact])
      @@schema("crm")
    }

    enum kind {
      person
      company

      @@schema("crm")
    }
    "
  `);
  await expectAdopted("crm", "crm", before);
  const down = await runOn(bench, ["downgrade", "--app", "crm", "base", "--yes"]);
  expect(down.status, down.stderr).toBe(0);
});

test("what Prisma cannot express is not lost", async () => {
  await run(`
    CREATE SCHEMA "od d";
    SET search_path = "od d";
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE TYPE pair AS (a int, b text);
    CREATE TYPE span AS RANGE (SUBTYPE = float8);
    CREATE FUNCTION next_code() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'c' || nextval('codes'); END $$;
    CREATE SEQUENCE codes START 7 INCREMENT 3;
    CREATE TABLE things (
      id int GENERATED ALWAYS AS IDENTITY (START WITH 5) PRIMARY KEY,
      code text NOT NULL DEFAULT next_code(),
      size positive,
      p pair,
      during tstzrange,
      double_id int GENERATED ALWAYS AS (id * 2) STORED,
      CONSTRAINT code_short CHECK (length(code) < 20),
      CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&)
    );
    ALTER TABLE things ALTER code SET STORAGE EXTERNAL, ALTER size SET STATISTICS 50;
    CREATE UNIQUE INDEX partly ON things (lower(code)) WHERE size > 3;
    CREATE TABLE parent (id int REFERENCES things DEFERRABLE INITIALLY DEFERRED, at date NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE parent_2025 PARTITION OF parent FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE INDEX ON parent (at);
    CREATE TABLE child (extra text) INHERITS (things);
    CREATE UNLOGGED TABLE fast (k text PRIMARY KEY) WITH (fillfactor = 70);
    CREATE VIEW big WITH (security_barrier) AS SELECT id, code FROM things WHERE size > 10;
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM big;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.code := upper(NEW.code); RETURN NEW; END $$;
    CREATE TRIGGER touched BEFORE INSERT ON things FOR EACH ROW WHEN (NEW.code <> '') EXECUTE FUNCTION touch();
    ALTER TABLE things DISABLE TRIGGER touched;
    ALTER TABLE things ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON things FOR SELECT TO PUBLIC USING (size > 1);
    CREATE RULE quiet AS ON DELETE TO fast DO INSTEAD NOTHING;
    CREATE STATISTICS both_st ON code, size FROM things;
    CREATE FUNCTION of_thing(t things) RETURNS int LANGUAGE sql RETURN (t).id;
    CREATE PROCEDURE clean() LANGUAGE sql AS 'DELETE FROM fast';
    COMMENT ON TABLE things IS 'All ''things''';
    COMMENT ON COLUMN things.code IS 'short';
    COMMENT ON CONSTRAINT code_short ON things IS 'really';
    COMMENT ON FUNCTION touch() IS 'upper';
    COMMENT ON CONSTRAINT positive_check ON DOMAIN positive IS 'more than 0';
    INSERT INTO things (size) VALUES (4);
  `);
  const before = await look("od d");
  const result = await baseline("--app", "odd", "--schema", "od d", "--yes");
  expect([result.status, result.stderr]).toEqual([
    0,
    expect.stringMatching(/Prisma's own script would lose .*so the migration is written from the catalog/),
  ]);
  expect(read("services/odd/migrations/0_init/migration.sql")).toMatchInlineSnapshot(`
    "SET LOCAL check_function_bodies = off;

    CREATE DOMAIN positive AS integer;

    CREATE TYPE pair AS (a integer, b text);

    CREATE TYPE span AS RANGE (SUBTYPE = double precision, MULTIRANGE_TYPE_NAME = span_multirange);

    CREATE OR REPLACE FUNCTION next_code()
     RETURNS text
     LANGUAGE plpgsql
    AS $function$ BEGIN RETURN 'c' || nextval('codes'); END $function$;

    CREATE OR REPLACE FUNCTION touch()
     RETURNS trigger
     LANGUAGE plpgsql
    AS $function$ BEGIN NEW.code := upper(NEW.code); RETURN NEW; END $function$;

    CREATE TABLE things (
      id integer GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME things_id_seq INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 5 CACHE 1) NOT NULL,
      code text NOT NULL,
      size positive,
      p pair,
      during tstzrange,
      double_id integer GENERATED ALWAYS AS ((id * 2)) STORED
    );

    ALTER TABLE things ENABLE ROW LEVEL SECURITY;

    ALTER TABLE things ALTER COLUMN code SET STORAGE EXTERNAL;

    ALTER TABLE things ALTER COLUMN size SET STATISTICS 50;

    CREATE OR REPLACE FUNCTION of_thing(t things)
     RETURNS integer
     LANGUAGE sql
    RETURN (t).id;

    CREATE OR REPLACE PROCEDURE clean()
     LANGUAGE sql
    AS $procedure$DELETE FROM fast$procedure$;

    CREATE TABLE parent (
      id integer,
      at date NOT NULL
    ) PARTITION BY RANGE (at);

    CREATE TABLE parent_2025 PARTITION OF parent FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');

    CREATE TABLE child (
      extra text
    ) INHERITS (things);

    ALTER TABLE child ALTER COLUMN code SET STORAGE EXTERNAL;

    CREATE UNLOGGED TABLE fast (
      k text NOT NULL
    ) WITH (fillfactor=70);

    CREATE SEQUENCE codes AS bigint INCREMENT BY 3 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 7 CACHE 1;

    ALTER TABLE things ALTER COLUMN code SET DEFAULT next_code();

    ALTER TABLE child ALTER COLUMN code SET DEFAULT next_code();

    ALTER TABLE things ADD CONSTRAINT things_pkey PRIMARY KEY (id);

    ALTER TABLE fast ADD CONSTRAINT fast_pkey PRIMARY KEY (k);

    ALTER DOMAIN positive ADD CONSTRAINT positive_check CHECK (VALUE > 0);

    ALTER TABLE things ADD CONSTRAINT code_short CHECK (length(code) < 20);

    ALTER TABLE things ADD CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&);

    CREATE UNIQUE INDEX partly ON things USING btree (lower(code)) WHERE size::integer > 3;

    CREATE INDEX parent_at_idx ON parent USING btree (at);

    CREATE VIEW big (id, code) WITH (security_barrier=true) AS
     SELECT id,
        code
       FROM things
      WHERE size::integer > 10;

    CREATE MATERIALIZED VIEW counted (n) AS
     SELECT count(*) AS n
       FROM big;

    ALTER TABLE parent ADD CONSTRAINT parent_id_fkey FOREIGN KEY (id) REFERENCES things(id) DEFERRABLE INITIALLY DEFERRED;

    CREATE TRIGGER touched BEFORE INSERT ON things FOR EACH ROW WHEN (new.code <> ''::text) EXECUTE FUNCTION touch();

    ALTER TABLE things DISABLE TRIGGER touched;

    CREATE POLICY own ON things AS PERMISSIVE FOR SELECT TO PUBLIC USING (((size)::integer > 1));

    CREATE RULE quiet AS
        ON DELETE TO fast DO INSTEAD NOTHING;

    CREATE STATISTICS both_st ON code, size FROM things;

    COMMENT ON CONSTRAINT positive_check ON DOMAIN positive IS 'more than 0';

    COMMENT ON TABLE things IS 'All ''things''';

    COMMENT ON COLUMN things.code IS 'short';

    COMMENT ON CONSTRAINT code_short on things IS 'really';

    COMMENT ON FUNCTION touch() IS 'upper';
    "
  `);
  expect(read("services/odd/migrations/0_init/down.sql")).toMatch(/^-- proven: /m);
  expect(await look("od d")).toEqual(before);
  const fresh = await createDatabase(await testServer());
  const elsewhere = await runOn({ ...bench, databaseUrl: fresh }, ["upgrade-head", "--app", "odd"]);
  expect(elsewhere.status, elsewhere.stderr).toBe(0);
  expect((await look("od d", fresh)).text).toBe(before.text);
  const { workspace, databaseUrl } = bench;
  const stock = { workspace, service: "odd", schema: "od d" };
  expect((await runPrisma(["migrate", "status"], { ...stock, databaseUrl })).output).toContain("up to date");
  const deployed = await createDatabase(await testServer());
  expect((await runPrisma(["migrate", "deploy"], { ...stock, databaseUrl: deployed })).output).toContain(
    "0_init",
  );
  expect((await look("od d", deployed)).text).toBe(before.text);
});

test("on the oldest server, too", async () => {
  bench.databaseUrl = await createDatabase(await testServer(14));
  await run(`${PLAIN}
    ALTER TABLE crm.contacts ADD CONSTRAINT one_of CHECK (id > 0), ADD COLUMN twice int GENERATED ALWAYS AS (id * 2) STORED;
    CREATE VIEW crm.people AS SELECT * FROM crm.contacts WHERE kind = 'person';
    CREATE STATISTICS crm.st ON contact, body FROM crm.notes;
    COMMENT ON VIEW crm.people IS 'who';
  `);
  const result = await baseline("--app", "crm", "--yes");
  expect([result.status, result.stderr]).toEqual([0, expect.stringContaining("crm: adopted")]);
  const check = await runOn(bench, ["check", "--app", "crm"]);
  expect(check.stdout).toMatch(/no findings$/);
});

describe("refusals write nothing", () => {
  async function refused(args: readonly string[], message: RegExp, status = 1): Promise<void> {
    const result = await baseline(...args);
    expect([result.status, result.stderr]).toEqual([status, expect.stringMatching(message)]);
    expect(result.stdout).toBe("");
    expect(existsSync(join(bench.workspace.root, "services/crm"))).toBe(false);
  }

  test("no such schema, an empty one, one that another owns, bad names", async () => {
    await run("CREATE SCHEMA crm; CREATE SCHEMA auth; CREATE TABLE auth.t ()");
    await refused(
      ["--app", "crm", "--schema", "crn"],
      /has no schema "crn"\n {2}Why: it has auth, crm, public/,
    );
    await refused(["--app", "crm"], /^crm: the schema "crm" is empty, so there is nothing to adopt/);
    await refused(["--app", "crm", "--schema", "auth"], /^crm: the schema "auth" is owned by auth/, 2);
    await refused(["--app", "../crm"], /^"\.\.\/crm" cannot be the name of a service/, 2);
    await refused(["--app", "crm", "--schema", "pg_toast"], /Postgres keeps that name for itself/, 2);
    await refused(
      ["--app", "auth", "--schema", "crm"],
      /services\/auth\/schema\.prisma says the schema "auth"/,
      2,
    );
    await refused([], /Which service shall own the schema/, 2);
  });

  test("a schema with a ledger, a service with migrations, no confirmation", async () => {
    await run(PLAIN);
    await refused(
      ["--app", "crm"],
      /^This wants a confirmation\n[\s\S]*schemata baseline --app crm --yes/,
      2,
    );
    await run(
      "CREATE TABLE crm._prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0); INSERT INTO crm._prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('1', '', '1_theirs', now())",
    );
    await refused(
      ["--app", "crm", "--yes"],
      /has a ledger already: "crm"\."_prisma_migrations" holds 1_theirs/,
    );
    bench.workspace.writeMigration("auth", "1_init", "SELECT 1;\n");
    await refused(["--app", "auth", "--yes"], /^auth: there are migrations already, from 1_init on/);
  });

  test("objects that nobody can write down, unless it is wanted so", async () => {
    await run(`${PLAIN} CREATE AGGREGATE crm.longest (text) (SFUNC = textcat, STYPE = text)`);
    await refused(
      ["--app", "crm", "--yes"],
      /^crm: Prisma's own script would lose function longest\(text\)[^\n]*\ncrm: the migration would not make all that is there:\n {2}function longest\(text\)\n[\s\S]*--incomplete/,
    );
    const result = await baseline("--app", "crm", "--yes", "--incomplete", "--json");
    expect(result.json()).toMatchObject({
      service: "crm",
      schema: "crm",
      missing: ["function longest(text)"],
    });
  });
});

test("--sql prints the migration and writes nothing", async () => {
  await run(PLAIN);
  const before = await look("crm");
  const { status, stdout } = await baseline("--app", "crm", "--sql");
  expect([status, stdout]).toEqual([0, expect.stringContaining('CREATE TABLE "contacts"')]);
  expect(existsSync(join(bench.workspace.root, "services/crm"))).toBe(false);
  expect(await look("crm")).toEqual(before);
});

test("a schema file that is there keeps its datasource, generator and comments", async () => {
  await run(PLAIN.replaceAll("crm", "auth"));
  const head =
    '// ours\ndatasource db {\n  provider = "postgresql"\n  schemas  = ["auth"]\n}\n\ngenerator api {\n  provider = "prisma-client-js"\n}\n';
  bench.workspace.write("services/auth/schema.prisma", head);
  const before = await look("auth");
  const result = await baseline("--app", "auth", "--yes");
  expect(result.status, result.stderr).toBe(0);
  expect(read("services/auth/schema.prisma")).toContain(head.trim());
  await expectAdopted("auth", "auth", before);
});
