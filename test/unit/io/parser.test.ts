import { describe, expect, test } from "vitest";
import { loadSqlParser, parseSql } from "../../../scripts/io/parser.ts";

async function texts(sql: string): Promise<string[]> {
  const parsed = await parseSql(sql);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.statements.map(({ kind, start, end }) => `${kind}:${sql.slice(start, end)}`);
}

describe("parseSql", () => {
  test.each([
    ["", []],
    ["\uFEFF", []],
    ["  \r\n\t", []],
    ["-- only a comment", []],
    ["/* a /* nested */ comment */ ;;", []],
    ["SELECT 1", ["SelectStmt:SELECT 1"]],
    ["\uFEFF-- é\r\nSELECT 1;\r\n", ["SelectStmt:SELECT 1"]],
    [" ; ;SELECT 1 -- x\n ; /* y */ SELECT 2 /* z */ ", ["SelectStmt:SELECT 1", "SelectStmt:SELECT 2"]],
    [
      "-- 😀\nINSERT INTO \"ä\" VALUES ('€;😀'); -- é\nWITH q AS (SELECT 1) DELETE FROM b; (SELECT '日本')",
      [
        "InsertStmt:INSERT INTO \"ä\" VALUES ('€;😀')",
        "DeleteStmt:WITH q AS (SELECT 1) DELETE FROM b",
        "SelectStmt:(SELECT '日本')",
      ],
    ],
    [
      "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
      [
        "CreateFunctionStmt:CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
        "SelectStmt:SELECT 3",
      ],
    ],
    ["DO $é$ BEGIN 'x;'; END $é$", ["DoStmt:DO $é$ BEGIN 'x;'; END $é$"]],
  ])("cuts %j", async (sql, expected) => {
    expect(await texts(sql)).toEqual(expected);
  });

  test("turns locations of parse nodes into string indices, in any order", async () => {
    const sql = "\uFEFFSELECT 'é😀' AS a, ü.b FROM ü";
    const parsed = await parseSql(sql);
    if (!parsed.ok) throw new Error(parsed.error.message);
    const locations = [...JSON.stringify(parsed.statements).matchAll(/"location":(\d+)/g)].map((found) =>
      Number(found[1]),
    );
    const indices = locations.map((location) => parsed.indexOf(location));
    expect(indices.map((index) => sql[index])).toEqual(["'", "'", "ü", "ü", "ü"]);
    expect(parsed.indexOf(0)).toBe(1);
  });

  test.each([
    ["SELECT 1;\r\n\r\nSELEKT 2", "SELEKT", "syntax", 'syntax error at or near "SELEKT"'],
    ["\uFEFFSELECT '😀é' frm x", "x", "syntax", 'syntax error at or near "x"'],
    ["SELECT 'é", "'é", "syntax", 'unterminated quoted string at or near "\'é"'],
    ["\\connect x", "\\", "syntax", 'syntax error at or near "\\"'],
    [
      "SELECT 1;\0 SELECT 2",
      "\0",
      "nul",
      "the script holds a NUL character: is the file UTF-16 instead of UTF-8?",
    ],
  ])("says where it stops in %j", async (sql, at, kind, message) => {
    expect(await parseSql(sql)).toEqual({ ok: false, error: { kind, message, offset: sql.indexOf(at) } });
  });

  test("survives what nests too deeply", async () => {
    const deep = `SELECT ${"a+".repeat(60_000)}1`;
    expect(await parseSql(deep)).toMatchObject({ ok: false, error: { kind: "too-complex" } });
    expect(await texts("SELECT 1")).toEqual(["SelectStmt:SELECT 1"]);
  });

  test("tells which blocks and procedures end transactions", async () => {
    const sql = `DO $$ BEGIN PERFORM 1; END $$;
      DO $$ BEGIN IF true THEN COMMIT; END IF; END $$;
      DO $$ BEGIN RAISE NOTICE 'COMMIT;'; END $$;
      CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN ROLLBACK; END $$;
      CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'commit;' $$;`;
    const parsed = await parseSql(sql);
    if (!parsed.ok) throw new Error(parsed.error.message);
    expect(parsed.statements.map(({ endsTransactions }) => endsTransactions)).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
  });
});

test("PL/pgSQL's parser returns the tree or why there is none", async () => {
  const { parsePlpgsql } = await loadSqlParser();
  expect(parsePlpgsql("DO $$ BEGIN EXECUTE 'x'; END $$")).toHaveProperty("tree.plpgsql_funcs");
  expect(parsePlpgsql("DO $$ BEGIN EXECUTE; END $$")).toEqual({
    error: expect.stringContaining("missing expression"),
  });
});
