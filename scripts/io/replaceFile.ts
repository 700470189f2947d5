import { randomBytes } from "node:crypto";
import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const HEX_BYTES = 6;
/** Between the two steps of a replacement lie milliseconds; one that is stopped in between only fails. */
const ABANDONED_MS = 60_000;

/** Replaces a file in one step, so that nobody ever reads half of it; its mode stays. */
export function replaceFile(file: string, content: string): void {
  // Beside it, since a rename does not lead to another file system.
  const half = `${file}.${randomBytes(HEX_BYTES).toString("hex")}`;
  try {
    writeFileSync(half, content, { mode: statSync(file).mode });
    renameSync(half, file);
  } catch (error) {
    rmSync(half, { force: true });
    throw error;
  }
}

/** Removes what replacements of a file that were killed have left beside it, where that can be done. */
export function sweepHalves(file: string): void {
  const prefix = `${basename(file)}.`;
  const isHalf = (name: string) =>
    name.startsWith(prefix) && new RegExp(`^[0-9a-f]{${2 * HEX_BYTES}}$`).test(name.slice(prefix.length));
  try {
    for (const name of readdirSync(dirname(file)).filter(isHalf)) {
      const half = join(dirname(file), name);
      const facts = statSync(half, { throwIfNoEntry: false });
      if (facts?.isFile() && Date.now() - facts.mtimeMs > ABANDONED_MS) rmSync(half, { force: true });
    }
  } catch {
    // They are in nobody's way.
  }
}
