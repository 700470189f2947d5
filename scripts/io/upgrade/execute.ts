import type { Dependency } from "../../core/dependsOn.ts";
import { directionOf, renderContinue } from "../../core/direction.ts";
import { describeDefect, SchemataError } from "../../core/errors.ts";
import { compareHistory, type LedgerRow, type Standing } from "../../core/history.ts";
import { type PendingScript, refuseStanding, type ServiceFacts, type ServicePlan } from "../../core/plan.ts";
import { cutStages, type Stage } from "../../core/schedule.ts";
import { explainServerError } from "../../core/serverError.ts";
import type { SessionRules } from "../../core/transaction.ts";
import type { ServiceOutcome } from "../../core/upgradeView.ts";
import { type ApplyRun, applyMigrations, type LedgerState } from "../postgres/apply.ts";
import { type CitusFacts, ensureDistributed, readLocalTables } from "../postgres/citus.ts";
import { ensureSchema } from "../postgres/schema.ts";
import type { Connections } from "./connections.ts";
import { type Landmarks, makeLandmarks } from "./landmarks.ts";
import type { RunPlan } from "./planRun.ts";

/** Everything that carrying out a plan takes. */
export interface Execution extends ApplyRun {
  connections: Connections;
  /** What is known of the Citus cluster that the server coordinates, if it does. */
  citus?: CitusFacts | undefined;
  rulesOf(plan: ServicePlan): SessionRules;
}

/** Carries out every service's plan, side by side; one that fails stops only those that wait for it. */
export async function executePlans(
  run: RunPlan,
  facts: readonly ServiceFacts[],
  execution: Execution,
): Promise<ServiceOutcome[]> {
  const stages = run.plans.map((plan) => cutStages(plan, run.stateOf));
  const landmarks = makeLandmarks(new Set(stages.flat().flatMap(({ after }) => after.map(landmarkOf))));
  return Promise.all(
    run.plans.map((plan, index) => {
      const migrations = facts[index]?.migrations ?? [];
      return executeService({ plan, migrations, stages: stages[index] ?? [], landmarks }, execution);
    }),
  );
}

function landmarkOf({ service, migration }: Dependency): string {
  return `${service}/${migration}`;
}

interface ServiceRun {
  plan: ServicePlan;
  migrations: ServiceFacts["migrations"];
  stages: Stage[];
  landmarks: Landmarks;
}

async function executeService(run: ServiceRun, execution: Execution): Promise<ServiceOutcome> {
  const { plan, landmarks } = run;
  const service = plan.service.name;
  const applied: string[] = [];
  const outcome = (
    status: ServiceOutcome["status"],
    ms: number,
    failure?: SchemataError,
  ): ServiceOutcome => ({
    service,
    status,
    applied,
    ms: Math.round(ms),
    ...(failure ? { failure } : {}),
  });
  if (plan.refusal) {
    settleAll(run, false);
    return outcome("failed", 0, new SchemataError(plan.refusal));
  }
  if (plan.pending.length === 0) return outcome("up-to-date", 0);
  let started: number | undefined;
  const elapsed = () => (started === undefined ? 0 : performance.now() - started);
  const emit: ApplyRun["emit"] = (event) => {
    if (event.kind === "applied") {
      applied.push(event.migration);
      landmarks.settle(`${service}/${event.migration}`, true);
    }
    execution.emit(event);
  };
  try {
    let ledger = firstState(plan);
    for (const stage of run.stages) {
      const unmet = await waitFor(stage, landmarks);
      if (unmet !== undefined) {
        return outcome("skipped", elapsed(), skippedFor(plan, stage, unmet));
      }
      ledger = await execution.connections.use(async (client) => {
        started ??= performance.now();
        if (plan.createSchema && applied.length === 0) await ensureSchema(client, plan.service);
        if (execution.citus?.distributesSchemas) await ensureDistributed(client, plan.service);
        const job = {
          service: plan.service,
          rules: execution.rulesOf(plan),
          ledger,
          scripts: stage.scripts,
          command: renderContinue(plan),
          replan: (rows: LedgerRow[] | undefined) =>
            directionOf(plan.pending) === "up" ? replan(run, stage, rows) : replanDown(run, stage, rows),
        };
        return applyMigrations(client, job, { ...execution, emit });
      });
    }
    if (execution.citus?.distributesSchemas) await warnOfLocalTables(plan, execution);
    // Another runner may have been quicker with all of it.
    const done = directionOf(plan.pending) === "up" ? "upgraded" : "downgraded";
    return outcome(applied.length > 0 ? done : "up-to-date", elapsed());
  } catch (error) {
    return outcome("failed", elapsed(), explain(error, plan));
  } finally {
    settleAll(run, false);
  }
}

/** Whatever stops a service is its failure alone: what the server says as much as a defect of ours. */
function explain(error: unknown, plan: ServicePlan): SchemataError {
  if (error instanceof SchemataError) return error;
  const subject = plan.service.name;
  const known = explainServerError(error, { subject, again: renderContinue(plan) });
  return new SchemataError(known ?? { ...describeDefect(error), fact: `${subject}: ${String(error)}` });
}

async function warnOfLocalTables({ service }: ServicePlan, { connections, emit }: Execution): Promise<void> {
  const tables = await connections.use((client) => readLocalTables(client, service.schema));
  if (tables.length === 0) return;
  const text = `${service.name}: not distributed, but local to the coordinator: ${tables.join(", ")}; a table made inside a DO block stays so`;
  emit({ kind: "warning", service: service.name, text });
}

function settleAll({ plan, landmarks }: ServiceRun, applied: boolean): void {
  for (const { migration } of plan.pending)
    landmarks.settle(`${plan.service.name}/${migration.name}`, applied);
}

async function waitFor({ after }: Stage, landmarks: Landmarks): Promise<string | undefined> {
  for (const dependency of after) {
    const name = landmarkOf(dependency);
    if (!(await landmarks.wait(name))) return name;
  }
  return undefined;
}

function skippedFor({ service }: ServicePlan, { scripts }: Stage, needed: string): SchemataError {
  return new SchemataError({
    fact: `${service.name}: ${scripts[0]?.migration.name} was not applied, since ${needed} was not`,
    fix: `mend ${needed.split("/")[0]}, then make upgrade-head app=${service.name}`,
  });
}

function firstState({ standing, ledgerRows, createLedger }: ServicePlan): LedgerState {
  return { exists: !createLedger, rows: ledgerRows, previous: standing.current ?? undefined };
}

/** What is left of a stage, by a ledger that may have changed since; refuses what a plan would refuse. */
function replan(
  { plan, migrations, landmarks }: ServiceRun,
  { scripts }: Stage,
  rows: LedgerRow[] | undefined,
): { ledger: LedgerState; scripts: PendingScript[] } {
  const standing = compareHistory(migrations, rows ?? []);
  const refusal = refuseStanding(plan.service, standing);
  if (refusal) throw new SchemataError(refusal);
  requireSameSquashes(plan, scripts, standing);
  const pending = new Set(standing.pending);
  for (const { migration } of scripts) {
    if (!pending.has(migration.name)) landmarks.settle(`${plan.service.name}/${migration.name}`, true);
  }
  return {
    ledger: {
      exists: rows !== undefined,
      rows: (rows ?? []).filter(({ rolledBackAt }) => rolledBackAt === null).length,
      previous: standing.current ?? undefined,
    },
    scripts: scripts.filter(({ migration }) => pending.has(migration.name)),
  };
}

/** What was to be run may not turn into what is only recorded, nor the other way round. */
function requireSameSquashes(
  { service }: ServicePlan,
  scripts: readonly PendingScript[],
  standing: Standing,
): void {
  for (const { migration, recognises } of scripts) {
    if (!standing.pending.includes(migration.name)) continue;
    const now = standing.squashed.find(({ name }) => name === migration.name)?.rows ?? [];
    if (now.join("\n") === (recognises?.names ?? []).join("\n")) continue;
    throw new SchemataError({
      fact: `${service.name}: what ${migration.name} was squashed from is not applied as it was when the plan was made`,
      why: "another run has changed the ledger; nothing was done",
      fix: `make upgrade-head app=${service.name}`,
    });
  }
}

/** What is left to undo, by a ledger that may have changed since: never more than was planned and agreed to. */
function replanDown(
  { plan, migrations }: ServiceRun,
  { scripts }: Stage,
  rows: LedgerRow[] | undefined,
): { ledger: LedgerState; scripts: PendingScript[] } {
  const standing = compareHistory(migrations, rows ?? []);
  const refusal = refuseStanding(plan.service, { ...standing, missing: [], edited: [] });
  if (refusal) throw new SchemataError(refusal);
  const live = (rows ?? []).filter(({ rolledBackAt }) => rolledBackAt === null);
  const rowsOf = (name: string) => live.filter((row) => row.name === name).length;
  const left = scripts
    .filter(({ migration }) => standing.applied.includes(migration.name))
    // The same object where nothing changed: whoever called tells by that whether there is any news.
    .map((script) => {
      const undoes = rowsOf(script.migration.name);
      return undoes === script.undoes ? script : { ...script, undoes };
    });
  const [first] = left;
  if (first && standing.current !== first.migration.name) {
    throw new SchemataError({
      fact: `${plan.service.name}: ${first.migration.name} was not undone, since ${standing.current} is above it now`,
      why: "another run has applied it after this one was planned",
      fix: `look at it first: make history app=${plan.service.name}`,
    });
  }
  const ledger = { exists: rows !== undefined, rows: live.length, previous: standing.current ?? undefined };
  return { ledger, scripts: left };
}
