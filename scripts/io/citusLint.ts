import { type CitusRefusal, findCitusRefusals } from "../core/citus/refusals.ts";
import { CITUS_RULE } from "../core/citus/rule.ts";
import { parseExceptions } from "../core/guard/exceptions.ts";
import type { Finding } from "../core/guard/finding.ts";
import { readScript as takeApart } from "../core/guard/read.ts";
import type { Migration } from "../core/history.ts";
import { locate } from "../core/locate.ts";
import type { Service } from "../core/service.ts";
import type { UnsafeVerdict } from "../core/unsafe/judge.ts";
import { shownFile } from "./script.ts";
import { readMigrations, readScript } from "./workspace.ts";

/** Words of the statements that Citus may refuse; without any of them there is nothing to read. */
const SUSPECT =
  /\b(?:references|trigger|inherits?|constraint|serial[248]?|bigserial|smallserial|identity|do)\b/i;

/** What Citus would refuse of some migrations, as findings of one rule, and what their exceptions from it let pass. */
export async function lintForCitus(
  service: Service,
  { migrations, all }: { migrations: readonly Migration[]; all: readonly Service[] },
): Promise<UnsafeVerdict> {
  const others = all.filter((one) => one.name !== service.name && !one.problem).map(({ schema }) => schema);
  const verdict: UnsafeVerdict = { findings: [], passed: [] };
  for (const migration of migrations) {
    const sql = readScript(service, migration);
    if (!SUSPECT.test(sql)) continue;
    const { loadSqlParser } = await import("./parser.ts");
    const context = { parser: await loadSqlParser(), ownSchema: service.schema, otherSchemas: others };
    const refusals = findCitusRefusals(takeApart(sql, context).units, others);
    const file = shownFile(service, migration);
    if (parseExceptions(sql, [CITUS_RULE]).exceptions.length > 0)
      verdict.passed.push(...refusals.map(() => ({ file, rule: CITUS_RULE })));
    else
      verdict.findings.push(
        ...refusals.map((refusal) => ({ service: service.name, file, ...describe(sql, refusal) })),
      );
  }
  return verdict;
}

/** The same for all migrations of some services. */
export async function lintServicesForCitus(
  services: readonly Service[],
  all: readonly Service[],
): Promise<UnsafeVerdict> {
  const verdict: UnsafeVerdict = { findings: [], passed: [] };
  for (const service of services) {
    const { findings, passed } = await lintForCitus(service, { migrations: readMigrations(service), all });
    verdict.findings.push(...findings);
    verdict.passed.push(...passed);
  }
  return verdict;
}

function describe(
  sql: string,
  { offset, message, fix, severity }: CitusRefusal,
): Omit<Finding, "service" | "file"> {
  const what = severity === "error" ? `Citus refuses ${message}` : message;
  return { rule: CITUS_RULE, severity, ...locate(sql, offset), message: what, fix };
}
