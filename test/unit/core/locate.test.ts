import { describe, expect, test } from "vitest";
import { indexOfPosition, locate, locateStatement } from "../../../scripts/core/locate.ts";
import { parseSql } from "../../../scripts/io/parser.ts";

describe("locate", () => {
  test.each([
    ["abc", 0, 1, 1],
    ["a\nb", 2, 2, 1],
    ["a\r\nb", 3, 2, 1],
    ["a\rb", 2, 2, 1],
    ["😀x", 2, 1, 2],
    ["é😀\nä😀x", 7, 2, 3],
    ["\uFEFFab", 2, 1, 2],
    ["\uFEFFa\nb", 3, 2, 1],
  ])("%j at %i is %i:%i", (sql, offset, line, column) => {
    expect(locate(sql, offset)).toEqual({ line, column });
  });
});

test("indexOfPosition counts code points from 1", () => {
  expect([1, 2, 3, 4, 9].map((position) => indexOfPosition("😀ä😀x", position))).toEqual([0, 2, 3, 5, 6]);
});

test("locateStatement finds by index and by place", async () => {
  const sql = "-- ü\nSELECT 1;\n  SELECT\n  '😀',\n  b;\n";
  const parsed = await parseSql(sql);
  if (!parsed.ok) throw new Error(parsed.error.message);
  const { statements } = parsed;
  expect(locateStatement(sql, statements, { index: 1 })).toEqual({
    line: 3,
    column: 3,
    text: "SELECT\n  '😀',\n  b",
  });
  expect(locateStatement(sql, statements, { offset: sql.indexOf("b;") })).toMatchObject({
    line: 5,
    column: 3,
  });
  expect(locateStatement(sql, statements, { offset: sql.length })).toMatchObject({
    line: 6,
    column: 1,
    text: /^SELECT\n/,
  });
  expect(locateStatement(sql, statements, { offset: 0 })).toEqual({ line: 1, column: 1, text: "" });
  expect(locateStatement(sql, statements, { index: 7 })).toEqual({ line: 1, column: 1, text: "" });
});

test("locateStatement shortens long statements", async () => {
  const sql = `SELECT\n${"1,\n".repeat(20)}'${"x".repeat(500)}'`;
  const parsed = await parseSql(sql);
  if (!parsed.ok) throw new Error(parsed.error.message);
  expect(locateStatement(sql, parsed.statements, { index: 0 }).text).toBe("SELECT\n1,\n1,\n1,\n1,\n…");
  const wide = `SELECT '${"x".repeat(500)}'`;
  expect(
    locateStatement(wide, [{ ...first(parsed.statements), start: 0, end: wide.length }], { index: 0 }).text,
  ).toHaveLength(160);
});

function first<Item>(items: readonly Item[]): Item {
  const [item] = items;
  if (!item) throw new Error("no item");
  return item;
}
