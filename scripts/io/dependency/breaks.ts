import { type Breaks, findBreaks, type JudgedScript } from "../../core/dependency/breaks.ts";
import { findChanges, mayChangeSchema, type SchemaChange } from "../../core/dependency/changes.ts";
import { runningStatements } from "../../core/dependency/running.ts";
import { dependentsOf } from "../../core/dependents.ts";
import type { Dependent } from "../../core/drops.ts";
import type { Migration } from "../../core/history.ts";
import type { ServicePlan } from "../../core/plan.ts";
import type { Service } from "../../core/service.ts";
import type { Client } from "../postgres/connect.ts";
import { readDependents } from "../postgres/dependents.ts";
import { shownFile } from "../script.ts";
import { readScript } from "../workspace.ts";
import { readSources } from "./sources.ts";

/** What pending migrations break of services that depend on theirs; a plan of services without such costs nothing. */
export async function findPendingBreaks(
  plans: readonly Pick<ServicePlan, "service" | "pending">[],
  { services, client }: { services: readonly Service[]; client: Client },
): Promise<Breaks> {
  const all: Breaks = { findings: [], passed: [] };
  for (const { service, pending } of plans) {
    const migrations = pending.flatMap(({ migration, recognises }) => (recognises ? [] : [migration]));
    const dependents = () => readDependents(client, service.schema);
    const { findings, passed } = await findMigrationBreaks(migrations, { service, services, dependents });
    all.findings.push(...findings);
    all.passed.push(...passed);
  }
  return all;
}

/** The same of some migrations in their order. */
export function findMigrationBreaks(
  migrations: readonly Migration[],
  request: BreakRequest,
): Promise<Breaks> {
  const { service } = request;
  const scripts = migrations.map((migration) => ({
    file: shownFile(service, migration),
    sql: readScript(service, migration),
  }));
  return findScriptBreaks(scripts, request);
}

export interface BreakRequest {
  service: Service;
  /** All services of the workspace. */
  services: readonly Service[];
  /** What of other schemas stands on its tables in the database; asked only where something changes. */
  dependents(): Promise<readonly Dependent[]>;
}

/** The same of scripts that run one after the other. */
export async function findScriptBreaks(
  scripts: readonly JudgedScript[],
  { service, services, dependents }: BreakRequest,
): Promise<Breaks> {
  const changes = await readChanges(scripts, service);
  if (changes.length === 0) return { findings: [], passed: [] };
  const sources = readSources([service, ...dependentsOf(service, services)]);
  const owner = sources.find((one) => one.service.name === service.name);
  if (!owner) return { findings: [], passed: [] };
  return findBreaks(changes, scripts, { owner, sources, dependents: await dependents() });
}

async function readChanges(scripts: readonly JudgedScript[], { schema }: Service): Promise<SchemaChange[]> {
  if (!scripts.some(({ sql }) => mayChangeSchema(sql))) return [];
  const { loadSqlParser } = await import("../parser.ts");
  const parser = await loadSqlParser();
  const parsed = scripts.map(({ sql }) => {
    const script = parser.parseSql(sql);
    // What the parser rejects, the server will not run either.
    return script.ok ? runningStatements(sql, script.statements, { parser, own: schema }) : [];
  });
  return findChanges(parsed, schema);
}
