import { isProven } from "../../core/downFile.ts";
import type { UndoView } from "../../core/downgradeView.ts";
import { describeLosses } from "../../core/downNotes.ts";
import { type Drop, findDrops } from "../../core/drops.ts";
import { type Failure, failureOf, SchemataError } from "../../core/errors.ts";
import type { ParsedStatement } from "../../core/parse.ts";
import type { PendingScript, ServiceFacts } from "../../core/plan.ts";
import type { Service } from "../../core/service.ts";
import { parseSql } from "../parser.ts";
import { readScriptPlan } from "../script.ts";
import { requireReturn } from "../transfer/halves.ts";
import { findDown, readScript } from "../workspace.ts";

/** A down script with what is to be known of it before it runs. */
export interface UndoStep {
  script: PendingScript;
  view: UndoView;
  /** By the names that things have before the first script of the downgrade runs. */
  drops: Drop[];
}

/** Reads the down scripts of the migrations named, in that order, or says which are missing or cannot run. */
export async function readUndoSteps(
  { service, migrations, ledger }: ServiceFacts,
  names: readonly string[],
): Promise<{ steps: UndoStep[] } | { problem: Failure }> {
  const byName = new Map(migrations.map((migration) => [migration.name, migration]));
  const found = names
    .flatMap((name) => byName.get(name) ?? [])
    .map((up) => ({ up, down: findDown(service, up) }));
  const without = found.filter(({ down }) => !down).map(({ up }) => up.name);
  if (without.length > 0) return { problem: missingDown(service, without) };
  const live = ledger.filter(({ rolledBackAt }) => rolledBackAt === null);
  const steps: UndoStep[] = [];
  const statements: ParsedStatement[] = [];
  try {
    for (const { up, down } of found) {
      if (!down) continue;
      const undoes = live.filter(({ name }) => name === up.name).length;
      const { sql, plan } = await readScriptPlan(service, down);
      const parsed = await parseSql(sql);
      const known = findDrops(statements).length;
      statements.push(...(parsed.ok ? parsed.statements : []));
      const drops = findDrops(statements).slice(known);
      const moves = requireReturn(service, { up, down, sql });
      const script = { migration: down, mode: plan.mode, size: sql.length, dependsOn: [], undoes, ...moves };
      const proven = isProven(readScript(service, down), readScript(service, up));
      const view = { migration: up.name, mode: plan.mode, proven, losses: describeLosses(sql, drops) };
      steps.push({ script, view, drops });
    }
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    return { problem: failureOf(error) };
  }
  return { steps };
}

function missingDown(service: Service, names: readonly string[]): Failure {
  const [first] = names;
  return {
    fact: `${service.name}: ${names.join(", ")} ${names.length === 1 ? "has" : "have"} no down.sql`,
    why: "make revision writes it for new migrations; for these nothing says how they are undone",
    fix: `write services/${service.name}/migrations/${first}/down.sql by hand, or restore a backup`,
  };
}
