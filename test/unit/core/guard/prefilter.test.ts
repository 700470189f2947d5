import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Ownership } from "../../../../scripts/core/guard/finding.ts";
import { guardScript } from "../../../../scripts/core/guard/guard.ts";
import { mayHaveFindings } from "../../../../scripts/core/guard/prefilter.ts";
import { loadSqlParser } from "../../../../scripts/io/parser.ts";

const parser = await loadSqlParser();

const STRICT: Ownership = {
  service: "billing",
  schema: "billing",
  references: new Map(),
  otherSchemas: ["auth"],
  extensions: [],
  dependents: ["reports"],
};

describe("mayHaveFindings", () => {
  test.each([
    "",
    "-- This is an empty migration.",
    'CREATE TABLE "User" ("id" SERIAL NOT NULL, "price" DECIMAL(65,30) DEFAULT 0.5, CONSTRAINT "p" PRIMARY KEY ("id"));',
    'CREATE UNIQUE INDEX "i" ON "User"("email"); DROP INDEX "j"; ALTER INDEX "i" RENAME TO "k";',
    `CREATE TYPE "s" AS ENUM ('a.b', 'public'); ALTER TYPE "s" ADD VALUE 'auth.x';`,
    'ALTER TABLE "Post" ADD CONSTRAINT "f" FOREIGN KEY ("a") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;',
    'ALTER TABLE "User" ADD COLUMN "role" TEXT, ADD COLUMN "owner" TEXT, ADD COLUMN "schema" TEXT;',
    "INSERT INTO t VALUES (1, 'see auth.users; DROP SCHEMA auth'); UPDATE t SET a = 1; DELETE FROM t;",
    "/* SELECT auth.f(); */ -- DROP SCHEMA auth\nDROP TABLE a;",
  ])("is sure of %j", (sql) => {
    expect(mayHaveFindings(sql)).toBe(false);
    expect(guardScript({ file: "", sql }, STRICT, parser).findings).toEqual([]);
  });

  test.each([
    "COMMIT",
    "CREATE TABLE a (); COMMIT",
    "DROP TABLE a CASCADE",
    "DROP TABLE DELETE CASCADE",
    "ALTER TABLE a DROP COLUMN update CASCADE",
    "ALTER TABLE a DROP COLUMN b, ADD c int REFERENCES d ON DELETE RESTRICT, DROP delete CASCADE",
    "DROP TYPE a, int",
    "ALTER TABLE a OWNER TO b",
    'ALTER TABLE a SET SCHEMA "b"',
    "ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b",
    "CREATE TABLE auth.a ()",
    "CREATE TABLE a (b int DEFAULT nextval('auth.s'))",
    'INSERT INTO a SELECT "pg_read_file"(b) FROM c',
    'INSERT INTO a SELECT U&"\\0073et_config"(b, c, true) FROM d',
    'DELETE FROM "_prisma_migrations"',
    "(SELECT 1)",
    "WITH a AS (SELECT 1) DELETE FROM b",
    "-- schemata:allow grant because x\nDROP TABLE a",
    "DROP TABLE 'unclosed",
  ])("sends %j to the parser", (sql) => {
    expect(mayHaveFindings(sql)).toBe(true);
  });

  test("is never sure of a script that breaks a rule", () => {
    const word = fc.constantFrom(
      ..."CREATE ALTER DROP DELETE INSERT UPDATE TABLE INDEX TYPE UNIQUE INTO FROM ON SET ADD COLUMN OWNER SCHEMA".split(
        " ",
      ),
      ..."CASCADE VALUES SELECT REFERENCES AS ENUM DEFAULT TO RENAME COMMIT BEGIN ROLE GRANT TRUNCATE".split(
        " ",
      ),
      ...[
        "a",
        "t",
        "auth",
        "billing",
        '"auth"',
        "auth.t",
        "int",
        "'auth.x'",
        "'a'",
        "(",
        ")",
        ",",
        ";",
        ".",
        "::",
        "1",
      ],
      ...[
        "nextval('auth.s')",
        "_prisma_migrations",
        "pg_settings",
        "regclass",
        "set_config('role','x',true)",
        "x = 1",
      ],
    );
    const template = fc.constantFrom(
      "CREATE TABLE % (a int)",
      "CREATE TABLE t (a % )",
      "CREATE TABLE t (a int DEFAULT %)",
      "DROP TABLE %",
      "DROP TYPE t %",
      "ALTER TABLE t %",
      "ALTER TABLE % ADD COLUMN a int",
      "INSERT INTO % SELECT 1",
      "INSERT INTO t SELECT %",
      "UPDATE % SET a = 1",
      "UPDATE t SET a = %",
      "DELETE FROM t WHERE %",
      "CREATE TYPE % AS ENUM ('a')",
      "CREATE INDEX ON t (%)",
      "%",
    );
    const script = fc.array(fc.tuple(template, fc.array(word, { minLength: 1, maxLength: 4 })), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(script, (parts) => {
        const sql = parts.map(([text, words]) => text.replace("%", words.join(" "))).join(";\n");
        if (mayHaveFindings(sql)) return;
        const { findings } = guardScript({ file: "", sql }, STRICT, parser);
        // What Postgres cannot parse it refuses whole: the prefilter is only sure that nothing else is wrong.
        expect(findings.filter(({ rule }) => rule !== "syntax")).toEqual([]);
      }),
      { numRuns: 30000 },
    );
  });
});
