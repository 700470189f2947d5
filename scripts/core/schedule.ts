import type { Dependency } from "./dependsOn.ts";
import type { Failure } from "./errors.ts";
import { byName } from "./history.ts";
import type { PendingScript, ServicePlan } from "./plan.ts";

/** Consecutive migrations of one service that wait for the same moment. */
export interface Stage {
  scripts: PendingScript[];
  /** Migrations of other services, pending in the same plan, that must be applied first. */
  after: Dependency[];
}

/** What is known of a migration that another depends on. */
export type DependencyState = "applied" | "pending" | "behind" | "unknown";

/** Cuts a service's pending migrations wherever one has to wait for another service. */
export function cutStages(plan: ServicePlan, stateOf: (dependency: Dependency) => DependencyState): Stage[] {
  const stages: Stage[] = [];
  for (const script of plan.pending) {
    const after = script.dependsOn.filter((dependency) => stateOf(dependency) === "pending");
    const last = stages.at(-1);
    if (last && after.length === 0) last.scripts.push(script);
    else stages.push({ scripts: [script], after });
  }
  return stages;
}

/** Why a service's plan cannot be carried out for want of another service, where that is so. */
export function refuseDependencies(
  plan: ServicePlan,
  stateOf: (dependency: Dependency) => DependencyState,
): Failure | undefined {
  const { name } = plan.service;
  for (const script of plan.pending) {
    for (const dependency of script.dependsOn) {
      const needed = `${dependency.service}/${dependency.migration}`;
      const state = stateOf(dependency);
      if (state === "unknown") {
        return {
          fact: `${name}: ${script.migration.name} depends on ${needed}, which does not exist`,
          why: "the other service's history was changed, or the line names it wrongly",
          fix: `correct the depends-on line in services/${name}/migrations/${script.migration.name}/migration.sql`,
        };
      }
      if (state === "behind") {
        return {
          fact: `${name}: ${script.migration.name} depends on ${needed}, which is not applied`,
          why: `${dependency.service} is behind`,
          fix: `make upgrade-head app=${dependency.service}, or both at once: make upgrade-head app=${name} with_dependencies=1`,
        };
      }
    }
  }
  return undefined;
}

/** Migrations of one service that follow each other. */
export interface Sequence {
  service: { name: string };
  pending: readonly { migration: { name: string }; dependsOn: readonly Dependency[] }[];
}

/**
 * A circle among pending migrations, as the migrations on it, or undefined. A migration follows those before it in
 * its service and those that its depends-on lines name.
 */
export function findCircle(plans: readonly Sequence[]): string[] | undefined {
  if (!plans.some(({ pending }) => pending.some(({ dependsOn }) => dependsOn.length > 0))) return undefined;
  const before = new Map<string, string[]>();
  for (const plan of plans) {
    let previous: string | undefined;
    for (const { migration, dependsOn } of plan.pending) {
      const name = `${plan.service.name}/${migration.name}`;
      const named = dependsOn.map((dependency) => `${dependency.service}/${dependency.migration}`);
      before.set(name, previous === undefined ? named : [previous, ...named]);
      previous = name;
    }
  }
  const done = new Set<string>();
  for (const start of [...before.keys()].sort(byName)) {
    const circle = walk(start, { before, done });
    if (circle) return circle;
  }
  return undefined;
}

/** Depth first with a stack of its own: a history may be longer than the call stack is deep. */
function walk(
  start: string,
  { before, done }: { before: Map<string, string[]>; done: Set<string> },
): string[] | undefined {
  const path: { name: string; rest: string[] }[] = [{ name: start, rest: [...(before.get(start) ?? [])] }];
  const onPath = new Set([start]);
  for (let top = path.at(-1); top; top = path.at(-1)) {
    const next = top.rest.pop();
    if (next === undefined) {
      done.add(top.name);
      onPath.delete(top.name);
      path.pop();
    } else if (onPath.has(next)) {
      return [...path.map(({ name }) => name).slice(path.findIndex(({ name }) => name === next)), next];
    } else if (before.has(next) && !done.has(next)) {
      onPath.add(next);
      path.push({ name: next, rest: [...(before.get(next) ?? [])] });
    }
  }
  return undefined;
}

/** One migration of a plan, and its place among that service's pending ones. */
export interface OrderedScript {
  plan: ServicePlan;
  index: number;
  pending: PendingScript;
}

/** All migrations of a run in one order that keeps every service's own and every dependency: service by service where possible. */
export function orderScripts(
  plans: readonly ServicePlan[],
  stateOf: (dependency: Dependency) => DependencyState,
): OrderedScript[] {
  const ordered: OrderedScript[] = [];
  const done = new Set<string>();
  const next = new Map(plans.map((plan) => [plan, 0]));
  const isReady = ({ dependsOn }: PendingScript) =>
    dependsOn.every(
      (dependency) =>
        stateOf(dependency) !== "pending" || done.has(`${dependency.service}/${dependency.migration}`),
    );
  for (let before = -1; before < ordered.length; ) {
    before = ordered.length;
    for (const plan of plans) {
      let index = next.get(plan) ?? 0;
      for (let pending = plan.pending[index]; pending && isReady(pending); pending = plan.pending[index]) {
        ordered.push({ plan, index, pending });
        done.add(`${plan.service.name}/${pending.migration.name}`);
        index += 1;
      }
      next.set(plan, index);
    }
  }
  return ordered;
}
