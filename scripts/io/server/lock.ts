import { randomUUID } from "node:crypto";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fail } from "../../core/errors.ts";
import { isAlive, processStart } from "./process.ts";

interface Holder {
  pid: number;
  /** The system's word for when that process began: a reused pid has another. */
  start: string;
  token: string;
}

/** A file just created has no content for a moment; one that stays so belongs to a process that was killed. */
const UNFINISHED_MS = 5_000;
const PAUSE_MS = 50;

/**
 * Runs `work` while no other process runs its own under the same file. A holder that was killed, even by
 * SIGKILL or with the machine, blocks nobody.
 */
export async function withLock<T>(
  file: string,
  options: { waitMs: number; signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const until = Date.now() + options.waitMs;
  while (!tryLock(file)) {
    options.signal?.throwIfAborted();
    if (Date.now() > until) {
      fail({
        fact: `another command (pid ${readHolder(file)?.pid ?? "unknown"}) has been working on the database server for ${Math.round(options.waitMs / 1000)} s`,
        why: `it holds ${file}`,
        fix: "wait for it, or end it, and run this again",
      });
    }
    await sleep(PAUSE_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/**
 * Removing a dead holder's file must not hit the file of a process that did so a moment before. The right to
 * remove it is therefore itself a lock, named after that one holder, and the file is read again under it.
 */
function tryLock(file: string): boolean {
  if (create(file)) return true;
  const holder = readHolder(file);
  if (!holder || isHeld(holder)) return false;
  const right = `${file}.${holder.token}`;
  if (!tryLock(right)) return false;
  try {
    if (readHolder(file)?.token === holder.token) rmSync(file, { force: true });
  } finally {
    rmSync(right, { force: true });
  }
  return create(file);
}

function create(file: string): boolean {
  const holder: Holder = { pid: process.pid, start: processStart(process.pid), token: randomUUID() };
  try {
    writeFileSync(file, JSON.stringify(holder), { flag: "wx", mode: 0o644 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    // On a full disk the file is made and stays empty.
    rmSync(file, { force: true });
    throw error;
  }
}

/** Nothing for a file that is gone again or still being written: the next round sees more. */
function readHolder(file: string): Holder | undefined {
  try {
    const text = readFileSync(file, "utf8");
    if (text.endsWith("}")) return JSON.parse(text);
    const abandoned = Date.now() - statSync(file).mtimeMs > UNFINISHED_MS;
    return abandoned ? { pid: 0, start: "", token: "unfinished" } : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function isHeld({ pid, start }: Holder): boolean {
  return pid > 0 && isAlive(pid) && processStart(pid) === start;
}
