import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type Failure, fail } from "../../core/errors.ts";
import type { ServerPlace } from "./place.ts";
import { portTaken } from "./portTaken.ts";

const TAIL_BYTES = 8_192;
const TAIL_LINES = 8;

/** What the server wrote to its log since byte `from`, at most its last few kilobytes. */
export function serverMessages(logFile: string, from: number): string {
  const file = openSync(logFile, "r");
  try {
    const start = Math.max(from, fstatSync(file).size - TAIL_BYTES);
    const buffer = Buffer.alloc(TAIL_BYTES);
    return buffer.toString("utf8", 0, readSync(file, buffer, 0, TAIL_BYTES, start)).trim();
  } finally {
    closeSync(file);
  }
}

/** Turns a server that ended instead of starting into words, from its own last messages. */
export function failStart(place: ServerPlace, said: string, ended: string): never {
  if (/could not bind .* address/i.test(said)) return fail(portTaken(place, undefined));
  const lines = said.split("\n").slice(-TAIL_LINES).join("\n");
  return fail({ fact: "the embedded server did not start", ...explain(place, said, lines || ended) });
}

function explain(
  { logFile, dataDir, folder }: ServerPlace,
  said: string,
  tail: string,
): Omit<Failure, "fact"> {
  const why = `${tail}\n(${logFile})`;
  if (/no space left on device/i.test(said))
    return { why: `the disk of ${folder} is full\n${why}`, fix: `free some room: df -h ${folder}` };
  if (/cannot allocate memory|could not map anonymous shared memory/i.test(said))
    return {
      why: `the machine has too little free memory\n${why}`,
      fix: "free some memory, then make start-db",
    };
  if (/permission denied|has wrong ownership|invalid permissions/i.test(said))
    return {
      why: `the server's user may not use its data folder\n${why}`,
      fix: `chmod 700 ${dataDir}   # and see that all in it belongs to one user`,
    };
  if (
    /invalid (primary )?checkpoint|could not locate a valid checkpoint|is corrupt|invalid data in file/i.test(
      said,
    )
  )
    return { why: `its data is damaged\n${why}`, fix: "restore a copy, or begin anew: make reset-db yes=1" };
  return { why, fix: `read ${logFile}; to begin anew: make reset-db yes=1` };
}

/** What helps where initdb failed, by its own words. */
export function adviseMaking(said: string): string {
  if (/no space left/i.test(said)) return "free some room on that disk, then make start-db";
  // As in a container that runs under a number that nobody has.
  const [, uid] = /could not look up effective user ID (\d+)/.exec(said) ?? [];
  const first = uid === undefined ? "correct that" : `give the user ${uid} an entry in /etc/passwd`;
  return `${first}, then make start-db; or set DATABASE_URL to a server of your own`;
}
