import type { Direction } from "./direction.ts";
import { renderCount } from "./table.ts";

/** How far one service of a run is. */
export interface ServiceProgress {
  service: string;
  /** Migrations of the plan, and how many of them are applied. */
  total: number;
  applied: number;
  /** The migration under way. */
  migration: string | undefined;
  /** What it is waiting for, if it is. */
  waiting: string | undefined;
}

const BAR_WIDTH = 16;

/** One live line: the service, a bar, the count and the migration under way, cut to the terminal's width. */
export function renderProgressLine(
  { service, total, applied, migration, waiting }: ServiceProgress,
  { nameWidth, columns }: { nameWidth: number; columns: number },
): string {
  const filled = total === 0 ? BAR_WIDTH : Math.round((applied / total) * BAR_WIDTH);
  const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
  const count = `${String(applied).padStart(String(total).length)}/${total}`;
  const line = `${service.padEnd(nameWidth)}  ${bar}  ${count}  ${waiting ?? migration ?? ""}`;
  return [...line].slice(0, Math.max(20, columns - 1)).join("");
}

/** The line that a service leaves behind where no terminal is there to redraw; `names` are in order. */
export function renderDoneLine(service: string, names: readonly string[], direction: Direction): string {
  const [first, ...more] = names;
  const verb = direction === "up" ? "applied" : "undid";
  return more.length === 0
    ? `${service}: ${verb} ${first}`
    : `${service}: ${verb} ${renderCount(names.length, "migration")}, ${first} to ${more.at(-1)}`;
}
