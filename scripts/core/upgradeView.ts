import { maskPasswords, renderError, type SchemataError } from "./errors.ts";
import { renderCount, renderDuration, renderTable } from "./table.ts";

/** What became of one service in an upgrade. */
export interface ServiceOutcome {
  service: string;
  status: "upgraded" | "downgraded" | "up-to-date" | "failed" | "skipped";
  /** Names of what this run applied or undid, in order. */
  applied: string[];
  /** Milliseconds. */
  ms: number;
  failure?: SchemataError;
}

/** The answer for machines. `error` is null where nothing failed. */
export function describeOutcomes(outcomes: readonly ServiceOutcome[]): object {
  return {
    services: outcomes.map(({ service, status, applied, ms, failure }) => ({
      service,
      status,
      applied,
      ms,
      error: failure ? renderError(failure) : null,
      ...(failure?.details ? { failure: maskDetails(failure.details) } : {}),
    })),
  };
}

function maskDetails(details: NonNullable<SchemataError["details"]>): object {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [
      name,
      typeof value === "string" ? maskPasswords(value) : value,
    ]),
  );
}

/** The summary of an upgrade: one line for each service that something happened to, and one for all the rest. */
export function renderOutcomes(outcomes: readonly ServiceOutcome[], ms: number): string {
  const told = outcomes.filter(({ status }) => status !== "up-to-date");
  const rows = told.map(({ service, status, applied, ms: took }) => [
    service,
    status,
    applied.length === 0 ? "-" : renderCount(applied.length, "migration"),
    renderDuration(took),
  ]);
  const table = rows.length > 0 ? [renderTable([["service", "status", "applied", "took"], ...rows])] : [];
  const count = (status: ServiceOutcome["status"]) =>
    outcomes.filter((outcome) => outcome.status === status).length;
  const parts = (["upgraded", "up-to-date", "failed", "skipped"] as const)
    .filter((status) => count(status) > 0)
    .map((status) => `${count(status)} ${status}`);
  const total = `${renderCount(outcomes.length, "service")}: ${parts.join(", ") || "none"} (${renderDuration(ms)})`;
  return [...table, total].join("\n");
}
