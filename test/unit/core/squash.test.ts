import { beforeAll, describe, expect, test } from "vitest";
import type { SqlParser } from "../../../scripts/core/parse.ts";
import type { Replaced } from "../../../scripts/core/replaces.ts";
import {
  chooseSquashName,
  findMore,
  findSquashCircle,
  joinScripts,
  planHead,
  renderRemovals,
  renderSquash,
} from "../../../scripts/core/squash.ts";
import { loadSqlParser } from "../../../scripts/io/parser.ts";

let parser: SqlParser;
beforeAll(async () => {
  parser = await loadSqlParser();
});
const parse = (sql: string) => {
  const parsed = parser.parseSql(sql);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.statements;
};
const SUM = "a".repeat(64);
const replaced = (name: string, ...parts: Replaced[]): Replaced => ({ name, checksum: SUM, parts });
const source = (name: string, text: string) => ({ name, file: "", checksum: SUM, text });

describe("chooseSquashName", () => {
  const [A, B, C] = ["20250101000000_a", "20250102000000_b", "20250103000000_c"] as const;
  test.each([
    ["of the last one's time", [A, B, C], [replaced(A), replaced(B)], "20250102000000_squashed"],
    [
      "not one that is taken",
      [A, "20250102000000_squashed"],
      [replaced(A), replaced("20250102000000_squashed")],
      "20250102000000_squashed_2",
    ],
    [
      "nor one that a ledger may know",
      [A, B],
      [replaced(A, replaced("20250102000000_squashed")), replaced(B)],
      "20250102000000_squashed_2",
    ],
    [
      "before what follows at the same time",
      [A, B, "20250102000000_c"],
      [replaced(A), replaced(B)],
      "20250102000000_b_squashed",
    ],
    ["without a time", ["init", "more"], [replaced("init"), replaced("more")], "more_squashed"],
    ["none, where nothing fits", [A, "x", "x_"], [replaced(A), replaced("x")], undefined],
  ])("%s", (_, names, replaces, expected) => {
    expect(chooseSquashName("squashed", { names, replaces })).toBe(expected);
  });
});

describe("joinScripts", () => {
  test("ends every statement, and drops only the lines of the head that the tool reads", () => {
    const scripts = [
      { name: "1_a", sql: "\uFEFF-- depends-on: b/1_x\n-- a word\nSELECT 1" },
      { name: "2\n_b", sql: "SELECT 2; -- over\n" },
      { name: "3_c", sql: `-- replaces: 0_x ${SUM}\n-- nothing` },
      { name: "4_d", sql: "SELECT 4 -- open\n" },
      { name: "5_e", sql: "SELECT 5;\n-- depends-on: b/2_y" },
    ];
    const sql = joinScripts(scripts);
    expect(sql).toBe(
      "-- 1_a\n-- a word\nSELECT 1\n;\n\n-- 2 _b\nSELECT 2; -- over\n\n-- 3_c\n-- nothing\n\n-- 4_d\nSELECT 4 -- open\n;\n\n-- 5_e\nSELECT 5;\n-- depends-on: b/2_y\n",
    );
    expect(parse(sql)).toHaveLength(4);
  });
});

test("the head names what it stands for, and of each other service the newest that it needs", () => {
  const head = planHead([
    source("1_a", "-- depends-on: billing/1_x\nSELECT 1;"),
    source("2_s", `-- replaces: 0_y ${SUM}\n-- depends-on: billing/3_z\n-- depends-on: shop/1_q\nSELECT 2;`),
    source("3_c", "-- depends-on: billing/2_w\nSELECT 3;"),
  ]);
  expect(renderSquash(head, "SELECT 1;\n")).toBe(
    `-- replaces: 1_a ${SUM}\n-- replaces: 2_s ${SUM}\n-- replaces: 0_y ${SUM} in 2_s\n-- replaces: 3_c ${SUM}\n-- depends-on: billing/3_z\n-- depends-on: shop/1_q\n\nSELECT 1;\n`,
  );
});

test.each([
  [
    "CREATE TABLE t (x int); CREATE INDEX i ON t (x); ALTER TABLE t ADD y int; DROP TABLE t; CREATE TYPE e AS ENUM ('a'); ALTER TYPE e ADD VALUE 'b'; ALTER TABLE t RENAME x TO z",
    undefined,
  ],
  ["CREATE TABLE t (x int); INSERT INTO t VALUES (1)", "InsertStmt"],
  ["CREATE TABLE t AS SELECT 1", "CreateTableAsStmt"],
  ["SELECT 1", "SelectStmt"],
  ["DO $$ BEGIN END $$", "DoStmt"],
  ["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CreateFunctionStmt"],
  ["COMMENT ON TABLE t IS 'x'", "CommentStmt"],
  ["GRANT SELECT ON t TO PUBLIC", "GrantStmt"],
  ["SET search_path TO x", "VariableSetStmt"],
])("%s is more than the engine generates: %s", (sql, kind) => {
  expect(findMore(parse(sql))?.kind).toBe(kind);
});

test("removes what a script makes outside of its schema, unless it takes what is there", () => {
  const sql = `CREATE EXTENSION citext; CREATE EXTENSION IF NOT EXISTS hstore; CREATE SCHEMA "o""x"; CREATE SCHEMA own;
    CREATE PUBLICATION p FOR ALL TABLES; CREATE TABLE t (x int)`;
  expect(renderRemovals(parse(sql), "own")).toEqual([
    'DROP EXTENSION IF EXISTS "citext" CASCADE',
    'DROP SCHEMA IF EXISTS "o""x" CASCADE',
    'DROP PUBLICATION IF EXISTS "p"',
  ]);
});

describe("findSquashCircle", () => {
  const at = (name: string, ...dependsOn: { service: string; migration: string }[]) => ({
    migration: { name },
    dependsOn,
  });
  const auth = (migration: string) => ({ service: "auth", migration });
  const billing = (migration: string) => ({ service: "billing", migration });
  const sequences = [
    { service: { name: "auth" }, pending: [at("1_a"), at("2_b"), at("3_c", billing("1_x")), at("4_d")] },
    { service: { name: "billing" }, pending: [at("1_x", auth("2_b"))] },
  ];
  const find = (replaced: string[], ...dependsOn: { service: string; migration: string }[]) =>
    findSquashCircle(sequences, { service: "auth", replaced, head: { replaces: [], dependsOn } });

  test("none below what another service comes in between", () => {
    expect(find(["1_a", "2_b"])).toBeUndefined();
  });

  test("one above", () => {
    expect(find(["1_a", "2_b", "3_c"], billing("1_x"))).toEqual(["auth/3_c", "billing/1_x", "auth/3_c"]);
  });
});
