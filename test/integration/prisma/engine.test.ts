import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { pinToSchema } from "../../../prisma/database.ts";
import type { Question } from "../../../prisma/engine/ahead.ts";
import { openEngine } from "../../../prisma/engine/open.ts";
import { quoteIdent } from "../../../scripts/core/sql.ts";
import { connect } from "../../../scripts/io/postgres/connect.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";

let database: string;
beforeAll(async () => {
  database = await createDatabase(await testServer());
});

function schemaFile(models: string, schemas: readonly string[]) {
  const content = `datasource db {\n  provider = "postgresql"\n  schemas  = ${JSON.stringify(schemas)}\n}\n${models}`;
  return [{ path: "services/x/schema.prisma", content }];
}

function userModel(fields: string, schema = "auth"): string {
  return `model User {\n  id Int @id\n${fields}\n  @@schema(${JSON.stringify(schema)})\n}\n`;
}

async function runSql(...statements: string[]): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  try {
    let rows: unknown[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

describe("a live database and a schema file", () => {
  const url = () => pinToSchema(database, "auth");

  test("revise writes unqualified SQL with stock Prisma's warnings; the reverse diff restores", async () => {
    await runSql(
      `CREATE SCHEMA auth`,
      `CREATE TABLE auth."User" (id integer, email text NOT NULL, CONSTRAINT "User_pkey" PRIMARY KEY (id))`,
    );
    const schemaFiles = schemaFile(userModel("  age Int"), ["auth"]);
    await using engine = await openEngine({ url: url(), schemaFiles });
    const revision = await engine.revise();
    expect(revision?.sql).toContain(
      `-- AlterTable\nALTER TABLE "User" DROP COLUMN "email",\nADD COLUMN     "age" INTEGER NOT NULL;\n`,
    );
    expect(revision?.warnings).toEqual([
      "You are about to drop the column `email` on the `User` table. All the data in the column will be lost.",
      "Added the required column `age` to the `User` table without a default value. This is not possible if the table is not empty.",
    ]);
    const down = await engine.diff("schema", "database");
    expect(down).toContain(`DROP COLUMN "age"`);
    expect(down).toContain(`ADD COLUMN     "email" TEXT NOT NULL`);
    expect(await engine.summarise("database", "schema")).toContain("Changed the `User` table");

    await runSql(`SET search_path TO auth`, revision?.sql ?? "");
    expect(await engine.revise()).toBeUndefined();
    expect(await engine.diff("database", "schema")).toBe("");
    await runSql(`SET search_path TO auth`, down);
    expect((await engine.revise())?.sql).toBe(revision?.sql);
  });

  test("a change that can harm no data reads as stock Prisma writes it, and has no warnings", async () => {
    await runSql(
      `CREATE SCHEMA mild`,
      `CREATE TABLE mild."User" (id integer, CONSTRAINT "User_pkey" PRIMARY KEY (id))`,
    );
    const schemaFiles = schemaFile(userModel("  nick String?\n  age Int @default(0)", "mild"), ["mild"]);
    await using engine = await openEngine({ url: pinToSchema(database, "mild"), schemaFiles });
    expect(await engine.revise()).toEqual({
      sql: `-- AlterTable\nALTER TABLE "User" ADD COLUMN     "age" INTEGER NOT NULL DEFAULT 0,\nADD COLUMN     "nick" TEXT;\n`,
      warnings: [],
    });
  });

  test.each([
    ["a column that becomes required", "  nick String", `nick text`, /made the column `nick`|required/i],
    ["a column that becomes unique", "  nick String? @unique", `nick text`, /unique constraint/],
    ["a column that is retyped", "  nick Int?", `nick text`, /nick/],
    ["a new required column", "  nick String", `other text`, /required column `nick`/],
  ])("%s is warned of", async (_name, fields, column, warning) => {
    await runSql(
      `DROP SCHEMA IF EXISTS warn CASCADE`,
      `CREATE SCHEMA warn`,
      `CREATE TABLE warn."User" (id integer, ${column}, CONSTRAINT "User_pkey" PRIMARY KEY (id))`,
    );
    const schemaFiles = schemaFile(userModel(fields, "warn"), ["warn"]);
    await using engine = await openEngine({ url: pinToSchema(database, "warn"), schemaFiles });
    expect((await engine.revise())?.warnings.join("\n")).toMatch(warning);
  });

  test("a ledger in the database is no difference, whatever it holds", async () => {
    await runSql(
      `CREATE SCHEMA led`,
      `CREATE TABLE led._prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`,
      `INSERT INTO led._prisma_migrations VALUES ('1', 'x', now(), '20250101000000_init', null, null, now(), 1)`,
    );
    const schemaFiles = schemaFile(userModel("", "led"), ["led"]);
    await using engine = await openEngine({ url: pinToSchema(database, "led"), schemaFiles });
    const revision = await engine.revise();
    expect(revision?.sql).toContain(`CREATE TABLE "User"`);
    expect(revision?.sql).not.toContain("_prisma_migrations");
    expect(revision?.warnings).toEqual([]);
  });

  test("introspection completes the schema file", async () => {
    await runSql(
      `CREATE SCHEMA intro`,
      `CREATE TYPE intro.mood AS ENUM ('glad', 'sad')`,
      `CREATE TABLE intro.person (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood intro.mood, "at" timestamptz(3) DEFAULT now(), CHECK (id > 0))`,
    );
    await using engine = await openEngine({
      url: pinToSchema(database, "intro"),
      schemaFiles: schemaFile("", ["intro"]),
    });
    const { files } = await engine.introspect();
    expect(files[0]?.content).toMatch(/model person \{\n\s+id\s+BigInt\s+@id/);
    expect(files[0]?.content).toContain("enum mood {");
  });

  test("tables of others are left alone, and can be referred to", async () => {
    await runSql(`CREATE SCHEMA people`, `CREATE TABLE people.users (id integer PRIMARY KEY, secret text)`);
    const models = `model User {\n  id Int @id\n  invoices Invoice[]\n  @@map("users")\n  @@schema("people")\n}\nmodel Invoice {\n  id Int @id\n  userId Int\n  user User @relation(fields: [userId], references: [id])\n  @@schema("bills")\n}\n`;
    const schemaFiles = schemaFile(models, ["bills", "people"]);
    await using engine = await openEngine({
      url: pinToSchema(database, "bills"),
      schemaFiles,
      external: { tables: ["people.users"] },
    });
    const { sql = "" } = (await engine.revise()) ?? {};
    expect(sql).toContain(`REFERENCES "people"."users"("id")`);
    expect(sql).not.toMatch(/(CREATE|ALTER|DROP) TABLE "people"|secret/);
  });
});

test.each([
  'a"b',
  "my schema",
  "x; DROP SCHEMA public",
  'x"; DROP SCHEMA public; --',
  "Upper",
  "user",
  "order",
  "it's",
  "ünï",
  "back\\slash",
  "100%",
])("the schema name %s is only a name", async (schema) => {
  const schemaFiles = schemaFile(userModel("  email String @unique", schema), [schema]);
  await using engine = await openEngine({ url: pinToSchema(database, schema), schemaFiles });
  const { sql = "" } = (await engine.revise()) ?? {};
  expect(sql).toContain(`CREATE TABLE "User"`);
  await runSql(`SELECT set_config('search_path', quote_ident($$${schema}$$), false)`, sql);
  expect(
    await runSql(`SELECT schemaname FROM pg_tables WHERE tablename = 'User' AND schemaname = $$${schema}$$`),
  ).toHaveLength(1);
  expect(await engine.revise()).toBeUndefined();
});

test("without a database, schema files are checked and compared", async () => {
  await using engine = await openEngine({ schemaFiles: schemaFile(userModel("  email String"), ["auth"]) });
  await engine.validate();
  const before = schemaFile(userModel(""), ["auth"]);
  expect(await engine.diff({ schemaFiles: before }, "schema")).toContain(
    `ADD COLUMN     "email" TEXT NOT NULL`,
  );
  expect(await engine.diff("schema", "schema")).toBe("");
});

test("a schema file that does not parse fails with Prisma's own message, file and line", async () => {
  const schemaFiles = schemaFile(userModel("  email Strin"), ["auth"]);
  const opening = openEngine({ schemaFiles }).then(async (engine) => {
    await using opened = engine;
    await opened.validate();
  });
  await expect(opening).rejects.toMatchObject({
    name: "EngineError",
    code: "P1012",
    message: expect.stringMatching(/Type "Strin" is neither[\s\S]*services\/x\/schema\.prisma:7/),
  });
});

test("a wrong password and an unreachable server have Prisma's numbers, and never the password", async () => {
  const wrong = new URL(pinToSchema(database, "auth"));
  wrong.password = "s3cret-wrong";
  const schemaFiles = schemaFile(userModel(""), ["auth"]);
  const refused = openEngine({ url: wrong.href, schemaFiles });
  await expect(refused).rejects.toMatchObject({
    code: "P1000",
    message: expect.not.stringContaining("s3cret"),
  });
  wrong.port = "1";
  await expect(openEngine({ url: wrong.href, schemaFiles })).rejects.toMatchObject({ code: "P1001" });
});

test("disposing closes the connection", async () => {
  const url = new URL(pinToSchema(database, "auth"));
  url.searchParams.set("application_name", "engine-disposal");
  const open = () => runSql(`SELECT pid FROM pg_stat_activity WHERE application_name = 'engine-disposal'`);
  {
    await using engine = await openEngine({
      url: url.href,
      schemaFiles: schemaFile(userModel(""), ["auth"]),
    });
    await engine.diff("database", "schema");
    expect(await open()).toHaveLength(1);
  }
  await expect.poll(open).toHaveLength(0);
});

test("a lent connection shows what its open transaction made, and stays open", async () => {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  try {
    await client.query("BEGIN; CREATE SCHEMA lent; CREATE TABLE lent.gone (id integer PRIMARY KEY)");
    {
      const schemaFiles = schemaFile(userModel("", "lent"), ["lent"]);
      await using engine = await openEngine({
        url: pinToSchema(database, "lent"),
        schemaFiles,
        lent: { client },
      });
      expect((await engine.revise())?.sql).toContain(`DROP TABLE "gone"`);
    }
    await client.query("ROLLBACK");
    expect((await client.query("SELECT to_regnamespace('lent') AS found")).rows).toEqual([{ found: null }]);
  } finally {
    await client.end();
  }
});

describe("what the engine asks is asked ahead", () => {
  const schemas = ['say "hi", \\ it\'s', "other"];
  const own = schemas[0] ?? "";

  async function reviseAhead(questions: readonly Question[]) {
    const client = await connect(database, { pipeline: true });
    const learned: Question[][] = [];
    const sent: unknown[] = [];
    try {
      await client.query(`BEGIN; CREATE SCHEMA ${quoteIdent(own)}; CREATE SCHEMA other`);
      await client.query(`CREATE TABLE ${quoteIdent(own)}.gone (id integer PRIMARY KEY)`);
      const lent = Object.assign(Object.create(client) as typeof client, {
        query: (...args: Parameters<typeof client.query>) => {
          sent.push(args[0]);
          return client.query(...args);
        },
      });
      const habits = { questions, learn: (more: readonly Question[]) => void learned.push([...more]) };
      const schemaFiles = schemaFile(userModel("", own), schemas);
      {
        await using engine = await openEngine({
          url: pinToSchema(database, own),
          schemaFiles,
          lent: { client: lent, ahead: { schemas, habits } },
        });
        expect((await engine.revise())?.sql).toContain(`DROP TABLE "gone"`);
      }
      return { learned, messages: sent.length };
    } finally {
      await client.query("ROLLBACK");
      await client.end();
    }
  }

  test("learned once, it is one message and nothing more to learn", async () => {
    const first = await reviseAhead([]);
    expect(first.learned).toHaveLength(1);
    const [questions = []] = first.learned;
    expect(questions.length).toBeGreaterThan(10);
    // The search path, the questions, and the end of their savepoint.
    expect(await reviseAhead(questions)).toEqual({ learned: [], messages: 3 });
  });

  test("questions that fail are asked by the engine, and forgotten", async () => {
    const { learned } = await reviseAhead([{ sql: "SELECT 1 / 0", args: [] }]);
    expect(learned.flat().map(({ sql }) => sql)).not.toContain("SELECT 1 / 0");
    expect(learned.flat().length).toBeGreaterThan(10);
  });
});
