import { readFileSync } from "node:fs";
import { type Dependency, parseDependsOn } from "../../core/dependsOn.ts";
import { failureOf, SchemataError } from "../../core/errors.ts";
import type { Migration } from "../../core/history.ts";
import {
  type PendingScript,
  planService,
  type Selection,
  type ServiceFacts,
  type ServicePlan,
  selectPending,
} from "../../core/plan.ts";
import { namesOf, parseReplaces } from "../../core/replaces.ts";
import { type DependencyState, findCircle, refuseDependencies } from "../../core/schedule.ts";
import type { Target } from "../../core/target.ts";
import { lendRights } from "../../core/transfer/lend.ts";
import { readScriptPlan } from "../script.ts";
import { readTexts, requireTransfer } from "../transfer/halves.ts";

/** The plans of a run, and what is known of any migration that they depend on. */
export interface RunPlan {
  plans: ServicePlan[];
  stateOf(dependency: Dependency): DependencyState;
}

/** Hears the text of every script that is planned to run. */
type OnScript = (facts: ServiceFacts, migration: Migration, sql: string) => void;

/** Plans each service for itself, without regard to the others. */
export async function planEach(
  facts: readonly ServiceFacts[],
  target: Target,
  onScript: OnScript = () => {},
): Promise<ServicePlan[]> {
  const plans: ServicePlan[] = [];
  for (const one of facts) plans.push(await planOne(one, selectPending(one, target), onScript));
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
export function joinPlans(planned: readonly ServicePlan[], known: readonly ServiceFacts[]): RunPlan {
  const stateOf = makeStateOf(planned, known);
  const plans = followSquashes(planned, known, stateOf).map((plan) =>
    lendRights(plan, (schema) => readTexts(schema, known)),
  );
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

async function planOne(facts: ServiceFacts, selection: Selection, onScript: OnScript): Promise<ServicePlan> {
  if ("refusal" in selection) return planService(facts, selection, []);
  const selected = new Set(selection.selected);
  const scripts: PendingScript[] = [];
  try {
    for (const migration of facts.migrations) {
      if (!selected.has(migration.name)) continue;
      const squash = selection.standing.squashed.find(({ name }) => name === migration.name);
      if (squash) {
        scripts.push(recordSquashed(migration, squash.rows, facts));
        continue;
      }
      const { sql, plan } = await readScriptPlan(facts.service, migration);
      onScript(facts, migration, sql);
      const { transfer } = requireTransfer(facts.service, migration, sql);
      const dependsOn = parseDependsOn(sql);
      scripts.push({
        migration,
        mode: plan.mode,
        size: sql.length,
        dependsOn,
        ...(transfer && { transfer }),
      });
    }
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    return planService(facts, { standing: selection.standing, refusal: failureOf(error) }, []);
  }
  return planService(facts, selection, scripts);
}

function recordSquashed(
  migration: Migration,
  names: readonly string[],
  { ledger }: ServiceFacts,
): PendingScript {
  const rows = ledger.filter((row) => row.rolledBackAt === null && names.includes(row.name)).length;
  return { migration, mode: "atomic", size: 0, dependsOn: [], recognises: { names, rows } };
}

/** The same plans, with what was squashed named by the migrations that stand for it now. */
function followSquashes(
  plans: readonly ServicePlan[],
  known: readonly ServiceFacts[],
  stateOf: RunPlan["stateOf"],
): ServicePlan[] {
  const squashes = new Map<string, Map<string, string>>();
  const follow = (dependency: Dependency): Dependency => {
    if (stateOf(dependency) !== "unknown") return dependency;
    const { service, migration } = dependency;
    const names = squashes.get(service) ?? readSquashes(known.find((one) => one.service.name === service));
    squashes.set(service, names);
    return { service, migration: names.get(migration) ?? migration };
  };
  return plans.map((plan) => ({
    ...plan,
    pending: plan.pending.map((script) =>
      script.dependsOn.length === 0 ? script : { ...script, dependsOn: script.dependsOn.map(follow) },
    ),
  }));
}

/** Which migration stands for which, by the heads of a service's files. */
function readSquashes(facts: ServiceFacts | undefined): Map<string, string> {
  const names = new Map<string, string>();
  for (const migration of facts?.migrations ?? []) {
    const replaced = parseReplaces(readFileSync(migration.file, "utf8"));
    for (const name of namesOf(replaced)) names.set(name, migration.name);
  }
  return names;
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
