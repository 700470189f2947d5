import { describe, expect, test } from "vitest";
import {
  attributeProblems,
  judgeProblems,
  type LintedScript,
} from "../../../../scripts/core/unsafe/judge.ts";
import { placeProblems } from "../../../../scripts/core/unsafe/problem.ts";
import type { PresentTables } from "../../../../scripts/core/unsafe/tables.ts";
import { loadSqlParser } from "../../../../scripts/io/parser.ts";
import { runSquawk } from "../../../../scripts/io/squawk.ts";

const { parseSql } = await loadSqlParser();

const PRESENT: PresentTables = {
  tables: new Set(["old", "other"]),
  indexes: new Map([["old_idx", "old"]]),
};

/** The tables that problems of some scripts concern, as `line rule: tables`. */
async function attribute(scripts: string[], { present }: { present?: PresentTables } = { present: PRESENT }) {
  const found = await runSquawk(scripts, 18);
  const linted = scripts.map((sql, index): LintedScript => {
    const parsed = parseSql(sql);
    return {
      file: `${index}.sql`,
      sql,
      statements: parsed.ok ? parsed.statements : [],
      problems: found[index] ?? [],
    };
  });
  return attributeProblems(linted, "shop", present);
}

const tablesOf = async (scripts: string[]) =>
  (await attribute(scripts)).map(({ rule, tables }) => `${rule}: ${tables.join(", ")}`);

describe("places", () => {
  test("are told in bytes by Squawk, and found behind characters of several", async () => {
    const sql = 'ALTER TABLE "é𝒳" DROP COLUMN "a";\r\n/* é\n𝒳 */ DROP TABLE "x";\r\n  DROP TABLE y;';
    const [problems = []] = await runSquawk([sql], 18);
    expect(problems.map(({ start, end }) => sql.slice(start, end))).toEqual([
      'DROP COLUMN "a"',
      'DROP TABLE "x";',
      "DROP TABLE y;",
    ]);
  });

  test("of rules that are not ours are left out", () => {
    const at = { line: 0, column: 0, line_end: 0, column_end: 1 };
    expect(placeProblems("x", [{ rule_name: "syntax-error", ...at }])).toEqual([]);
  });
});

describe("whose table a statement is about", () => {
  test.each([
    ["an old one", ["CREATE INDEX i ON old (a);"], ["require-concurrent-index-creation: old"]],
    ["an index's", ["DROP INDEX old_idx;"], ["require-concurrent-index-deletion: old"]],
    ["several", ["DROP TABLE old, other;"], ["ban-drop-table: old, other"]],
    [
      "a new one",
      ["CREATE TABLE new (a int);", "CREATE INDEX i ON new (a); DROP INDEX i; DROP TABLE new;"],
      [],
    ],
    [
      "a new one made of a query",
      ["CREATE TABLE new AS SELECT 1 AS a;", "ALTER TABLE new DROP COLUMN a;"],
      [],
    ],
    [
      "an old one under a new name",
      ["-- schemata\nALTER TABLE old RENAME TO fresh;", "CREATE INDEX i ON fresh (a);"],
      ["renaming-table: old", "require-concurrent-index-creation: old"],
    ],
    [
      "a new one under an old name",
      ["DROP TABLE old;", "CREATE TABLE old (a int);", "CREATE INDEX i ON old (a);"],
      ["ban-drop-table: old"],
    ],
    [
      "the one that refers, not the one that is referred to",
      ["CREATE TABLE new (a int);", "ALTER TABLE new ADD FOREIGN KEY (a) REFERENCES old (a);"],
      [],
    ],
    ["another schema's: the guard's to judge", ["DROP TABLE auth.old;"], []],
    ["none", ["ALTER DOMAIN d ADD CHECK (VALUE > 0);"], ["ban-alter-domain-with-add-constraint: "]],
  ])("%s", async (_, scripts, found) => {
    expect(await tablesOf(scripts)).toEqual(found);
  });

  test("what the scripts don't make is old where nobody knows", async () => {
    const scripts = [
      "CREATE TABLE new (a int); CREATE INDEX i ON new (a); CREATE INDEX j ON thing (a); DROP INDEX k; DROP INDEX i;",
    ];
    const found = await attribute(scripts, {});
    expect(found.map(({ tables }) => tables)).toEqual([["thing"], ["k"]]);
  });
});

describe("severity", () => {
  const severities = async (
    counts: Map<string, number | undefined> | undefined,
    unsafe: "auto" | "warn" | "error",
  ) => {
    const problems = await attribute(["DROP TABLE old, other;"]);
    const { findings } = judgeProblems("shop", problems, { unsafe, rows: 100, counts });
    return findings.map(({ severity, message }) => `${severity}${message.slice(message.indexOf(";"))}`);
  };

  test.each([
    [{ old: 0, other: 0 }, 'warning; "old" is empty'],
    [{ old: 1, other: 100 }, 'warning; "other" has about 100 rows'],
    [{ old: 101, other: 7 }, 'error; "old" has more than 100 rows'],
    [{ old: 1, other: 5_000.4 }, 'error; "other" has about 5000 rows'],
    [{ old: 1, other: undefined }, 'error; nobody could tell how many rows "other" has'],
  ])("by the largest table: %j", async (counts, found) => {
    expect(await severities(new Map(Object.entries(counts)), "auto")).toEqual([found]);
  });

  test("as wanted, whatever the size", async () => {
    expect(await severities(new Map([["old", 5_000]]), "warn")).toEqual([expect.stringMatching(/^warning/)]);
    expect(await severities(new Map([["old", 0]]), "error")).toEqual([expect.stringMatching(/^error/)]);
  });

  test("a warning where nobody asks", async () => {
    expect(await severities(undefined, "auto")).toEqual([expect.stringMatching(/^warning/)]);
  });
});

describe("comments of Squawk's own", () => {
  const judged = async (sql: string) => {
    const verdict = judgeProblems("shop", await attribute([sql]), {
      unsafe: "warn",
      rows: 100,
      counts: undefined,
    });
    return {
      findings: verdict.findings.map(({ line, rule }) => `${line} ${rule}`),
      ignored: verdict.ignored?.map(
        ({ line, rule, passed, reason }) => `${line} ${rule} ${passed} ${reason}`,
      ),
    };
  };

  test.each([
    [
      "for a statement",
      "-- squawk-ignore ban-drop-table\nDROP TABLE old;\nDROP TABLE other;",
      ["3 ban-drop-table"],
      ["1 ban-drop-table 1 squawk-ignore"],
    ],
    [
      "behind it",
      "SELECT 1;\nDROP TABLE old; -- squawk-ignore ban-drop-table",
      [],
      ["2 ban-drop-table 1 squawk-ignore"],
    ],
    [
      "in a block",
      "/* squawk-ignore ban-drop-table */\nDROP TABLE old;",
      [],
      ["1 ban-drop-table 1 squawk-ignore"],
    ],
    [
      "for the file, below what it lets pass",
      "DROP TABLE old;\nDROP TABLE other;\n-- squawk-ignore-file ban-drop-table",
      [],
      ["3 ban-drop-table 2 squawk-ignore"],
    ],
    [
      "for all rules",
      "-- squawk-ignore-file\nDROP TABLE old;\nALTER TABLE other DROP COLUMN a;",
      [],
      ["1 ban-drop-table 1 squawk-ignore", "1 ban-drop-column 1 squawk-ignore"],
    ],
    [
      "for several rules",
      "ALTER TABLE old\n-- squawk-ignore ban-drop-column, renaming-column\nDROP COLUMN a,\nDROP COLUMN b;",
      ["4 ban-drop-column"],
      ["2 ban-drop-column 1 squawk-ignore"],
    ],
    [
      "that Squawk does not take",
      "-- squawk-ignore ban-drop-table because\nDROP TABLE old;",
      ["2 ban-drop-table"],
      [],
    ],
    ["in a string", "SELECT '-- squawk-ignore ban-drop-table';\nDROP TABLE old;", ["2 ban-drop-table"], []],
    ["about a new table", "CREATE TABLE n ();\n-- squawk-ignore ban-drop-table\nDROP TABLE n;", [], []],
  ])("%s", async (_, sql, findings, ignored) => {
    expect(await judged(sql)).toEqual({ findings, ignored });
  });
});
