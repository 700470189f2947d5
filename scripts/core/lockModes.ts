/** PostgreSQL's table locks, weakest first. */
export const LOCK_MODES = [
  "ACCESS SHARE",
  "ROW SHARE",
  "ROW EXCLUSIVE",
  "SHARE UPDATE EXCLUSIVE",
  "SHARE",
  "SHARE ROW EXCLUSIVE",
  "EXCLUSIVE",
  "ACCESS EXCLUSIVE",
] as const;

export type LockMode = (typeof LOCK_MODES)[number];

/** A lock that a statement takes; without `schema` the search path decides. */
export interface TableLock {
  schema: string | undefined;
  /** Or view, sequence or index. */
  table: string;
  mode: LockMode;
}

/** The strongest of some modes; none of none. */
export function strongest(modes: readonly LockMode[]): LockMode | undefined {
  return LOCK_MODES[Math.max(-1, ...modes.map((mode) => LOCK_MODES.indexOf(mode)))];
}

/** Which of an application's ordinary queries wait while a lock is held. */
export function describeBlocked(mode: LockMode): "reads and writes" | "writes" | "nothing" {
  if (mode === "ACCESS EXCLUSIVE") return "reads and writes";
  return ["SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE"].includes(mode) ? "writes" : "nothing";
}
