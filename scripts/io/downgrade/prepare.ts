import { type Dependency, parseDependsOn } from "../../core/dependsOn.ts";
import {
  type AppliedElsewhere,
  type DownTarget,
  planDowngrade,
  refuseDependents,
  selectApplied,
} from "../../core/downgrade.ts";
import type { UndoView } from "../../core/downgradeView.ts";
import { findBroken } from "../../core/drops.ts";
import type { Failure } from "../../core/errors.ts";
import { compareHistory } from "../../core/history.ts";
import type { ServiceFacts, ServicePlan } from "../../core/plan.ts";
import { renderRights } from "../../core/planView.ts";
import { namesOf, parseReplaces } from "../../core/replaces.ts";
import type { Service } from "../../core/service.ts";
import { lendRights } from "../../core/transfer/lend.ts";
import { type Client, closeConnection, connect, explainLoss } from "../postgres/connect.ts";
import { readDependents } from "../postgres/dependents.ts";
import { readTexts } from "../transfer/halves.ts";
import { gatherFacts, settleUnfinished } from "../upgrade/gather.ts";
import { addRights } from "../upgrade/rights.ts";
import { type PreparedUpgrade, readServer } from "../upgrade/upgrade.ts";
import { readScript } from "../workspace.ts";
import { readUndoSteps, type UndoStep } from "./scripts.ts";

/** What to undo, and where. */
export interface DowngradeRequest {
  url: string;
  /** All services of the workspace: those may depend on what is to be undone. */
  services: readonly Service[];
  service: Service;
  target: DownTarget;
  /** Milliseconds to wait for another runner that is in the middle of a migration; undefined: don't wait. */
  lockWait: number | undefined;
}

/** A downgrade that is decided: its plan goes the way of an upgrade's. */
export interface PreparedDowngrade extends PreparedUpgrade {
  plan: ServicePlan;
  undo: UndoView[];
  /** What will be current; null is base. */
  becomes: string | null;
}

/** Reads everything and decides everything, and touches nothing. The caller closes the connection or hands it on. */
export async function prepareDowngrade(request: DowngradeRequest): Promise<PreparedDowngrade> {
  const { url, service, services } = request;
  const client = await connect(url);
  try {
    const { server, citus } = await readServer(client, url);
    const [facts] = await settleUnfinished(client, await gatherFacts(client, [service]), request.lockWait);
    if (!facts) throw new Error(`nothing was read of ${service.name}`);
    const others = await gatherFacts(
      client,
      services.filter((other) => other !== service),
    );
    const { plan: decided, undo: steps } = await decide(client, { facts, others, target: request.target });
    const [plan = decided] = await addRights([decided], { services, client, dependsOn: onceNamed(facts) });
    const undo = plan.refusal ? [] : steps.map((view, index) => withRights(view, plan, index));
    const applied = plan.standing.applied;
    const becomes = applied[applied.length - plan.pending.length - 1] ?? null;
    const run = { plans: [plan], stateOf: () => "applied" as const };
    return { url, client, server, citus, facts: [facts], run, plan, undo, becomes };
  } catch (error) {
    await closeConnection(client);
    throw explainLoss(url, error);
  }
}

function withRights(view: UndoView, { service, pending }: ServicePlan, index: number): UndoView {
  const script = pending[index];
  const rights = script ? renderRights(script, service.schema) : [];
  return rights.length > 0 ? { ...view, rights } : view;
}

/** What is undone may bring back what an earlier migration had made against another service. */
function onceNamed({ service, migrations }: ServiceFacts): () => string[] {
  let names: string[] | undefined;
  return () => {
    names ??= migrations.flatMap((migration) =>
      parseDependsOn(readScript(service, migration)).map((one) => one.service),
    );
    return names;
  };
}

async function decide(
  client: Client,
  { facts, others, target }: { facts: ServiceFacts; others: readonly ServiceFacts[]; target: DownTarget },
): Promise<{ plan: ServicePlan; undo: UndoView[] }> {
  const { service } = facts;
  const selection = selectApplied(facts, target);
  const refused = (refusal: Failure) => ({
    plan: planDowngrade(facts, { standing: selection.standing, refusal }, { scripts: [], warnings: [] }),
    undo: [],
  });
  if ("refusal" in selection) return refused(selection.refusal);
  const { elsewhere, warnings } = readElsewhere(service, others);
  const needed = refuseDependents(service.name, withSquashed(facts, selection.selected), elsewhere);
  if (needed) return refused(needed);
  const read = await readUndoSteps(facts, selection.selected);
  if ("problem" in read) return refused(read.problem);
  const broken = await refuseBroken(client, { service, steps: read.steps, others });
  if (broken) return refused(broken);
  const scripts = read.steps.map(({ script }) => script);
  const plan = planDowngrade(facts, selection, { scripts, warnings });
  return {
    plan: lendRights(plan, (schema) => readTexts(schema, others)),
    undo: read.steps.map(({ view }) => view),
  };
}

/** Migrations and what they were squashed from, by which others may know them. */
function withSquashed({ service, migrations }: ServiceFacts, names: readonly string[]): string[] {
  const chosen = migrations.filter(({ name }) => names.includes(name));
  return [...names, ...chosen.flatMap((migration) => namesOf(parseReplaces(readScript(service, migration))))];
}

/** The applied migrations of other services that name this one's in depends-on lines. */
function readElsewhere(
  service: Service,
  others: readonly ServiceFacts[],
): { elsewhere: AppliedElsewhere[]; warnings: string[] } {
  const elsewhere: AppliedElsewhere[] = [];
  const warnings: string[] = [];
  for (const other of others) {
    const problem = other.service.problem ?? other.problem;
    const applied = new Set(compareHistory(other.migrations, other.ledger).applied);
    if (problem)
      warnings.push(
        `${other.service.name} could not be read, and may depend on ${service.name}: ${problem.fact}`,
      );
    for (const migration of other.migrations) {
      if (!applied.has(migration.name)) continue;
      const dependsOn = parseDependsOn(readScript(other.service, migration)).filter(
        (dependency: Dependency) => dependency.service === service.name,
      );
      if (dependsOn.length > 0)
        elsewhere.push({ service: other.service.name, migration: migration.name, dependsOn });
    }
  }
  return { elsewhere, warnings };
}

/** Refuses what would take away, or fail on, a foreign key or view of another schema. */
async function refuseBroken(
  client: Client,
  {
    service,
    steps,
    others,
  }: { service: Service; steps: readonly UndoStep[]; others: readonly ServiceFacts[] },
): Promise<Failure | undefined> {
  if (steps.every(({ drops }) => drops.length === 0)) return undefined;
  const dependents = await readDependents(client, service.schema);
  for (const { script, drops } of steps) {
    const broken = findBroken(service.schema, drops, dependents);
    if (!broken) continue;
    const { schema, table, constraint, referenced } = broken.dependent;
    const owner = others.find((other) => other.service.schema === schema)?.service.name;
    const what =
      constraint === null
        ? `the view ${schema}.${table}`
        : `the foreign key "${constraint}" of ${schema}.${table}`;
    return {
      fact: `${service.name}: ${script.migration.name} cannot be undone, since ${what} refers to ${service.schema}.${referenced}`,
      why: `down.sql drops the ${broken.drop.kind} "${broken.drop.name}"`,
      fix:
        owner === undefined
          ? `drop it first, or ask whoever owns the schema "${schema}"`
          : `undo the migration of ${owner} that made it first: schemata downgrade --app ${owner}`,
    };
  }
  return undefined;
}
