import { UNSAFE_RULES } from "./rules.ts";

/** Where a rule objects to a script; both are JavaScript string indices. */
export interface UnsafeProblem {
  rule: string;
  start: number;
  end: number;
  /** A comment of Squawk's own lets it pass. */
  ignored?: true;
}

interface SquawkProblem {
  rule_name: string;
  line: number;
  column: number;
  line_end: number;
  column_end: number;
}

/** Takes Squawk's report on one script, in lines from 0 and UTF-8 bytes; what it says twice of one clause is kept once. */
export function placeProblems(sql: string, reported: readonly SquawkProblem[]): UnsafeProblem[] {
  const lines = lineStarts(sql);
  const indexOf = (line: number, column: number) => {
    const start = lines[line] ?? sql.length;
    const bytes = new TextEncoder().encode(sql.slice(start, lines[line + 1]));
    return start + new TextDecoder().decode(bytes.subarray(0, column)).length;
  };
  const problems = reported
    .filter(({ rule_name }) => Object.hasOwn(UNSAFE_RULES, rule_name))
    .map((one) => ({
      rule: one.rule_name,
      start: indexOf(one.line, one.column),
      end: indexOf(one.line_end, one.column_end),
    }));
  return problems.filter(
    (one) =>
      one.rule !== "constraint-missing-not-valid" ||
      !problems.some((other) => other !== one && other.start >= one.start && other.end <= one.end),
  );
}

function lineStarts(sql: string): number[] {
  const starts = [0];
  for (let at = sql.indexOf("\n"); at >= 0; at = sql.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}
