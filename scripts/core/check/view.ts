import type { Exception } from "../guard/finding.ts";
import { renderCount } from "../table.ts";
import type { CheckFinding, LeftOut } from "./finding.ts";

/** All that a check has found, and what it did not look at. */
export interface CheckReport {
  services: number;
  migrations: number;
  /** In the order of services, then of files. */
  findings: CheckFinding[];
  /** Rules of the guard that migrations declare not to be meant for them. */
  exceptions: Exception[];
  leftOut: LeftOut[];
}

/** The report for people: each finding as file:line:column, what, and how to mend it; then what was left out. */
export function renderCheck(report: CheckReport): string {
  const { services, migrations, findings, exceptions, leftOut } = report;
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const counts = [renderCount(errors, "error"), renderCount(findings.length - errors, "warning")].join(", ");
  const blocks = [
    ...findings.map(renderFinding),
    ...(exceptions.length === 0 ? [] : [["Allowed:", ...exceptions.map(renderException)].join("\n")]),
    ...(leftOut.length === 0 ? [] : [["Left out:", ...leftOut.map(renderLeftOut)].join("\n")]),
    `${renderCount(services, "service")}, ${renderCount(migrations, "migration")}: ${findings.length === 0 ? "no findings" : counts}`,
  ];
  return blocks.join("\n\n");
}

function renderFinding({ service, file, line, column, severity, rule, message, fix }: CheckFinding): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  return `${place} ${severity} ${rule}\n  ${service}: ${indent(message, 4)}\n  Fix: ${indent(fix, 7)}`;
}

function indent(text: string, columns: number): string {
  return text.trimEnd().replaceAll("\n", `\n${" ".repeat(columns)}`);
}

function renderException({ file, line, rule, reason, passed }: Exception): string {
  return `  ${file}:${line} ${rule} (${passed}): ${reason}`;
}

function renderLeftOut({ service, parts, why, fix }: LeftOut): string {
  const what = `${service === undefined ? "" : `${service}: `}${parts.join(", ")}`;
  return `  ${what}: ${indent(why, 4)}${fix === undefined ? "" : `\n    Fix: ${indent(fix, 9)}`}`;
}

/** Workflow commands of GitHub Actions, a line each, which it shows beside the files of a pull request. */
export function renderAnnotations({ findings, leftOut }: CheckReport): string {
  return [
    ...findings.map(({ service, file, line, column, severity, rule, message, fix }) =>
      renderAnnotation(
        severity,
        { file, line: line ?? 1, ...(column !== undefined && { col: column }), title: `${service}: ${rule}` },
        `${message}\nFix: ${fix}`,
      ),
    ),
    ...leftOut.map(({ service, parts, why, fix }) =>
      renderAnnotation(
        "notice",
        { title: `${service === undefined ? "" : `${service}: `}not checked: ${parts.join(", ")}` },
        fix === undefined ? why : `${why}\nFix: ${fix}`,
      ),
    ),
  ].join("\n");
}

function renderAnnotation(
  level: string,
  properties: Record<string, string | number>,
  message: string,
): string {
  const list = Object.entries(properties).map(([name, value]) => `${name}=${escapeProperty(String(value))}`);
  return `::${level} ${list.join(",")}::${escapeMessage(message)}`;
}

/** As the runner undoes it: percent signs first. */
function escapeMessage(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeMessage(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
