import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseExternals } from "../core/externals.ts";
import type { Ownership } from "../core/guard/finding.ts";
import { guardScript } from "../core/guard/guard.ts";
import { mayHaveFindings } from "../core/guard/prefilter.ts";
import type { GuardReport } from "../core/guardView.ts";
import type { Migration } from "../core/history.ts";
import type { SqlParser } from "../core/parse.ts";
import { parseExtensions } from "../core/schemaFile.ts";
import { requireSound, type Service } from "../core/service.ts";
import { shownFile } from "./script.ts";
import { PATHS, readMigrations, readScript } from "./workspace.ts";

/** One service's migrations to be judged. */
export interface GuardedService {
  service: Service;
  migrations: readonly Pick<Migration, "name" | "file">[];
}

/** Guards all migrations of some services; `all` are the workspace's, which decides whose names are foreign. */
export async function guardServices(
  services: readonly Service[],
  all: readonly Service[],
): Promise<GuardReport> {
  const guarded = services.map((service) => ({
    service: requireSound(service),
    migrations: readMigrations(service),
  }));
  return guardMigrations(guarded, all);
}

/** Guards given migrations; PostgreSQL's parser is loaded only if some script holds what it has to judge. */
export async function guardMigrations(
  guarded: readonly GuardedService[],
  all: readonly Service[],
): Promise<GuardReport> {
  const repeated = all.map((service) => ({ service, ...readSchemaFile(service) }));
  const report: GuardReport = { migrations: 0, findings: [], exceptions: [] };
  let parser: SqlParser | undefined;
  for (const { service, migrations } of guarded) {
    const ownership = ownershipOf(service, repeated);
    for (const migration of migrations) {
      report.migrations++;
      const sql = readScript(service, migration);
      if (!mayHaveFindings(sql)) continue;
      parser ??= await (await import("./parser.ts")).loadSqlParser();
      const file = shownFile(service, migration);
      const { findings, exceptions } = guardScript({ file, sql }, ownership, parser);
      report.findings.push(...findings);
      report.exceptions.push(...exceptions);
    }
  }
  return report;
}

/** What a service's schema file says beyond its own tables; tables as `schema.table`. */
interface Repeated {
  service: Service;
  tables: readonly string[];
  extensions: readonly string[];
}

function readSchemaFile(service: Service): Omit<Repeated, "service"> {
  if (service.problem) return { tables: [], extensions: [] };
  const text = readFileSync(join(service.dir, PATHS.schemaFile), "utf8");
  return { tables: parseExternals(text, service.schema).tables, extensions: parseExtensions(text) };
}

function ownershipOf(service: Service, all: readonly Repeated[]): Ownership {
  const own = all.find((other) => other.service.name === service.name);
  const references = new Map<string, Set<string>>();
  for (const table of own?.tables ?? []) {
    const dot = table.indexOf(".");
    const schema = table.slice(0, dot);
    references.set(schema, (references.get(schema) ?? new Set()).add(table.slice(dot + 1)));
  }
  const others = all.filter((other) => other !== own);
  const repeats = ({ tables }: Repeated) => tables.some((table) => table.startsWith(`${service.schema}.`));
  return {
    service: service.name,
    schema: service.schema,
    references,
    otherSchemas: others.map((other) => other.service.schema),
    extensions: own?.extensions ?? [],
    dependents: others.filter(repeats).map((other) => other.service.name),
  };
}
