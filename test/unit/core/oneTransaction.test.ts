import { beforeAll, expect, test } from "vitest";
import { renderInOneTransaction } from "../../../scripts/core/oneTransaction.ts";
import type { SqlParser } from "../../../scripts/core/parse.ts";
import { loadSqlParser } from "../../../scripts/io/parser.ts";

let parser: SqlParser;
beforeAll(async () => {
  parser = await loadSqlParser();
});
const render = (sql: string) => {
  const rendered = renderInOneTransaction(sql, parser.parseSql);
  return "sql" in rendered ? rendered.sql.replaceAll(/ +/g, " ").trim() : rendered.problem.message;
};

test.each([
  ["CREATE INDEX CONCURRENTLY i ON t (a);", "CREATE INDEX i ON t (a);"],
  ["DROP INDEX CONCURRENTLY i", "DROP INDEX i"],
  ['CREATE INDEX concurrently "CONCURRENTLY" ON t (a);', 'CREATE INDEX "CONCURRENTLY" ON t (a);'],
  ["REINDEX INDEX CONCURRENTLY i;", "REINDEX INDEX i"],
  ["VACUUM ANALYZE t; SELECT 1", "; SELECT 1"],
  ["ALTER TABLE p DETACH PARTITION q CONCURRENTLY;", "ALTER TABLE p DETACH PARTITION q ;"],
  ["BEGIN; CREATE TABLE t (x int); COMMIT;", "; CREATE TABLE t (x int); ;"],
  ["SELECT 'CONCURRENTLY VACUUM';", "SELECT 'CONCURRENTLY VACUUM';"],
  ["this is no SQL", "this is no SQL"],
])("%s", (sql, expected) => {
  expect(render(sql)).toBe(expected);
});

test("several transactions become one", () => {
  expect(render("BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT;").replaceAll(/[;\s]+/g, " ")).toBe(
    " SELECT 1 SELECT 2 ",
  );
});

test("what Postgres would fail on halfway is refused", () => {
  expect(render("BEGIN; SELECT 1;")).toMatch(/never/);
});
