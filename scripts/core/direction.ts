import type { PendingScript, ServicePlan } from "./plan.ts";

/** Whether migrations are applied or undone. */
export type Direction = "up" | "down";

/** The way that a plan's scripts go, which is one for all of them. */
export function directionOf(scripts: readonly Pick<PendingScript, "undoes">[]): Direction {
  return scripts[0]?.undoes === undefined ? "up" : "down";
}

/** By how many live rows a script changes the ledger. */
export function rowsChanged({ undoes, recognises }: Pick<PendingScript, "undoes" | "recognises">): number {
  return undoes === undefined ? 1 - (recognises?.rows ?? 0) : -undoes;
}

/** What to type to go on after an interruption: it names where the plan ends, so that it never goes further. */
export function renderContinue({ service, standing, pending }: ServicePlan): string {
  const last = pending.at(-1);
  if (!last) return `make upgrade-head app=${service.name}`;
  if (directionOf(pending) === "down") {
    const below = standing.applied[standing.applied.indexOf(last.migration.name) - 1];
    return `make downgrade app=${service.name} to=${below ?? "base"}`;
  }
  return last.migration.name === standing.pending.at(-1)
    ? `make upgrade-head app=${service.name}`
    : `make upgrade app=${service.name} to=${last.migration.name}`;
}
