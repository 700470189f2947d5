import { EXIT, type Failure } from "./errors.ts";
import { byName } from "./history.ts";
import { nextMigrationName } from "./revision.ts";
import { renderCount } from "./table.ts";

/** A migration's folder before and after. */
export interface Move {
  from: string;
  to: string;
}

/** The names of a service's migrations, each list in the order of application. */
export interface Names {
  all: readonly string[];
  pending: readonly string[];
  /** The newest that is applied. */
  current: string | null;
}

/**
 * The pending migrations that are out of place: one is older than current, or shares its time with another, so that
 * only the words after it decide which comes first. Those pending after it go with it, so that their order stays.
 */
export function findMisplaced({ all, pending, current }: Names): string[] {
  const isPending = new Set(pending);
  const first = pending.findIndex((name) => {
    if (current !== null && byName(name, current) < 0) return true;
    const time = timeOf(name);
    const collides = (other: string) =>
      timeOf(other) === time && (!isPending.has(other) || byName(other, name) < 0);
    return time !== undefined && all.some((other) => other !== name && collides(other));
  });
  return first === -1 ? [] : pending.slice(first);
}

/** New names that put some migrations last, in the order that they have; none where they are last already. */
export function planMoves(
  service: string,
  moved: readonly string[],
  { all, now }: { all: readonly string[]; now: Date },
): { moves: Move[] } | { problem: Failure } {
  const names = all.filter((name) => !moved.includes(name));
  const moves: Move[] = [];
  for (const from of moved) {
    const to = nextMigrationName(wordsOf(from), { now, names });
    if (to === undefined) {
      const newest = [...names].sort(byName).at(-1);
      return {
        problem: {
          fact: `${service}: no new name would come after ${newest}`,
          why: "migrations apply in the order of their names, which begin with the time",
          fix: `rename services/${service}/migrations/${newest} to <time>_<words>, as long as it is applied nowhere`,
        },
      };
    }
    names.push(to);
    moves.push({ from, to });
  }
  return { moves };
}

/** Why migrations that were named may not be moved, where that is so. */
export function refuseMoves(
  service: string,
  moved: readonly string[],
  { applied, source }: { applied: readonly string[]; source: string },
): Failure | undefined {
  const done = moved.filter((name) => applied.includes(name));
  if (done.length === 0) return undefined;
  return {
    fact: `${service}: ${done.join(", ")} ${done.length === 1 ? "is" : "are"} applied in ${source}`,
    why: "a migration that is applied somewhere keeps its name: there the new one would be applied again",
    fix: `undo ${done.length === 1 ? "it" : "them"} there first: make downgrade app=${service}`,
    status: EXIT.usage,
  };
}

/**
 * The move of the migration that a depends-on line means: the one it names, or, where nothing of that name is on disk,
 * the only one of the same words, which a rebase that was interrupted was about to rename so.
 */
export function findMove(name: string, moves: readonly Move[], all: readonly string[]): Move | undefined {
  const named = moves.find(({ from }) => from === name);
  if (named || all.includes(name)) return named;
  const [only, ...more] = moves.filter(({ from }) => wordsOf(from) === wordsOf(name));
  return more.length === 0 ? only : undefined;
}

/** What a rebase does, a line each. */
export function renderMoves(service: string, moves: readonly Move[]): string {
  const lines = moves.map(({ from, to }) => `  ${from}\n    becomes ${to}`);
  return [`${service}: ${renderCount(moves.length, "migration")} to put last`, ...lines].join("\n");
}

function timeOf(name: string): string | undefined {
  return /^\d{14}(?!\d)/.exec(name)?.[0];
}

/** A name without the number that it begins with. */
function wordsOf(name: string): string {
  return /^\d+_(.+)$/s.exec(name)?.[1] ?? name;
}
