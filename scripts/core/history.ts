import { findCoverage, type Replaced } from "./replaces.ts";

/** One folder under migrations/. Its text stays on disk until it is applied. */
export interface Migration {
  /** The folder's name, `<timestamp>_<slug>`; its byte order is the order of application. */
  name: string;
  /** Absolute path of migration.sql. */
  file: string;
  /** SHA-256 of the file in hexadecimal. */
  checksum: string;
  /** Further checksums under which the ledger may know the same script: its line endings changed. */
  tolerated?: readonly string[];
  /** What it was squashed from; known only where the ledger may still hold that. */
  replaces?: readonly Replaced[];
}

/** One row of `_prisma_migrations`. Times are milliseconds since 1970. */
export interface LedgerRow {
  name: string;
  checksum: string;
  startedAt: number;
  finishedAt: number | null;
  rolledBackAt: number | null;
  steps: number;
  logs: string | null;
}

/** Where a service stands: its files held against its ledger. All lists are in the order of application. */
export interface Standing {
  /** The newest migration on disk. */
  head: string | null;
  /** The newest that is applied. */
  current: string | null;
  applied: string[];
  pending: string[];
  /** Applied, not on disk. */
  missing: string[];
  /** Applied with another checksum. */
  edited: string[];
  /** Started, neither finished nor rolled back. */
  failed: string[];
  /** Pending, but older than current. */
  outOfOrder: string[];
  /** Pending, but all that they were squashed from is applied: to be recorded, not run. `rows` are to make way for it. */
  squashed: { name: string; rows: string[] }[];
  /** Pending, and only a part of what they were squashed from is applied as it was. */
  midway: { name: string; present: string[]; absent: string[]; edited: string[] }[];
}

/** Only beyond these does the order of JavaScript's letters differ from that of their bytes in UTF-8. */
const BEYOND = /[\uD800-\uFFFF]/;

/** The order in which migrations apply: by the bytes of their names, as the engine sorts them. */
export function byName(a: string, b: string): number {
  if (a === b) return 0;
  if (BEYOND.test(a) || BEYOND.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

/** Holds a service's migrations, in order, against the rows of its ledger, in any order. */
export function compareHistory(migrations: readonly Migration[], ledger: readonly LedgerRow[]): Standing {
  // A rolled-back row counts as if it had never been: that is how a downgrade is recorded.
  const live = ledger.filter((row) => row.rolledBackAt === null);
  const failed = new Set(live.filter((row) => row.finishedAt === null).map((row) => row.name));
  const checksums = new Map<string, string[]>();
  for (const row of live) {
    if (row.finishedAt !== null) checksums.set(row.name, [...(checksums.get(row.name) ?? []), row.checksum]);
  }
  const onDisk = new Set(migrations.map(({ name }) => name));
  const applied = [...checksums.keys()].filter((name) => !failed.has(name)).sort(byName);
  const current = applied.at(-1) ?? null;
  const pending = migrations
    .map(({ name }) => name)
    .filter((name) => !checksums.has(name) && !failed.has(name));
  const { squashed, midway } = compareSquashed(migrations, live, pending);
  const stoodFor = new Set([
    ...squashed.flatMap(({ rows }) => rows),
    ...midway.flatMap((one) => one.present),
  ]);
  return {
    head: migrations.at(-1)?.name ?? null,
    current,
    applied,
    pending,
    missing: applied.filter((name) => !onDisk.has(name) && !stoodFor.has(name)),
    edited: migrations
      .filter((migration) => isEdited(migration, checksums.get(migration.name)))
      .map(({ name }) => name),
    failed: [...failed].sort(byName),
    outOfOrder: pending.filter(
      (name) => current !== null && byName(name, current) < 0 && !squashed.some((one) => one.name === name),
    ),
    squashed,
    midway,
  };
}

function compareSquashed(
  migrations: readonly Migration[],
  live: readonly LedgerRow[],
  pending: readonly string[],
): Pick<Standing, "squashed" | "midway"> {
  const standing: Pick<Standing, "squashed" | "midway"> = { squashed: [], midway: [] };
  for (const { name, replaces } of migrations) {
    if (!replaces || !pending.includes(name)) continue;
    const coverage = findCoverage(replaces, live);
    if (coverage.state === "all") standing.squashed.push({ name, rows: coverage.rows.sort(byName) });
    if (coverage.state === "some") {
      const { present, absent, edited } = coverage;
      standing.midway.push({ name, present: present.sort(byName), absent, edited });
    }
  }
  return standing;
}

/** A row of a migration that failed, or that somebody is in the middle of. */
export function isUnfinished({ finishedAt, rolledBackAt }: LedgerRow): boolean {
  return finishedAt === null && rolledBackAt === null;
}

function isEdited(migration: Migration, recorded: readonly string[] | undefined): boolean {
  if (recorded === undefined) return false;
  const accepted = [migration.checksum, ...(migration.tolerated ?? [])];
  return !recorded.some((checksum) => accepted.includes(checksum));
}
