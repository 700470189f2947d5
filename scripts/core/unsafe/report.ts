import type { Exception } from "../guard/finding.ts";
import type { GuardReport } from "../guardView.ts";
import { byName } from "../history.ts";
import type { UnsafeVerdict } from "./judge.ts";

/** One report of both, in the order of files and places. */
export function mergeVerdict(
  report: GuardReport,
  { findings, passed, ignored = [] }: UnsafeVerdict,
): GuardReport {
  return {
    ...report,
    findings: [...report.findings, ...findings].sort(
      (a, b) => byName(a.file, b.file) || a.line - b.line || a.column - b.column,
    ),
    exceptions: [...countPassed(report.exceptions, passed), ...ignored],
  };
}

/** The exceptions with what linting saw them let pass. */
export function countPassed(exceptions: readonly Exception[], passed: UnsafeVerdict["passed"]): Exception[] {
  return exceptions.map((exception) => {
    const more = passed.filter(({ file, rule }) => file === exception.file && rule === exception.rule).length;
    return more === 0 ? exception : { ...exception, passed: exception.passed + more };
  });
}
