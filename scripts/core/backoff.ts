const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/**
 * How long to pause before an attempt, in milliseconds: doubling, up to five seconds, and anywhere in the upper half
 * of that, so that runners which failed together do not come back together. `chance` lies in [0, 1).
 */
export function planPause(attempt: number, chance: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
  return Math.round(longest * (0.5 + chance / 2));
}

/** SQLSTATEs after which the same transaction may succeed when it is run again: lock timeout, deadlock, serialization. */
const PASSING = new Set(["55P03", "40P01", "40001"]);

/** Whether a failure passes by itself, so that a retry is worth it. */
export function isPassing(sqlState: string | undefined): boolean {
  return sqlState !== undefined && PASSING.has(sqlState);
}
