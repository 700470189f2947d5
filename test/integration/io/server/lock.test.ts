import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, expect, inject, test } from "vitest";
import { withLock } from "../../../../scripts/io/server/lock.ts";
import { processStart } from "../../../../scripts/io/server/process.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(inject("run").folder, "lock-"));
  file = join(folder, "lock");
});

/** Sends many through the lock at once; tells how many were inside at the same time at most. */
async function crowd(size: number): Promise<number> {
  let inside = 0;
  let most = 0;
  const one = () =>
    withLock(file, { waitMs: 30_000 }, async () => {
      most = Math.max(most, ++inside);
      await sleep(1);
      inside--;
    });
  await Promise.all(Array.from({ length: size }, one));
  return most;
}

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
  await once(child, "exit");
  return child.pid as number;
}

test("one at a time, and nothing stays behind", async () => {
  expect(await crowd(20)).toBe(1);
  expect(readdirSync(folder)).toEqual([]);
});

test("the lock of a killed process is taken over by one of many", async () => {
  writeFileSync(file, JSON.stringify({ pid: await deadPid(), start: "1", token: "gone" }));
  expect(await crowd(20)).toBe(1);
  expect(readdirSync(folder)).toEqual([]);
});

test("so is one whose pid has been reused, and one whose taker was killed while taking it over", async () => {
  writeFileSync(file, JSON.stringify({ pid: process.pid, start: "some other time", token: "reused" }));
  writeFileSync(`${file}.reused`, JSON.stringify({ pid: await deadPid(), start: "1", token: "second" }));
  expect(await crowd(10)).toBe(1);
  expect(readdirSync(folder)).toEqual([]);
});

test("a half-written lock is respected while fresh, and taken over when old", async () => {
  writeFileSync(file, '{"pid":');
  await expect(withLock(file, { waitMs: 200 }, async () => "in")).rejects.toThrow(
    /working on the database server/,
  );
  const old = new Date(Date.now() - 60_000);
  utimesSync(file, old, old);
  expect(await withLock(file, { waitMs: 5_000 }, async () => "in")).toBe("in");
});

test("a living holder is waited for, then named", async () => {
  const holder = { pid: process.pid, start: processStart(process.pid), token: "mine" };
  expect(holder.start).not.toBe("");
  writeFileSync(file, JSON.stringify(holder));
  await expect(withLock(file, { waitMs: 200 }, async () => "in")).rejects.toThrow(
    `another command (pid ${process.pid}) has been working on the database server`,
  );
});

test("an interrupt ends the waiting", async () => {
  const holder = { pid: process.pid, start: processStart(process.pid), token: "mine" };
  writeFileSync(file, JSON.stringify(holder));
  const signal = AbortSignal.timeout(100);
  await expect(withLock(file, { waitMs: 60_000, signal }, async () => "in")).rejects.toMatchObject({
    name: "TimeoutError",
  });
});

test("a failure inside frees it", async () => {
  const failing = withLock(file, { waitMs: 100 }, () => Promise.reject(new Error("inside")));
  await expect(failing).rejects.toThrow("inside");
  expect(readdirSync(folder)).toEqual([]);
});
