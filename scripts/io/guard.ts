import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseExternals } from "../core/externals.ts";
import type { Ownership } from "../core/guard/finding.ts";
import { type GuardedScript, guardScript } from "../core/guard/guard.ts";
import { mayHaveFindings } from "../core/guard/prefilter.ts";
import type { GuardReport } from "../core/guardView.ts";
import type { Migration } from "../core/history.ts";
import type { SqlParser } from "../core/parse.ts";
import { parseExtensions } from "../core/schemaFile.ts";
import { requireSound, type Service } from "../core/service.ts";
import type { UnsafeOptions } from "../core/unsafe/options.ts";
import { mergeVerdict } from "../core/unsafe/report.ts";
import { shownFile } from "./script.ts";
import type { Lint, LintedDatabase, LintedService } from "./unsafe.ts";
import { PATHS, readMigrations, readScript } from "./workspace.ts";

/** One service's migrations to be judged. */
export interface GuardedService {
  service: Service;
  migrations: readonly Pick<Migration, "name" | "file">[];
}

/** A report, and why it may not be whole. */
export interface JudgedReport {
  report: GuardReport;
  problem?: NonNullable<Lint["problem"]>;
}

/** One service's scripts to be judged; `file` is what findings show. */
export interface GuardedScripts {
  service: Service;
  scripts: readonly GuardedScript[];
}

/**
 * Guards all migrations of some services; `all` are the workspace's, which decides whose names are foreign. Unsafe DDL
 * is looked for where that is wanted, in each migration as if all tables of earlier ones were in use.
 */
export async function guardServices(
  services: readonly Service[],
  all: readonly Service[],
  options: UnsafeOptions,
): Promise<JudgedReport> {
  const guarded = services.map((service) =>
    readScripts({ service: requireSound(service), migrations: readMigrations(service) }),
  );
  const report = await guardScripts(guarded, all);
  if (options.unsafe === "off") return { report };
  const each = guarded.flatMap(({ service, scripts }) =>
    scripts.map((script) => ({ service, scripts: [script] })),
  );
  return addUnsafe(report, each, options);
}

/** A report with what linting finds in some services' scripts. */
export async function addUnsafe(
  report: GuardReport,
  services: readonly LintedService[],
  options: UnsafeOptions,
  database?: LintedDatabase,
): Promise<JudgedReport> {
  const { lintServices } = await import("./unsafe.ts");
  const { problem, ...verdict } = await lintServices(services, options, database);
  return { report: mergeVerdict(report, verdict), ...(problem !== undefined && { problem }) };
}

/** Guards given migrations of some services. */
export function guardMigrations(
  guarded: readonly GuardedService[],
  all: readonly Service[],
): Promise<GuardReport> {
  return guardScripts(guarded.map(readScripts), all);
}

/** The text of some migrations. */
export function readScripts({ service, migrations }: GuardedService): GuardedScripts {
  const scripts = migrations.map((migration) => ({
    file: shownFile(service, migration),
    sql: readScript(service, migration),
  }));
  return { service, scripts };
}

/** Guards given scripts; schema files are read and PostgreSQL's parser is loaded only if one holds what it has to judge. */
export async function guardScripts(
  guarded: readonly GuardedScripts[],
  all: readonly Service[],
): Promise<GuardReport> {
  const report: GuardReport = { migrations: 0, findings: [], exceptions: [] };
  let repeated: Repeated[] | undefined;
  let parser: SqlParser | undefined;
  for (const { service, scripts } of guarded) {
    report.migrations += scripts.length;
    const suspects = scripts.filter(({ sql }) => mayHaveFindings(sql));
    if (suspects.length === 0) continue;
    repeated ??= all.map((one) => ({ service: one, ...readSchemaFile(one) }));
    parser ??= await (await import("./parser.ts")).loadSqlParser();
    const ownership = ownershipOf(service, repeated);
    for (const script of suspects) {
      const { findings, exceptions } = guardScript(script, ownership, parser);
      report.findings.push(...findings);
      report.exceptions.push(...exceptions);
    }
  }
  return report;
}

/** What a service's schema file says beyond its own tables; these and enums as `schema.name`. */
interface Repeated {
  service: Service;
  tables: readonly string[];
  enums: readonly string[];
  extensions: readonly string[];
}

function readSchemaFile(service: Service): Omit<Repeated, "service"> {
  if (service.problem) return { tables: [], enums: [], extensions: [] };
  const text = readFileSync(join(service.dir, PATHS.schemaFile), "utf8");
  return { ...parseExternals(text, service.schema), extensions: parseExtensions(text) };
}

function ownershipOf(service: Service, all: readonly Repeated[]): Ownership {
  const own = all.find((other) => other.service.name === service.name);
  const others = all.filter((other) => other !== own);
  const repeats = ({ tables }: Repeated) => tables.some((table) => table.startsWith(`${service.schema}.`));
  return {
    service: service.name,
    schema: service.schema,
    references: bySchema(own?.tables ?? []),
    types: bySchema(own?.enums ?? []),
    otherSchemas: others.map((other) => other.service.schema),
    extensions: own?.extensions ?? [],
    dependents: others.filter(repeats).map((other) => other.service.name),
  };
}

function bySchema(names: readonly string[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const name of names) {
    const dot = name.indexOf(".");
    const schema = name.slice(0, dot);
    found.set(schema, (found.get(schema) ?? new Set()).add(name.slice(dot + 1)));
  }
  return found;
}
