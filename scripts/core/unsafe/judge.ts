import { parseExceptions } from "../guard/exceptions.ts";
import type { Exception, Finding, Severity } from "../guard/finding.ts";
import { locate } from "../locate.ts";
import type { ParsedStatement } from "../parse.ts";
import { renderCount } from "../table.ts";
import { findIgnore } from "./ignores.ts";
import type { UnsafeOptions } from "./options.ts";
import type { UnsafeProblem } from "./problem.ts";
import { UNSAFE_RULES } from "./rules.ts";
import { followTables, type PresentTables } from "./tables.ts";

/** One script of a service with where Squawk's rules object to it. */
export interface LintedScript {
  file: string;
  sql: string;
  statements: readonly ParsedStatement[];
  problems: readonly UnsafeProblem[];
}

/** A problem with the tables that it concerns, by the names that they have in the database now. */
export interface AttributedProblem extends UnsafeProblem {
  script: LintedScript;
  /** Empty where the statement is about no table. */
  tables: readonly string[];
}

/** Finds whom the problems of a service's scripts, in their order, concern; those on tables that they make are none. */
export function attributeProblems(
  scripts: readonly LintedScript[],
  schema: string,
  present: PresentTables | undefined,
): AttributedProblem[] {
  const names = followTables(schema, present);
  return scripts.flatMap((script) =>
    script.statements.flatMap(({ node, start, end }) => {
      const tables = names.concerned(node);
      names.follow(node);
      const aboutTable = !("AlterDomainStmt" in node);
      return script.problems
        .filter((problem) => problem.start >= start && problem.start <= end)
        .filter(() => tables.length > 0 || !aboutTable)
        .map((problem) => ({ ...problem, script, tables }));
    }),
  );
}

/** How many rows a table has: undefined where nobody could count them. */
export type RowCounts = ReadonlyMap<string, number | undefined>;

/** What came of the problems of a service, and how many of each script its exceptions let pass. */
export interface UnsafeVerdict {
  findings: Finding[];
  passed: { file: string; rule: string }[];
  /** Comments of Squawk's own, with what they let pass. */
  ignored?: Exception[];
}

/** Makes findings of problems. Without `counts` nobody knows how large the tables are, and all are warnings. */
export function judgeProblems(
  service: string,
  problems: readonly AttributedProblem[],
  { unsafe, rows, counts }: UnsafeOptions & { counts: RowCounts | undefined },
): UnsafeVerdict {
  const ignored: Exception[] = [];
  const verdict: UnsafeVerdict = { findings: [], passed: [], ignored };
  const names = Object.keys(UNSAFE_RULES);
  for (const problem of problems) {
    const { rule, start, script, tables } = problem;
    const { file, sql } = script;
    if (problem.ignored) {
      noteIgnored(ignored, { rule, service, file, line: findIgnore(sql, problem) });
      continue;
    }
    if (parseExceptions(sql, names).exceptions.some((exception) => exception.rule === rule)) {
      verdict.passed.push({ file, rule });
      continue;
    }
    const { message, fix } = UNSAFE_RULES[rule] ?? { message: rule, fix: "" };
    const largest = findLargest(tables, counts);
    const severity = unsafe === "auto" ? severityOf(largest, rows) : unsafe === "error" ? "error" : "warning";
    const size = largest === undefined ? "" : `; ${describeSize(largest, rows)}`;
    const place = locate(sql, start);
    verdict.findings.push({ rule, severity, service, file, ...place, message: `${message}${size}`, fix });
  }
  return verdict;
}

/** Squawk's comments give no reason. */
function noteIgnored(ignored: Exception[], place: Omit<Exception, "reason" | "passed">): void {
  const same = ignored.find(
    ({ rule, file, line }) => rule === place.rule && file === place.file && line === place.line,
  );
  if (same) same.passed += 1;
  else ignored.push({ ...place, reason: "squawk-ignore", passed: 1 });
}

interface Size {
  table: string;
  rows: number | undefined;
}

function findLargest(tables: readonly string[], counts: RowCounts | undefined): Size | undefined {
  if (!counts) return undefined;
  const sizes = tables.map((table) => ({ table, rows: counts.get(table) }));
  return sizes.sort((a, b) => (b.rows ?? Number.POSITIVE_INFINITY) - (a.rows ?? Number.POSITIVE_INFINITY))[0];
}

function severityOf(largest: Size | undefined, rows: number): Severity {
  if (!largest) return "warning";
  return largest.rows === undefined || largest.rows > rows ? "error" : "warning";
}

function describeSize({ table, rows }: Size, limit: number): string {
  if (rows === undefined) return `nobody could tell how many rows "${table}" has`;
  if (rows === 0) return `"${table}" is empty`;
  // Where they are counted, counting ends there.
  if (rows === limit + 1) return `"${table}" has more than ${renderCount(limit, "row")}`;
  return `"${table}" has about ${renderCount(Math.round(rows), "row")}`;
}
