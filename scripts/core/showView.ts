import type { Dependency } from "./dependsOn.ts";
import type { LedgerRow } from "./history.ts";
import type { MigrationState } from "./historyView.ts";

/** All that is known of one migration. */
export interface ShowView {
  service: string;
  migration: string;
  /** Relative to the workspace; null where the file is missing. */
  file: string | null;
  down: string | null;
  checksum: string | null;
  /** Null where no database answered. */
  state: MigrationState | null;
  /** Rows of the ledger, oldest first; times as ISO 8601. */
  ledger: ShownRow[];
  dependsOn: Dependency[];
  mode: "atomic" | "stepwise" | null;
  /** Each with its place in the file. */
  statements: { line: number; kind: string }[];
  proven: boolean;
  up: string | null;
  downSql: string | null;
}

export interface ShownRow {
  startedAt: string;
  finishedAt: string | null;
  rolledBackAt: string | null;
  steps: number;
  checksum: string;
  logs: string | null;
}

/** A ledger row with its times as text. */
export function showRow({ startedAt, finishedAt, rolledBackAt, steps, checksum, logs }: LedgerRow): ShownRow {
  const iso = (time: number | null) => (time === null ? null : new Date(time).toISOString());
  return {
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: iso(finishedAt),
    rolledBackAt: iso(rolledBackAt),
    steps,
    checksum,
    logs,
  };
}

/** Facts first, then both scripts as they stand in their files. */
export function renderShow(view: ShowView): string {
  const facts: [string, string][] = [
    ["migration", `${view.service}/${view.migration}`],
    ["state", view.state ?? "unknown: no database answered"],
    ["file", view.file ?? "missing"],
    ["reversal", describeDown(view)],
    ["checksum", view.checksum ?? "-"],
    ...view.dependsOn.map(({ service, migration }): [string, string] => [
      "depends on",
      `${service}/${migration}`,
    ]),
    ...(view.mode === null ? [] : [["runs", describeMode(view)] as [string, string]]),
    ...view.ledger.map((row): [string, string] => ["ledger", describeRow(row)]),
  ];
  const scripts = [
    view.file !== null && view.up !== null ? [`-- ${view.file}`, view.up.trimEnd()] : [],
    view.down !== null && view.downSql !== null ? [`-- ${view.down}`, view.downSql.trimEnd()] : [],
  ];
  return [
    facts.map(([name, value]) => `${`${name}:`.padEnd(11)} ${value}`).join("\n"),
    ...scripts.filter((lines) => lines.length > 0).map((lines) => lines.join("\n")),
  ].join("\n\n");
}

function describeDown({ down, proven }: ShowView): string {
  if (down === null) return "none: there is no down.sql";
  return `${down}${proven ? " (proven)" : " (not proven)"}`;
}

function describeMode({ mode, statements }: ShowView): string {
  const how = mode === "atomic" ? "in one transaction with its ledger row" : "statement by statement";
  const kinds = new Map<string, number>();
  for (const { kind } of statements) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const list = [...kinds].map(([kind, count]) => (count === 1 ? kind : `${count} x ${kind}`)).join(", ");
  return list === "" ? how : `${how}: ${list}`;
}

function describeRow({ startedAt, finishedAt, rolledBackAt, steps, logs }: ShownRow): string {
  const parts = [
    `started ${startedAt}`,
    finishedAt === null ? "not finished" : `finished ${finishedAt}`,
    ...(rolledBackAt === null ? [] : [`rolled back ${rolledBackAt}`]),
    `${steps} step${steps === 1 ? "" : "s"}`,
    ...(logs ? [`log: ${logs.split("\n")[0]}`] : []),
  ];
  return parts.join(", ");
}
