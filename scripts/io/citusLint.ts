import { type CitusRefusal, findCitusRefusals } from "../core/citus/refusals.ts";
import type { Finding } from "../core/guard/finding.ts";
import { readScript as takeApart } from "../core/guard/read.ts";
import type { Migration } from "../core/history.ts";
import { locate } from "../core/locate.ts";
import type { Service } from "../core/service.ts";
import { shownFile } from "./script.ts";
import { readMigrations, readScript } from "./workspace.ts";

/** Words of the statements that Citus may refuse; without any of them there is nothing to read. */
const SUSPECT =
  /\b(?:references|trigger|inherits?|constraint|serial[248]?|bigserial|smallserial|identity|do)\b/i;

/** What Citus would refuse of some migrations, as findings of the rule `citus`. */
export async function lintForCitus(
  service: Service,
  { migrations, all }: { migrations: readonly Migration[]; all: readonly Service[] },
): Promise<Finding[]> {
  const others = all.filter((one) => one.name !== service.name && !one.problem).map(({ schema }) => schema);
  const findings: Finding[] = [];
  for (const migration of migrations) {
    const sql = readScript(service, migration);
    if (!SUSPECT.test(sql)) continue;
    const { loadSqlParser } = await import("./parser.ts");
    const context = { parser: await loadSqlParser(), ownSchema: service.schema, otherSchemas: others };
    const refusals = findCitusRefusals(takeApart(sql, context).units, others);
    const place = { service: service.name, file: shownFile(service, migration) };
    findings.push(...refusals.map((refusal) => ({ ...place, ...describe(sql, refusal) })));
  }
  return findings;
}

/** The same for all migrations of some services. */
export async function lintServicesForCitus(
  services: readonly Service[],
  all: readonly Service[],
): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const service of services)
    found.push(...(await lintForCitus(service, { migrations: readMigrations(service), all })));
  return found;
}

function describe(
  sql: string,
  { offset, message, fix, severity }: CitusRefusal,
): Omit<Finding, "service" | "file"> {
  const what = severity === "error" ? `Citus refuses ${message}` : message;
  return { rule: "citus", severity, ...locate(sql, offset), message: what, fix };
}
