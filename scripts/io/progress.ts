import { directionOf } from "../core/direction.ts";
import type { ServicePlan } from "../core/plan.ts";
import { renderDoneLine, renderProgressLine, type ServiceProgress } from "../core/progress.ts";
import { renderCount } from "../core/table.ts";
import type { ApplyEvent, LockHolder } from "./postgres/events.ts";
import { renderHolder } from "./postgres/holders.ts";

/** Shows a run while it goes on; `end` leaves the terminal as a log would. */
export interface ProgressDisplay {
  on(event: ApplyEvent): void;
  end(): void;
}

/** Where progress is shown. */
export interface Screen {
  terminal: { interactive: boolean; columns: number };
  /** Prints a line that stays. */
  note(text: string): void;
  /** Replaces the lines drawn last. */
  draw(lines: readonly string[]): void;
}

const FRAME_MS = 80;
/** More services than this at once would scroll the screen instead of redrawing it. */
const MOST_LINES = 12;

/** Live lines on a terminal, one for each service under way; elsewhere a line for each service that is done and each thing that is in the way. */
export function showProgress(plans: readonly ServicePlan[], screen: Screen): ProgressDisplay {
  return screen.terminal.interactive ? showLive(plans, screen) : showLines(plans, screen.note);
}

function showLines(plans: readonly ServicePlan[], note: (text: string) => void): ProgressDisplay {
  const direction = directionOf(plans.flatMap(({ pending }) => pending));
  const left = new Map(
    plans.map(({ service, pending }) => [service.name, pending.map(({ migration }) => migration.name)]),
  );
  return {
    on: (event) => {
      if (event.kind !== "applied") return noteTrouble(event, note);
      const names = left.get(event.service) ?? [];
      // One line a service: hundreds of services would drown what matters.
      if (names.at(-1) === event.migration) note(renderDoneLine(event.service, names, direction));
    },
    end: () => {},
  };
}

function showLive(plans: readonly ServicePlan[], { terminal, note, draw }: Screen): ProgressDisplay {
  const done = directionOf(plans.flatMap(({ pending }) => pending)) === "up" ? "applied" : "undone";
  const under = new Map<string, ServiceProgress>();
  const totals = new Map(plans.map(({ service, pending }) => [service.name, pending.length]));
  const nameWidth = Math.max(...[...totals].filter(([, total]) => total > 0).map(([name]) => name.length), 0);
  const redraw = () => {
    const lines = [...under.values()].slice(0, MOST_LINES);
    draw(lines.map((line) => renderProgressLine(line, { nameWidth, columns: terminal.columns })));
  };
  const timer = setInterval(redraw, FRAME_MS);
  return {
    on: (event) => {
      if (event.kind === "jobs" || event.kind === "warning") return noteTrouble(event, note);
      const total = totals.get(event.service) ?? 0;
      const line = under.get(event.service) ?? {
        service: event.service,
        total,
        applied: 0,
        migration: undefined,
        waiting: undefined,
      };
      under.set(event.service, line);
      line.migration = event.migration;
      line.waiting = describeWait(event);
      if (event.kind === "applied") line.applied += 1;
      if (line.applied < total) return;
      under.delete(event.service);
      draw([]);
      note(`${event.service.padEnd(nameWidth)}  ${renderCount(total, "migration")} ${done}`);
    },
    end: () => {
      clearInterval(timer);
      draw([]);
    },
  };
}

function describeWait(event: ApplyEvent): string | undefined {
  if (event.kind === "waiting") return `waits: ${firstHolder(event.holders)}`;
  if (event.kind === "retrying") return `tries again (${event.attempt}/${event.of}): ${event.reason}`;
  return undefined;
}

function noteTrouble(event: ApplyEvent, note: (text: string) => void): void {
  if (event.kind === "jobs")
    note(`The server grants no more connections: going on with ${renderCount(event.jobs, "job")}`);
  if (event.kind === "warning") note(`Warning: ${event.text}`);
  if (event.kind === "waiting")
    note(`${event.service}: ${event.migration} waits, ${firstHolder(event.holders)}`);
  if (event.kind === "retrying") {
    note(
      `${event.service}: ${event.migration} will be tried again in ${event.pause} ms (${event.attempt}/${event.of}): ${event.reason}`,
    );
  }
}

function firstHolder([holder]: readonly LockHolder[]): string {
  return holder ? renderHolder(holder) : "";
}
