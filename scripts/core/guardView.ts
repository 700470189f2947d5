import type { Exception, Finding } from "./guard/finding.ts";
import { renderCount } from "./table.ts";

/** What the guard found in a workspace. */
export interface GuardReport {
  migrations: number;
  findings: Finding[];
  exceptions: Exception[];
}

/** The report for people: each finding as file:line:column, what, and how to mend it; then the exceptions. */
export function renderGuardReport({ migrations, findings, exceptions }: GuardReport): string {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const counts = [renderCount(errors, "error"), renderCount(findings.length - errors, "warning")].join(", ");
  const summary = `${renderCount(migrations, "migration")}: ${findings.length === 0 ? "no findings" : counts}`;
  const allowed = exceptions.length === 0 ? [] : ["Allowed:", ...exceptions.map(renderException), ""];
  return [...findings.map(renderFinding), ...allowed, summary].join("\n");
}

function renderFinding({ service, file, line, column, severity, rule, message, fix }: Finding): string {
  return `${file}:${line}:${column} ${severity} ${rule}\n  ${service}: ${message}\n  Fix: ${fix}\n`;
}

function renderException({ file, line, rule, reason, passed }: Exception): string {
  return `  ${file}:${line} ${rule} (${passed}): ${reason}`;
}
