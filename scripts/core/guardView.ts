import { renderError } from "./errors.ts";
import type { Exception, Finding } from "./guard/finding.ts";
import { renderCount } from "./table.ts";

/** What the guard found in a workspace. */
export interface GuardReport {
  migrations: number;
  findings: Finding[];
  exceptions: Exception[];
}

/** The report on nothing. */
export const NOTHING_FOUND: GuardReport = { migrations: 0, findings: [], exceptions: [] };

/** The report for people: each finding as file:line:column, what, and how to mend it; then the exceptions. */
export function renderGuardReport({ migrations, findings, exceptions }: GuardReport): string {
  const counts = findings.length === 0 ? "no findings" : countFindings(findings);
  const summary = `${renderCount(migrations, "migration")}: ${counts}`;
  const allowed = exceptions.length === 0 ? [] : ["Allowed:", ...exceptions.map(renderException), ""];
  return [...findings.map(renderFinding), ...allowed, summary].join("\n");
}

/** What is to be read before pending migrations are applied; nothing where there is nothing to say. */
export function renderPendingReport({ findings, exceptions }: GuardReport): string | undefined {
  if (findings.length === 0 && exceptions.length === 0) return undefined;
  const allowed = exceptions.length === 0 ? [] : ["Allowed:", ...exceptions.map(renderException)];
  const counts = findings.length === 0 ? [] : [`Found in pending migrations: ${countFindings(findings)}`];
  return [...counts, ...findings.map((finding) => renderFinding(finding).trimEnd()), ...allowed].join("\n");
}

function countFindings(findings: readonly Finding[]): string {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  return [renderCount(errors, "error"), renderCount(findings.length - errors, "warning")].join(", ");
}

/** That nobody could lint, for people. */
export function renderUnlooked({ fact, fix }: { fact: string; fix: string }): string {
  return `Warning: ${renderError({ message: fact, why: undefined, fix })}`;
}

/** The same for machines, as a part of a larger answer. */
export function describeFindings({ findings, exceptions }: GuardReport): Omit<GuardReport, "migrations"> {
  return { findings, exceptions };
}

function renderFinding({ service, file, line, column, severity, rule, message, fix }: Finding): string {
  return `${file}:${line}:${column} ${severity} ${rule}\n  ${service}: ${message}\n  Fix: ${fix}\n`;
}

function renderException({ file, line, rule, reason, passed }: Exception): string {
  return `  ${file}:${line} ${rule} (${passed}): ${reason}`;
}
