import { renderError } from "./errors.ts";
import type { ServicePlan } from "./plan.ts";
import { renderCount, renderDuration } from "./table.ts";
import type { ServiceOutcome } from "./upgradeView.ts";

/** What people are told of a migration before it is undone. */
export interface UndoView {
  migration: string;
  mode: "atomic" | "stepwise";
  /** The script is the one that was proven to restore what was before. */
  proven: boolean;
  /** What cannot be restored, in sentences. */
  losses: string[];
  /** What is granted to the service on other schemas for it, or taken back after it, a line each. */
  rights?: string[];
}

/** The plan of a downgrade for people. */
export function renderUndo(service: string, undo: readonly UndoView[], becomes: string | null): string {
  if (undo.length === 0) return `${service}: nothing to undo; current is ${becomes ?? "base"}`;
  const lines = undo.flatMap(({ migration, mode, proven, losses, rights = [] }) => {
    const remarks = [
      mode === "stepwise" ? "statement by statement" : "",
      proven ? "" : "down.sql is not proven",
    ];
    const shown = remarks.filter(Boolean).join("; ");
    return [
      `  ${migration}${shown && ` (${shown})`}`,
      ...[...losses, ...rights].map((line) => `    ${line}`),
    ];
  });
  return [
    `${service}: ${renderCount(undo.length, "migration")} to undo`,
    ...lines,
    `  then current is ${becomes ?? "base"}`,
  ].join("\n");
}

/** The plan of a downgrade for machines. */
export function describeUndo(
  { service, refusal, standing, warnings }: ServicePlan,
  { undo, becomes }: { undo: readonly UndoView[]; becomes: string | null },
): object {
  return {
    service: service.name,
    schema: service.schema,
    current: standing.current,
    becomes,
    migrations: undo,
    refusal: refusal ? { fact: refusal.fact, why: refusal.why ?? null, fix: refusal.fix ?? null } : null,
    warnings,
  };
}

/** What became of a downgrade, for machines. */
export function describeDowngrade(
  { service, status, applied, ms, failure }: ServiceOutcome,
  current: string | null,
): object {
  return { service, status, undone: applied, current, ms, error: failure ? renderError(failure) : null };
}

/** What became of a downgrade, for people; a failure is told apart from it. */
export function renderDowngrade({ service, applied, ms }: ServiceOutcome, current: string | null): string {
  const done =
    applied.length === 0 ? "nothing was undone" : `${renderCount(applied.length, "migration")} undone`;
  return `${service}: ${done}; current is ${current ?? "base"} (${renderDuration(ms)})`;
}
