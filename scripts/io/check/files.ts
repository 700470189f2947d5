import { readFileSync } from "node:fs";
import { type CheckFinding, findFailure } from "../../core/check/finding.ts";
import { judgeReversal, type ScriptPair } from "../../core/check/reversal.ts";
import { parseDependsOn } from "../../core/dependsOn.ts";
import { SchemataError } from "../../core/errors.ts";
import type { Exception } from "../../core/guard/finding.ts";
import type { Migration } from "../../core/history.ts";
import type { Service } from "../../core/service.ts";
import { guardMigrations } from "../guard.ts";
import { findDown, readMigrations, readScript } from "../workspace.ts";

/** A service whose files can be read. */
export interface ReadService {
  service: Service;
  migrations: Migration[];
  /** Services that its migrations name as theirs to wait for. */
  dependsOn: Set<string>;
  /** Reversals without a proof, oldest first. */
  unproven: (ScriptPair & { index: number })[];
}

/** What the files alone tell. */
export interface FileCheck {
  read: ReadService[];
  findings: CheckFinding[];
  exceptions: Exception[];
}

/** Reads the files of some services: schema files, what they repeat of each other, the guard's findings, proofs of reversals. */
export async function checkFiles(chosen: readonly Service[], all: readonly Service[]): Promise<FileCheck> {
  const findings: CheckFinding[] = [];
  const read: ReadService[] = [];
  for (const service of chosen) {
    const found = readService(service);
    if ("problem" in found) findings.push(found.problem);
    else read.push(found);
  }
  for (const one of read) findings.push(...readReversals(one));
  const depending = read.flatMap(({ service }) => (service.schemas.length > 1 ? [service] : []));
  if (depending.length > 0) {
    const { findStaleModels } = await import("../dependency/stale.ts");
    findings.push(...findStaleModels(depending, all));
  }
  const report = await guardMigrations(read, all);
  findings.push(...report.findings.map((finding) => ({ ...finding, part: "guard" as const })));
  return { read, findings, exceptions: report.exceptions };
}

function readService(service: Service): ReadService | { problem: CheckFinding } {
  const place = { service: service.name, part: "schema-file" as const, file: service.schemaFile };
  if (service.problem) return { problem: findFailure(service.problem, { ...place, rule: "schema-file" }) };
  try {
    return { service, migrations: readMigrations(service), dependsOn: new Set(), unproven: [] };
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    const { message: fact, why, fix, details } = error;
    return { problem: findFailure({ fact, why, fix, details }, { ...place, rule: "unreadable" }) };
  }
}

/** A service that is not checked but may be depended on; nothing where its files cannot be read. */
export function readOther(service: Service): ReadService[] {
  const found = readService(service);
  if ("problem" in found) return [];
  for (const migration of found.migrations) {
    for (const other of parseDependsOn(readScript(service, migration))) found.dependsOn.add(other.service);
  }
  return [found];
}

function readReversals({ service, migrations, dependsOn, unproven }: ReadService): CheckFinding[] {
  return migrations.flatMap((migration, index) => {
    const up = readScript(service, migration);
    for (const dependency of parseDependsOn(up)) dependsOn.add(dependency.service);
    const file = findDown(service, migration)?.file;
    const down = file === undefined ? undefined : readFileSync(file, "utf8");
    const pair = { service: service.name, migration: migration.name, up, down };
    const verdict = judgeReversal(pair);
    if (verdict === "unproven") unproven.push({ ...pair, index });
    return typeof verdict === "string" ? [] : [verdict];
  });
}
