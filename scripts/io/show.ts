import { parseDependsOn } from "../core/dependsOn.ts";
import { isProven } from "../core/downFile.ts";
import { EXIT, type Failure, fail, SchemataError } from "../core/errors.ts";
import { compareHistory } from "../core/history.ts";
import { listHistory } from "../core/historyView.ts";
import { locate } from "../core/locate.ts";
import type { ServiceFacts } from "../core/plan.ts";
import { resolvePoint } from "../core/range.ts";
import type { Service } from "../core/service.ts";
import { type ShowView, showRow } from "../core/showView.ts";
import { nameStatement } from "../core/statementName.ts";
import { parseSql } from "./parser.ts";
import { planScriptText, shownFile } from "./script.ts";
import { findDown, readMigrations, readScript } from "./workspace.ts";

/** Finds a migration by its name or part of it, on disk or in the ledger, and gathers what is known of it. */
export async function readShow(
  service: Service,
  text: string,
  facts: ServiceFacts | undefined,
): Promise<ShowView> {
  const migrations = facts?.migrations ?? readMigrations(service);
  const views = listHistory(migrations, facts?.ledger ?? []);
  const names = views.map(({ migration }) => migration);
  const current = facts && compareHistory(migrations, facts.ledger).current;
  const found = resolvePoint(text, { service: service.name, names, current });
  if ("problem" in found) return fail(found.problem);
  const name = names[found.index];
  if (name === undefined) return fail(noSuchMigration(service, text));
  const migration = migrations.find((one) => one.name === name);
  const down = migration && findDown(service, migration);
  const up = migration ? readScript(service, migration) : null;
  const downSql = down ? readScript(service, down) : null;
  return {
    service: service.name,
    migration: name,
    file: migration ? shownFile(service, migration) : null,
    down: down ? shownFile(service, down) : null,
    checksum: migration?.checksum ?? null,
    state: facts ? (views.find((view) => view.migration === name)?.state ?? null) : null,
    ledger: (facts?.ledger ?? []).filter((row) => row.name === name).map(showRow),
    dependsOn: up === null ? [] : parseDependsOn(up),
    ...(up === null
      ? { mode: null, statements: [] }
      : await readStatements(up, { service: service.name, shown: `${name}/migration.sql` })),
    proven: up !== null && downSql !== null && isProven(downSql, up),
    up,
    downSql,
  };
}

function noSuchMigration(service: Service, text: string): Failure {
  return {
    fact: `${service.name}: "${text}" is before the first migration`,
    fix: `make history app=${service.name}`,
    status: EXIT.usage,
  };
}

async function readStatements(
  sql: string,
  place: { service: string; shown: string },
): Promise<Pick<ShowView, "mode" | "statements">> {
  const parsed = await parseSql(sql);
  const statements = parsed.ok ? parsed.statements : [];
  return {
    mode: await planMode(sql, place),
    statements: statements.map((statement) => ({
      line: locate(sql, statement.start).line,
      kind: nameStatement(sql.slice(statement.start, statement.end)),
    })),
  };
}

/** A script that would be refused has no mode. */
async function planMode(sql: string, place: { service: string; shown: string }): Promise<ShowView["mode"]> {
  try {
    return (await planScriptText(sql, place)).mode;
  } catch (error) {
    if (error instanceof SchemataError) return null;
    throw error;
  }
}
