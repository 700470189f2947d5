import { type Dependency, parseDependsOn } from "../../core/dependsOn.ts";
import { failureOf, SchemataError } from "../../core/errors.ts";
import {
  type PendingScript,
  planService,
  type Selection,
  type ServiceFacts,
  type ServicePlan,
  selectPending,
} from "../../core/plan.ts";
import { type DependencyState, findCircle, refuseDependencies } from "../../core/schedule.ts";
import type { Target } from "../../core/target.ts";
import { readScriptPlan } from "../script.ts";

/** The plans of a run, and what is known of any migration that they depend on. */
export interface RunPlan {
  plans: ServicePlan[];
  stateOf(dependency: Dependency): DependencyState;
}

/** Plans each service for itself, without regard to the others. */
export async function planEach(facts: readonly ServiceFacts[], target: Target): Promise<ServicePlan[]> {
  const plans: ServicePlan[] = [];
  for (const one of facts) plans.push(await planOne(one, selectPending(one, target)));
  return plans;
}

/** The services that pending migrations name in depends-on lines. */
export function namedDependencies(plans: readonly ServicePlan[]): Set<string> {
  return new Set(
    plans.flatMap(({ pending }) =>
      pending.flatMap(({ dependsOn }) => dependsOn.map(({ service }) => service)),
    ),
  );
}

/**
 * Holds the plans against each other: refuses those that depend on what is neither applied nor in this run, and
 * those in a circle. `known` are the facts of every service that a dependency may name.
 */
export function joinPlans(plans: readonly ServicePlan[], known: readonly ServiceFacts[]): RunPlan {
  const stateOf = makeStateOf(plans, known);
  const refused = plans.map((plan) => withRefusal(plan, plan.refusal ?? refuseDependencies(plan, stateOf)));
  const circle = findCircle(refused);
  if (!circle) return { plans: refused, stateOf };
  const inCircle = new Set(circle.map((name) => name.slice(0, name.lastIndexOf("/"))));
  const joined = refused.map((plan) => {
    if (!inCircle.has(plan.service.name)) return plan;
    return withRefusal(plan, {
      fact: `${plan.service.name}: its migrations depend on each other in a circle`,
      why: circle.join(" after "),
      fix: "split one of these migrations, so that one service's part comes first",
    });
  });
  return { plans: joined, stateOf };
}

function withRefusal(plan: ServicePlan, refusal: ServicePlan["refusal"]): ServicePlan {
  return refusal ? { ...plan, pending: [], refusal } : plan;
}

async function planOne(facts: ServiceFacts, selection: Selection): Promise<ServicePlan> {
  if ("refusal" in selection) return planService(facts, selection, []);
  const selected = new Set(selection.selected);
  const scripts: PendingScript[] = [];
  try {
    for (const migration of facts.migrations) {
      if (!selected.has(migration.name)) continue;
      const { sql, plan } = await readScriptPlan(facts.service, migration);
      scripts.push({ migration, mode: plan.mode, size: sql.length, dependsOn: parseDependsOn(sql) });
    }
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    return planService(facts, { standing: selection.standing, refusal: failureOf(error) }, []);
  }
  return planService(facts, selection, scripts);
}

/** Knows only services that are depended on: a workspace of a thousand services has few of them. */
function makeStateOf(plans: readonly ServicePlan[], all: readonly ServiceFacts[]): RunPlan["stateOf"] {
  const named = namedDependencies(plans);
  const key = ({ service, migration }: Dependency) => `${service}/${migration}`;
  const states = new Map<string, DependencyState>();
  const note = (service: string, migration: string, state: DependencyState) => {
    if (named.has(service)) states.set(key({ service, migration }), state);
  };
  for (const { service, migrations, ledger } of all) {
    for (const { name } of migrations) note(service.name, name, "behind");
    for (const { name, rolledBackAt, finishedAt } of ledger) {
      if (rolledBackAt === null && finishedAt !== null) note(service.name, name, "applied");
    }
  }
  for (const { service, pending } of plans) {
    for (const { migration } of pending) note(service.name, migration.name, "pending");
  }
  return (dependency) => states.get(key(dependency)) ?? "unknown";
}
