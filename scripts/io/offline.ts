import { parseDownTarget, planDowngrade, selectApplied } from "../core/downgrade.ts";
import { EXIT, SchemataError } from "../core/errors.ts";
import type { LedgerRow } from "../core/history.ts";
import { LEDGER_COLUMNS } from "../core/ledger.ts";
import type { ServiceFacts, ServicePlan } from "../core/plan.ts";
import { type Range, resolveRange } from "../core/range.ts";
import type { Service } from "../core/service.ts";
import { readUndoSteps } from "./downgrade/scripts.ts";
import { planEach } from "./upgrade/planRun.ts";
import { addRights } from "./upgrade/rights.ts";
import { readMigrations } from "./workspace.ts";

/**
 * Plans from files alone, as if exactly the migrations up to the range's first point were applied: up to its second,
 * or down where that is older.
 */
export async function planOffline(
  service: Service,
  { range, asOwner, services }: { range: Range; asOwner: boolean; services: readonly Service[] },
): Promise<ServicePlan> {
  const migrations = readMigrations(service);
  const names = migrations.map(({ name }) => name);
  const found = resolveRange(range, { service: service.name, names, current: undefined });
  if ("problem" in found) throw new SchemataError(found.problem);
  const { from, to } = found;
  if (from === to) throw new SchemataError(emptyRange(service, range));
  const begun = from >= 0;
  const facts: ServiceFacts = {
    service,
    migrations,
    ledger: migrations.slice(0, from + 1).map(appliedRow),
    schemaExists: begun,
    ledgerColumns: begun ? LEDGER_COLUMNS : undefined,
    occupied: false,
    owner: asOwner ? "ready" : "absent",
  };
  const target = names[to];
  const plan = to > from ? await planUp(facts, target) : await planDown(facts, target);
  if (plan.refusal) throw new SchemataError(plan.refusal);
  const [complete = plan] = await addRights([plan], { services });
  return complete;
}

async function planUp(facts: ServiceFacts, target: string | undefined): Promise<ServicePlan> {
  const [plan] = await planEach([facts], target === undefined ? "head" : { migration: target });
  if (!plan) throw new Error("one service, one plan");
  return plan;
}

async function planDown(facts: ServiceFacts, target: string | undefined): Promise<ServicePlan> {
  const selection = selectApplied(facts, parseDownTarget(target ?? "base"));
  if ("refusal" in selection) throw new SchemataError(selection.refusal);
  const read = await readUndoSteps(facts, selection.selected);
  if ("problem" in read) throw new SchemataError(read.problem);
  return planDowngrade(facts, selection, { scripts: read.steps.map(({ script }) => script), warnings: [] });
}

function appliedRow({ name, checksum }: { name: string; checksum: string }): LedgerRow {
  return { name, checksum, startedAt: 0, finishedAt: 0, rolledBackAt: null, steps: 1, logs: null };
}

function emptyRange({ name }: Service, { from, to }: Range) {
  return {
    fact: `${name}: nothing lies between ${from} and ${to}`,
    why: "the first point is what is applied already, the second what is to be reached",
    fix: `schemata heads --app ${name}, schemata sql --app ${name} -r base:head`,
    status: EXIT.usage,
  };
}
