import { expect, test } from "vitest";
import { foldText, selectedExpression } from "../../../../scripts/core/guard/dynamic.ts";
import { opened } from "../../../../scripts/core/guard/tree.ts";
import { loadSqlParser } from "../../../../scripts/io/parser.ts";

const { parseSql } = await loadSqlParser();

function fold(expression: string): string {
  const parsed = parseSql(`SELECT ${expression}`);
  if (!parsed.ok) throw new Error(parsed.error.message);
  const [, fields] = opened(parsed.statements[0]?.node);
  const { text, certain } = foldText(selectedExpression(fields), "billing");
  return certain ? text : `? ${text}`;
}

const NAME = '"chosen at run time"';

test.each([
  ["'DROP TABLE x'", "DROP TABLE x"],
  ["'a' || 'b' || 1", "ab1"],
  ["'a'::text || E'\\n'", "a\n"],
  ["concat('a', 2, 'b')", "a2b"],
  ["'DROP TABLE ' || x", `? DROP TABLE ${NAME}`],
  ["x", `? ${NAME}`],
  ["'DROP TABLE ' || quote_ident(x)", `DROP TABLE ${NAME}`],
  ["quote_ident('a\"b')", '"a""b"'],
  ["'SET a = ' || quote_literal(x)", "SET a = 'chosen at run time'"],
  ["format('DROP TABLE %I', x)", `DROP TABLE ${NAME}`],
  ["format('DROP TABLE %I.%I', 'auth', x)", `DROP TABLE "auth".${NAME}`],
  ["format('DROP TABLE %I.%I', current_schema, x)", `DROP TABLE "billing".${NAME}`],
  ["format('DROP TABLE %I.%I', current_schema(), tg_table_name)", `DROP TABLE "billing".${NAME}`],
  ["format('%2$s %1$s %s', 'b', 'a')", "a b a"],
  ["format('%s%% %L', 5, 'it''s')", "5% 'it''s'"],
  ["format('%-10s|', 'a')", "a|"],
  ["format('%s', x)", `? ${NAME}`],
  ["format(x, 'a')", `? ${NAME}`],
  ["upper('drop')", `? ${NAME}`],
])("%s is %s", (expression, folded) => {
  expect(fold(expression)).toBe(folded);
});
