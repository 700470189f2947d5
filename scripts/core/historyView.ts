import { byName, compareHistory, type LedgerRow, type Migration, type Standing } from "./history.ts";
import { renderDuration, renderTable } from "./table.ts";

/** What `current` says of one service. */
export interface CurrentView extends Omit<Standing, "applied"> {
  service: string;
  schema: string;
  /** How many migrations are applied. */
  applied: number;
  /** Why the service could not be looked at. */
  error?: string;
}

export type MigrationState =
  | "applied"
  | "pending"
  | "out of order"
  | "edited"
  | "missing"
  | "squashed"
  | "failed"
  | "rolled back";

/** What `history` says of one migration. */
export interface HistoryView {
  migration: string;
  state: MigrationState;
  /** ISO 8601, when it was finished; null while it is not. */
  appliedAt: string | null;
  /** Milliseconds from start to finish. */
  ms: number | null;
}

/** The table of `current`. */
export function renderCurrent(views: readonly CurrentView[]): string {
  const rows = views.map((view) => [
    view.service,
    view.schema,
    view.current ?? "-",
    view.head ?? "-",
    describeStanding(view),
  ]);
  return renderTable([["service", "schema", "current", "head", "state"], ...rows]);
}

function describeStanding(view: CurrentView): string {
  if (view.error !== undefined) return view.error.split("\n")[0] ?? "";
  const counts: [string, number][] = [
    ["failed", view.failed.length],
    ["missing", view.missing.length + view.midway.flatMap(({ present }) => present).length],
    ["edited", view.edited.length],
    ["pending", view.pending.length],
    ["out of order", view.outOfOrder.length],
  ];
  const parts = counts.filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state}`);
  if (parts.length > 0) return parts.join(", ");
  return view.head === null ? "no migrations" : "at head";
}

/** Every migration of a service, on disk or in its ledger, in order. */
export function listHistory(migrations: readonly Migration[], ledger: readonly LedgerRow[]): HistoryView[] {
  const standing = compareHistory(migrations, ledger);
  const newest = new Map<string, LedgerRow>();
  // A live row says more than one that was rolled back, whichever came first.
  const byTime = [...ledger].sort(
    (a, b) => Number(a.rolledBackAt === null) - Number(b.rolledBackAt === null) || a.startedAt - b.startedAt,
  );
  for (const row of byTime) newest.set(row.name, row);
  const names = [...new Set([...migrations.map(({ name }) => name), ...newest.keys()])].sort(byName);
  const onDisk = new Set(migrations.map(({ name }) => name));
  return names.map((name) => {
    const row = newest.get(name);
    const live = row?.rolledBackAt === null ? row : undefined;
    const finishedAt = live?.finishedAt ?? null;
    return {
      migration: name,
      state: stateOf(name, standing, onDisk),
      appliedAt: finishedAt === null ? null : new Date(finishedAt).toISOString(),
      ms: finishedAt === null || !live ? null : Math.max(0, finishedAt - live.startedAt),
    };
  });
}

function stateOf(name: string, standing: Standing, onDisk: ReadonlySet<string>): MigrationState {
  if (standing.failed.includes(name)) return "failed";
  if (standing.missing.includes(name)) return "missing";
  if (standing.squashed.some(({ rows }) => rows.includes(name))) return "squashed";
  if (standing.midway.some(({ present }) => present.includes(name))) return "missing";
  if (standing.edited.includes(name)) return "edited";
  if (standing.outOfOrder.includes(name)) return "out of order";
  if (standing.pending.includes(name)) return "pending";
  return onDisk.has(name) ? "applied" : "rolled back";
}

/** The table of `history` for one service; `marks` are pointed out. */
export function renderHistory(
  views: readonly HistoryView[],
  marks: { head: string | null; current: string | null } = { head: null, current: null },
): string {
  if (views.length === 0) return "no migrations";
  const rows = views.map(({ migration, state, appliedAt, ms }) => [
    [migration, migration === marks.current ? "(current)" : "", migration === marks.head ? "(head)" : ""]
      .filter(Boolean)
      .join(" "),
    state,
    appliedAt?.replace("T", " ").replace(/\.\d+Z$/, " UTC") ?? "-",
    ms === null ? "-" : renderDuration(ms),
  ]);
  return renderTable([["migration", "state", "applied", "took"], ...rows]);
}
