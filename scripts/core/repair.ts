import type { Direction } from "./direction.ts";
import { type Claim, renderClaim, type Verdict } from "./evidence.ts";
import type { LedgerRow } from "./history.ts";
import { renderCount } from "./table.ts";

/** An invalid index that a broken concurrent build has left. */
export interface Leftover {
  name: string;
  table: string;
}

/** What the script of an unfinished migration has done, as far as ledger and catalog tell. */
export interface ScriptState {
  mode: "atomic" | "stepwise";
  /** The file is not the one that the row was written for. */
  edited: boolean;
  /** One for each step; an atomic script is one step. */
  steps: readonly { alone: boolean; verdict: Verdict; holds: readonly Claim[] }[];
  leftovers: readonly Leftover[];
}

/** Something to do about it. */
export type Way =
  /** Record it as done: all of it is. */
  | { kind: "finish" }
  /** Take the row back and run the script anew. */
  | { kind: "rerun" }
  /** Take the row back: nothing of it is there. */
  | { kind: "takeBack" }
  /** Go on with the step of this index. */
  | { kind: "continue"; from: number }
  /** Run down.sql and record it as undone. */
  | { kind: "undo" };

/** What is known of an unfinished migration, and what can be done about it. */
export interface Diagnosis {
  migration: string;
  direction: Direction;
  steps: { done: number; of: number };
  /** Sentences: what was reached, and how that is known. */
  reached: string[];
  leftovers: readonly Leftover[];
  /** Forward, and back to where it began; absent where only the user can tell. */
  on?: Way;
  back?: Way;
}

/** Judges an unfinished migration. `state` is undefined where its script is missing. */
export function diagnose(
  { row, direction, hasDown }: { row: LedgerRow; direction: Direction; hasDown: boolean },
  state: ScriptState | undefined,
): Diagnosis {
  const base = { migration: row.name, direction, steps: { done: row.steps, of: row.steps }, leftovers: [] };
  if (!state) return { ...base, reached: ["its script is missing from the service's migrations"] };
  const told = { ...base, steps: { done: row.steps, of: state.steps.length }, leftovers: state.leftovers };
  const found =
    state.mode === "atomic" ? judgeWhole(row, state) : judgeSteps({ row, direction, hasDown }, state);
  const reached = [...found.reached, ...(state.edited ? [warnEdited(found.steps?.done ?? row.steps)] : [])];
  return { ...told, ...found, reached };
}

type Judgement = Pick<Diagnosis, "reached" | "on" | "back"> & { steps?: Diagnosis["steps"] };

/** Prisma sends a script as one message, which Postgres runs in one transaction where the script opens none itself. */
function judgeWhole(row: LedgerRow, { steps }: ScriptState): Judgement {
  const { verdict = "unknown", holds = [] } = steps[0] ?? {};
  const there = describeHolds(holds);
  const error = row.logs?.trim();
  if (row.steps > 0)
    return {
      reached: ["the script ran to its end; only the record of it was not finished"],
      on: { kind: "finish" },
    };
  if (error) {
    if (verdict === "done")
      return {
        reached: [`it failed: ${firstLine(error)}`, `yet ${there}: whether by this script only you can tell`],
      };
    return {
      reached: [
        `it failed: ${firstLine(error)}`,
        `Postgres took all of the script back${holds.length > 0 ? `; ${there}, which must have been so before` : ""}`,
      ],
      on: { kind: "rerun" },
      back: { kind: "takeBack" },
    };
  }
  if (verdict === "done")
    return {
      reached: ["it was interrupted, and no error is recorded", `all that it makes can be seen: ${there}`],
      on: { kind: "finish" },
    };
  if (verdict === "not done")
    return {
      reached: ["it was interrupted, and no error is recorded", "nothing of what it makes is there"],
      on: { kind: "rerun" },
      back: { kind: "takeBack" },
    };
  return {
    reached: [
      "it was interrupted, and no error is recorded",
      holds.length > 0
        ? `part of what it makes is there, and part is not: ${there}`
        : "its statements leave no trace in the catalog by which to tell whether they ran",
    ],
  };
}

function judgeSteps(
  { row, direction, hasDown }: { row: LedgerRow; direction: Direction; hasDown: boolean },
  { steps }: ScriptState,
): Judgement {
  const counted = Math.min(row.steps, steps.length);
  let done = counted;
  // A step in a transaction is counted with it; one that runs alone may be done and not counted. Prisma counts none.
  while (steps[done]?.verdict === "done" && (steps[done]?.alone || counted === 0)) done += 1;
  const seen = steps.slice(counted, done).flatMap(({ holds }) => holds);
  const reached = [
    ...(row.logs?.trim() ? [`it failed: ${firstLine(row.logs)}`] : ["it was interrupted"]),
    `${done} of ${renderCount(steps.length, "step")} ${done === 1 ? "is" : "are"} done${seen.length > 0 ? `, the last seen by ${describeHolds(seen)}` : ""}`,
  ];
  const later = steps.slice(done).some(({ verdict }) => verdict === "done");
  if (counted === 0 && later)
    return {
      reached: [...reached, "yet a later step's work is there: only you can tell what ran"],
      steps: { done, of: steps.length },
    };
  const on: Way =
    done === steps.length
      ? { kind: "finish" }
      : done === 0
        ? { kind: "rerun" }
        : { kind: "continue", from: done };
  const back: Way | undefined =
    done === 0 ? { kind: "takeBack" } : direction === "up" && hasDown ? { kind: "undo" } : undefined;
  return { reached, on, ...(back ? { back } : {}), steps: { done, of: steps.length } };
}

function describeHolds(holds: readonly Claim[]): string {
  const shown = holds.slice(0, 3).map(renderClaim).join(", ");
  return holds.length > 3 ? `${shown} and ${holds.length - 3} more` : shown;
}

function firstLine(text: string): string {
  return text.trim().split("\n").slice(0, 1).join("");
}

function warnEdited(done: number): string {
  return done > 0
    ? `the file was changed since: its first ${renderCount(done, "step")} must still be the ones that ran`
    : "the file was changed since, so all this is judged by what it says now";
}

/** A way in words: what choosing it does. */
export function renderWay(way: Way, { direction, leftovers, steps }: Diagnosis): string {
  const drop = leftovers.length > 0 ? `drop ${leftovers.map(({ name }) => `"${name}"`).join(", ")}, ` : "";
  switch (way.kind) {
    case "finish":
      return direction === "up" ? "record it as applied" : "record it as undone";
    case "rerun":
      return `${drop}take the row back and ${direction === "up" ? "apply the migration" : "run down.sql"} again`;
    case "takeBack":
      return direction === "up"
        ? `${drop}record it as rolled back, so that it is pending`
        : `${drop}take the row back, so that it counts as applied as before`;
    case "continue":
      return `${drop}go on with step ${way.from + 1} of ${steps.of}`;
    default:
      return "run down.sql, all or nothing, and record it as rolled back";
  }
}

/** The diagnosis for people. */
export function renderDiagnosis(service: string, found: Diagnosis): string {
  const { migration, direction, reached, leftovers, on, back } = found;
  return [
    `${service}: ${direction === "up" ? "" : "the downgrade of "}${migration} is not finished`,
    ...reached.map((sentence) => `  ${sentence}`),
    ...leftovers.map(({ name, table }) => `  left over: the invalid index "${name}" on "${table}"`),
    ...(on ? [`  on:   ${renderWay(on, found)}`] : []),
    ...(back ? [`  back: ${renderWay(back, found)}`] : []),
  ].join("\n");
}
