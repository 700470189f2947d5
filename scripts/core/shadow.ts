import { hash } from "node:crypto";
import type { LedgerRow, Migration } from "./history.ts";

/** Key of the advisory locks by which commands take turns on one service's schema in the shadow database. */
export const SHADOW_LOCK = 72_707_370;

/** The schema whose presence says that a database is a shadow database, so that anything in it may be dropped. */
export const SHADOW_MARK = "schemata_shadow";

const MAX_IDENTIFIER_BYTES = 63;
const SUFFIX = "_shadow";

/** The name of the shadow database beside a database; one that would be too long is cut, and told apart by a hash. */
export function shadowDatabaseName(database: string): string {
  const name = `${database}${SUFFIX}`;
  if (byteLength(name) <= MAX_IDENTIFIER_BYTES) return name;
  const ending = `_${hash("sha256", database).slice(0, 8)}${SUFFIX}`;
  let cut = "";
  for (const letter of database) {
    if (byteLength(cut + letter + ending) > MAX_IDENTIFIER_BYTES) break;
    cut += letter;
  }
  return cut + ending;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** What a shadow database knows of one service. */
export interface ShadowHistory {
  migrations: readonly Migration[];
  ledger: readonly LedgerRow[];
  /** The schema holds something, and no ledger. */
  occupied: boolean;
}

/**
 * Whether what was replayed before still is the beginning of the history: then only the rest is replayed, otherwise
 * all of it. A checksum counts to the letter, since even a line ending shows in a function's body.
 */
export function isBeginning({ migrations, ledger, occupied }: ShadowHistory): boolean {
  if (occupied || ledger.length > migrations.length) return false;
  const recorded = new Map(ledger.map((row) => [row.name, row]));
  return (
    recorded.size === ledger.length &&
    migrations.slice(0, ledger.length).every(({ name, checksum }) => {
      const row = recorded.get(name);
      return row?.checksum === checksum && row.finishedAt !== null && row.rolledBackAt === null;
    })
  );
}
