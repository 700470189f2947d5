import type { Dependency } from "./dependsOn.ts";
import { EXIT, type Failure } from "./errors.ts";
import { compareHistory, type Standing } from "./history.ts";
import {
  type PendingScript,
  planService,
  refuse,
  type Selection,
  type ServiceFacts,
  type ServicePlan,
} from "./plan.ts";
import { renderCount } from "./table.ts";
import { resolveMigration } from "./target.ts";

/** How far down: so many migrations, all of them, or to a migration that stays applied. */
export type DownTarget = "base" | { steps: number } | { migration: string };

/** Parses `-N`, `base` or a migration; nothing is one step. */
export function parseDownTarget(text: string | undefined): DownTarget {
  if (text === undefined || text === "") return { steps: 1 };
  if (text === "base") return "base";
  const steps = /^-(\d{1,9})$/.exec(text)?.[1];
  return steps === undefined ? { migration: text } : { steps: Number(steps) };
}

/** Decides from files and ledger alone what is to be undone, newest first, or why nothing may be. */
export function selectApplied(facts: ServiceFacts, target: DownTarget): Selection {
  const standing = compareHistory(facts.migrations, facts.ledger);
  // What is missing or was edited matters only where it is to be undone.
  const refusal = refuse(facts, { ...standing, missing: [], edited: [] });
  if (refusal) return { standing, refusal };
  const kept = countKept(facts, standing, target);
  if (typeof kept !== "number") return { standing, refusal: kept };
  const selected = standing.applied.slice(kept).reverse();
  const within = (names: readonly string[]) => names.filter((name) => selected.includes(name));
  const squash = standing.squashed.find(({ rows }) => within(rows).length > 0);
  if (squash) return { standing, refusal: refuseUnrecorded(facts.service.name, squash) };
  const problem =
    refuse(facts, { ...standing, missing: within(standing.missing), edited: [] }) ??
    refuseEdited(facts.service.name, within(standing.edited));
  return problem ? { standing, refusal: problem } : { standing, selected };
}

/** How many of the applied migrations stay. */
function countKept(
  { service: { name: service }, migrations }: ServiceFacts,
  { applied, current }: Standing,
  target: DownTarget,
): number | Failure {
  if (target === "base") return 0;
  if ("steps" in target) {
    if (target.steps <= applied.length) return applied.length - target.steps;
    const most = `make downgrade app=${service} to=-${applied.length}, or all that there is: make downgrade app=${service} to=base`;
    return {
      fact: `${service}: "-${target.steps}" is below base`,
      why: `${applied.length === 0 ? "no migration" : renderCount(applied.length, "migration")} applied`,
      fix: applied.length === 0 ? `make current app=${service}` : most,
      status: EXIT.usage,
    };
  }
  if (/^\+\d+$|^heads?$/.test(target.migration)) {
    return {
      fact: `${service}: "${target.migration}" is not below ${current ?? "base"}`,
      why: "downgrade goes down: -1, -N, a migration that is to stay applied, or base",
      fix: `make upgrade-head app=${service}`,
      status: EXIT.usage,
    };
  }
  const names = [...new Set([...applied, ...migrations.map(({ name }) => name)])];
  const resolved = resolveMigration(target.migration, { service, names });
  if ("problem" in resolved) return resolved.problem;
  if (applied.includes(resolved.name)) return applied.indexOf(resolved.name) + 1;
  return {
    fact: `${service}: ${resolved.name} is not applied (current is ${current ?? "base"})`,
    why: "downgrade undoes what is above the migration that it names, which stays applied itself",
    fix: `make upgrade app=${service} to=${resolved.name}, or name an applied one: make history app=${service}`,
    status: EXIT.usage,
  };
}

function refuseUnrecorded(service: string, { name, rows }: Standing["squashed"][number]): Failure {
  return {
    fact: `${service}: ${rows.at(-1)} cannot be undone, since it was squashed into ${name}`,
    why: "its down.sql went with it, and this database does not know the squashed migration yet",
    fix: `make upgrade app=${service} to=${name} records it, and runs nothing`,
  };
}

function refuseEdited(service: string, edited: readonly string[]): Failure | undefined {
  const [first] = edited;
  if (first === undefined) return undefined;
  return {
    fact: `${service}: ${edited.join(", ")} ${edited.length === 1 ? "was" : "were"} edited after being applied`,
    why: "the database holds what migration.sql said then, and down.sql may undo something else",
    fix: `git checkout services/${service}/migrations/${first}; or, where down.sql undoes what was applied: schemata stamp --app ${service} --edited, then again`,
  };
}

/** A downgrade as a plan; `scripts` are the down scripts of what was selected, in its order. */
export function planDowngrade(
  facts: ServiceFacts,
  selection: Selection,
  { scripts, warnings }: { scripts: PendingScript[]; warnings: string[] },
): ServicePlan {
  return { ...planService(facts, selection, scripts), createSchema: false, createLedger: false, warnings };
}

/** A migration of another service that is applied, with what it names as applied before it. */
export interface AppliedElsewhere {
  service: string;
  migration: string;
  dependsOn: readonly Dependency[];
}

/** Why migrations may not be undone for the sake of other services' applied migrations, by their depends-on lines. */
export function refuseDependents(
  service: string,
  names: readonly string[],
  elsewhere: readonly AppliedElsewhere[],
): Failure | undefined {
  const lines = elsewhere.flatMap((other) =>
    other.dependsOn
      .filter((needed) => needed.service === service && names.includes(needed.migration))
      .map(({ migration }) => ({ other, migration })),
  );
  const [first] = lines;
  if (!first) return undefined;
  return {
    fact: `${service}: ${first.migration} cannot be undone, since ${first.other.service}/${first.other.migration} depends on it`,
    why: lines
      .map(({ other, migration }) => `${other.service}/${other.migration} is applied and needs ${migration}`)
      .join("\n"),
    fix: `undo that first: schemata downgrade --app ${first.other.service}`,
  };
}
