import { headLines } from "./dependsOn.ts";
import type { LedgerRow } from "./history.ts";

/** A migration that a squashed one stands for. */
export interface Replaced {
  name: string;
  /** As ledgers record it. */
  checksum: string;
  /** Where it was a squashed one itself: what it stood for, which a ledger may hold in its place. */
  parts: readonly Replaced[];
}

/** How much of what a squashed migration stands for a ledger holds. */
export type Coverage =
  | { state: "none" }
  /** All of it: `rows` are the names by which the ledger knows it. */
  | { state: "all"; rows: string[] }
  | { state: "some"; present: string[]; absent: string[]; edited: string[] };

const LINE =
  /^--\s*replaces:\s*("(?:[^"\\]|\\.)*"|\S+)\s+([0-9a-f]{64})(?:\s+in\s+("(?:[^"\\]|\\.)*"|\S+))?$/;

/** The `-- replaces: <name> <checksum>` lines in the head of a script, which stock Prisma takes for comments. */
export function parseReplaces(script: string): Replaced[] {
  const found: Replaced[] = [];
  const byName = new Map<string, Replaced[]>();
  for (const line of headLines(script)) {
    const [, name, checksum, parent] = LINE.exec(line) ?? [];
    if (name === undefined || checksum === undefined) continue;
    const parts: Replaced[] = [];
    const place = parent === undefined ? found : byName.get(unquote(parent));
    place?.push({ name: unquote(name), checksum, parts });
    byName.set(unquote(name), parts);
  }
  return found;
}

/** Writes the lines that {@link parseReplaces} reads; what a squashed one stood for follows it. */
export function renderReplaces(replaced: readonly Replaced[], parent?: string): string[] {
  const within = parent === undefined ? "" : ` in ${quote(parent)}`;
  return replaced.flatMap(({ name, checksum, parts }) => [
    `-- replaces: ${quote(name)} ${checksum}${within}`,
    ...renderReplaces(parts, name),
  ]);
}

/** Every name that is stood for, through all squashes. */
export function namesOf(replaced: readonly Replaced[]): string[] {
  return replaced.flatMap(({ name, parts }) => [name, ...namesOf(parts)]);
}

/** Holds what a squashed migration stands for against the rows of a ledger. */
export function findCoverage(replaced: readonly Replaced[], ledger: readonly LedgerRow[]): Coverage {
  const names = new Set(namesOf(replaced));
  const checksums = new Map<string, string[]>();
  for (const { name, checksum, finishedAt, rolledBackAt } of ledger) {
    if (names.has(name) && finishedAt !== null && rolledBackAt === null)
      checksums.set(name, [...(checksums.get(name) ?? []), checksum]);
  }
  if (checksums.size === 0) return { state: "none" };
  const absent: string[] = [];
  const edited: string[] = [];
  const visit = ({ name, checksum, parts }: Replaced): void => {
    const recorded = checksums.get(name);
    if (recorded) {
      if (!recorded.includes(checksum)) edited.push(name);
    } else if (parts.some((part) => namesOf([part]).some((one) => checksums.has(one)))) parts.forEach(visit);
    else absent.push(name);
  };
  replaced.forEach(visit);
  const present = [...checksums.keys()];
  return absent.length + edited.length === 0
    ? { state: "all", rows: present }
    : { state: "some", present, absent, edited };
}

/** A name as a comment line can hold it, whatever is in it. */
function quote(name: string): string {
  return /^[^\s"]+$/.test(name) ? name : JSON.stringify(name);
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
