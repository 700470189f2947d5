import { describe, expect, test } from "vitest";
import type { Ownership } from "../../../../scripts/core/guard/finding.ts";
import { guardScript } from "../../../../scripts/core/guard/guard.ts";
import { loadSqlParser } from "../../../../scripts/io/parser.ts";

const parser = await loadSqlParser();

const BILLING: Ownership = {
  service: "billing",
  schema: "billing",
  references: new Map([["auth", new Set(["User"])]]),
  otherSchemas: ["auth"],
  extensions: ["citext"],
  dependents: [],
};

function guard(sql: string, ownership: Partial<Ownership> = {}) {
  return guardScript({ file: "migration.sql", sql }, { ...BILLING, ...ownership }, parser);
}

/** Findings as `line:column rule`. */
function places(sql: string, ownership: Partial<Ownership> = {}): string[] {
  return guard(sql, ownership).findings.map(({ line, column, rule }) => `${line}:${column} ${rule}`);
}

describe("a finding stands where the name stands", () => {
  test.each([
    ["in a statement", 'SELECT 1;\n  DELETE FROM auth."User";', "2:15 foreign-schema"],
    ["behind characters of several bytes", "/* 😀é */ DELETE FROM auth.x;", "1:22 foreign-schema"],
    ["behind a byte order mark", "\uFEFFDELETE FROM auth.x;", "1:13 foreign-schema"],
    ["after Windows line ends", "SELECT 1;\r\nDELETE FROM auth.x;\r\n", "2:13 foreign-schema"],
    ["in a list of objects without locations", "DROP TABLE a,\n  auth.b;", "2:3 foreign-schema"],
    ["quoted", 'COMMENT ON TABLE "auth"."b" IS $$auth.c$$;', "1:18 foreign-schema"],
    [
      "in an SQL body",
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n  SELECT auth.g()\n$$;",
      "2:10 foreign-schema",
    ],
    [
      "in a PL/pgSQL statement",
      "DO $$\nBEGIN\n  PERFORM 1;\n  DELETE FROM auth.x;\nEND $$;",
      "4:15 foreign-schema",
    ],
    [
      "behind a blanked INTO",
      "DO $$\nDECLARE n int;\nBEGIN\n  SELECT 1 INTO n FROM auth.x;\nEND $$;",
      "4:24 foreign-schema",
    ],
    [
      "in a PL/pgSQL expression",
      "DO $$\nBEGIN\n  IF auth.f() THEN NULL; END IF;\nEND $$;",
      "3:6 foreign-schema",
    ],
    ["in an assignment", "DO $$\nDECLARE n int;\nBEGIN\n  n := auth.f();\nEND $$;", "4:8 foreign-schema"],
    ["in a declared type", "DO $$\nDECLARE\n  u auth.users%ROWTYPE;\nBEGIN\nEND $$;", "3:5 foreign-schema"],
    [
      "at the text that EXECUTE runs",
      "DO $$\nBEGIN\n  EXECUTE 'DROP TABLE ' || 'auth.x';\nEND $$;",
      "3:11 foreign-schema",
    ],
    ["at the body in doubled quotes", "DO 'BEGIN PERFORM auth.f(''x''); END';", "1:4 foreign-schema"],
  ])("%s", (_, sql, place) => {
    expect(places(sql)).toEqual([place]);
  });
});

describe("what a service may name follows from its ownership", () => {
  test("a service that owns public names it freely", () => {
    const sql =
      'CREATE TABLE public."User" (id serial PRIMARY KEY); CREATE VIEW v AS SELECT * FROM public."User";';
    expect(places(sql, { service: "app", schema: "public" })).toEqual([]);
    expect(places(sql)).toEqual(["1:14 public-schema", "1:84 public-schema"]);
  });

  test("a repeated table may be referred to, not read", () => {
    expect(places('ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES auth."User" (id);')).toEqual([]);
    expect(guard('SELECT * FROM auth."User";').findings).toMatchObject([
      { message: 'table "auth"."User" is another service\'s: only a foreign key may point there' },
    ]);
  });

  test("names are compared as Postgres folds them", () => {
    expect(places("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES auth.User (id);")).toEqual([
      "1:46 foreign-key",
    ]);
    expect(places("SELECT * FROM BILLING.invoices;")).toEqual([]);
    expect(places('SELECT * FROM "BILLING".invoices;')).toEqual(["1:15 foreign-schema"]);
  });

  test("CASCADE is harmless while no service refers to this one", () => {
    expect(places("DROP TABLE invoices CASCADE;")).toEqual([]);
    expect(places("DROP TABLE invoices CASCADE;", { dependents: ["reports"] })).toEqual(["1:1 cascade"]);
  });

  test("declared extensions may be named, undeclared ones not", () => {
    expect(places("CREATE EXTENSION IF NOT EXISTS citext;")).toEqual([]);
    expect(places("CREATE EXTENSION IF NOT EXISTS citext;", { extensions: [] })).toEqual(["1:1 extension"]);
  });
});

describe("severity", () => {
  test.each([
    ["SELECT set_config('search_path', '', false)", "warning"],
    ["SELECT set_config('search_path', 'auth', false)", "error"],
    ["DO $$ DECLARE q text; BEGIN EXECUTE q; END $$", "warning"],
    ["CREATE FUNCTION f() RETURNS int LANGUAGE plv8 AS 'return 1'", "warning"],
    ["CREATE EXTENSION citext", "warning"],
  ])("%s: %s", (sql, severity) => {
    expect(guard(sql).findings.map((finding) => finding.severity)).toEqual([severity]);
  });

  test("text that is partly known is judged by what is known", () => {
    const sql = "DO $$ DECLARE n int; BEGIN EXECUTE 'DELETE FROM auth.x WHERE id = ' || n; END $$";
    expect(guard(sql).findings.map(({ rule, severity }) => `${severity} ${rule}`)).toEqual([
      "warning dynamic-sql",
      "error foreign-schema",
    ]);
    expect(places("DO $$ DECLARE n text; BEGIN EXECUTE n || ' auth.x ' || n || '('; END $$")).toEqual([
      "1:37 dynamic-sql",
      "1:37 foreign-schema",
    ]);
  });
});

describe("exceptions", () => {
  const grant = "GRANT SELECT ON invoices TO analyst;";

  test("pass and are listed, with how much they let pass", () => {
    const sql = `-- depends-on: auth/1\n-- schemata:allow grant because the analysts read invoices\n${grant}\n${grant}`;
    expect(guard(sql)).toEqual({
      findings: [],
      exceptions: [
        {
          rule: "grant",
          reason: "the analysts read invoices",
          service: "billing",
          file: "migration.sql",
          line: 2,
          passed: 2,
        },
      ],
    });
  });

  test("let only their own rule pass", () => {
    const sql = `-- schemata:allow grant because the analysts read invoices\n${grant} DROP SCHEMA auth;`;
    expect(places(sql)).toEqual(["2:38 schema-ddl"]);
  });

  test.each([
    [
      "in a string",
      `INSERT INTO t VALUES ('\n-- schemata:allow grant because x\n'); ${grant}`,
      ["3:33 grant"],
    ],
    ["in a block comment", `/*\n-- schemata:allow grant because x\n*/ ${grant}`, ["3:32 grant"]],
    ["without a reason", `-- schemata:allow grant\n${grant}`, ["1:1 allow", "2:29 grant"]],
    [
      "for the faults of exceptions",
      `-- schemata:allow allow because x\n-- schemata:allow grant\n${grant}`,
      ["1:1 allow", "2:1 allow", "3:29 grant"],
    ],
  ])("do not count %s", (_, sql, expected) => {
    expect(places(sql)).toEqual(expected);
  });

  test("propose the rule that was meant", () => {
    expect(guard(`-- schemata:allow grants because x\n${grant}`).findings[0]).toMatchObject({
      message: 'the exception names the rule "grants", which there is not',
      fix: "write -- schemata:allow grant because <reason>",
    });
  });
});

test("one place is reported once, though a function's arguments are read twice", () => {
  expect(places("DROP FUNCTION f(auth.kind);")).toEqual(["1:17 foreign-schema"]);
});

test("a script that cannot be parsed says where", () => {
  expect(guard("SELECT 1;\nSELEKT 2;").findings).toMatchObject([
    { rule: "syntax", line: 2, column: 1, message: 'syntax error at or near "SELEKT"' },
  ]);
});

test("columns may be of another service's enum that the schema file repeats, and nothing may change it", () => {
  const types = new Map([["auth", new Set(["kind"])]]);
  const column = 'ALTER TABLE t ADD COLUMN k "auth"."kind", ADD COLUMN l "auth"."kind"[] DEFAULT \'{}\';';
  expect(places(column)).toEqual(["1:28 foreign-schema", "1:56 foreign-schema"]);
  expect(places(column, { types })).toEqual([]);
  expect(places("CREATE TABLE t (k auth.other);", { types })).toEqual(["1:19 foreign-schema"]);
  expect(places("ALTER TYPE auth.kind ADD VALUE 'C';", { types })).toHaveLength(1);
  expect(places("DROP TYPE auth.kind;", { types })).toHaveLength(1);
});
