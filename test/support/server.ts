import type { ChildProcess } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureBinaries, findPostgresPackage } from "../../scripts/io/server/binaries.ts";
import { exitOf, runInitdb, spawnPostgres } from "../../scripts/io/server/postgres.ts";
import { chooseServerUser } from "../../scripts/io/server/user.ts";
import olderServers from "../postgres/package.json" with { type: "json" };

const PLATFORM = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;

/** Oldest first: the majors that npm publishes for this kind of machine; each of them must be installed. */
export const MAJORS: readonly number[] = [
  ...Object.keys(olderServers.optionalDependencies)
    .filter((name) => name.endsWith(`-${PLATFORM}`))
    .map((name) => Number.parseInt(name.slice(2), 10)),
  18,
].sort((a, b) => a - b);

/** Quick and unsafe: what a power cut would lose is thrown away anyway. */
export const FAST = {
  fsync: "off",
  full_page_writes: "off",
  autovacuum: "off",
  max_connections: 300,
  shared_buffers: "64MB",
} as const;

export interface ServerOptions {
  major: number;
  /** Absolute; does not exist yet, its parent does. */
  dataDir: string;
  settings?: Readonly<Record<string, string | number>>;
}

/** A real server of a test's own. */
export interface TestServer {
  /** Superuser `postgres` on the database `postgres`. */
  url: string;
  port: number;
  /** Process id of the server as it runs now. */
  pid(): number;
  /** `fast` and `immediate` as in pg_ctl; `crash` kills the postmaster as the kernel would. */
  stop(how?: "fast" | "immediate" | "crash"): Promise<void>;
  /** Starts it again on the same port and data, and waits until it has recovered. */
  start(): Promise<void>;
}

/** Makes a data folder and starts a server on it, on a port free at this moment; resolves when it accepts connections. */
export async function startServer({ major, dataDir, settings = {} }: ServerOptions): Promise<TestServer> {
  const user = chooseServerUser({ dataDir, workspace: import.meta.dirname });
  const binaries = ensureBinaries(findServerPackage(major), user);
  const password = "postgres";
  await runInitdb({ binaries, dataDir, user, password, sync: false });
  const port = await findFreePort();
  let child: ChildProcess | undefined;

  const start = async () => {
    const logFile = `${dataDir}.log`;
    const log = openSync(logFile, "a");
    child = spawnPostgres({ binaries, dataDir, user, port, settings, log });
    closeSync(log);
    notePid(child, `${dataDir}.pid`);
    await untilReady(child, dataDir, logFile);
  };
  const stop = async (how: keyof typeof SIGNALS = "fast") => {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = exitOf(child);
    child.kill(SIGNALS[how]);
    await ended;
  };
  await start();
  return {
    url: `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`,
    port,
    pid: () => child?.pid ?? 0,
    start,
    stop,
  };
}

/** What the sweeper reads: servers that run, never the pid of one that has ended. */
function notePid(child: ChildProcess, file: string): void {
  writeFileSync(file, String(child.pid));
  child.once("exit", () => rmSync(file, { force: true }));
}

const SIGNALS = { fast: "SIGINT", immediate: "SIGQUIT", crash: "SIGKILL" } as const;

/** The folder of the npm package that holds a major's programs; an absent one is an error that names the cure. */
export function findServerPackage(major: number): string {
  if (major === 18) return findPostgresPackage();
  const name = `pg${major}-${PLATFORM}`;
  const folder = resolve(import.meta.dirname, "../postgres/node_modules", name);
  if (existsSync(join(folder, "native"))) return folder;
  throw new Error(`PostgreSQL ${major} is not installed (${name}): run npm ci --prefix test/postgres`);
}

/** The server writes `ready` into its pid file; a crashed one may have left a file with another pid. */
async function untilReady(child: ChildProcess, dataDir: string, logFile: string): Promise<void> {
  const pidFile = join(dataDir, "postmaster.pid");
  for (let waited = 0; waited < 60_000; waited += 20) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    const lines = existsSync(pidFile) ? readFileSync(pidFile, "utf8").split("\n") : [];
    if (lines[0] === String(child.pid) && lines[7]?.trim() === "ready") return;
    await sleep(20);
  }
  child.kill("SIGQUIT");
  throw new Error(`PostgreSQL did not start:\n${readFileSync(logFile, "utf8").slice(-2000)}`);
}

/** A port that nothing listens on at this moment. */
export async function findFreePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, "127.0.0.1", done));
  const address = probe.address();
  await new Promise((done) => probe.close(done));
  if (address === null || typeof address === "string") throw new Error("the probe has no port");
  return address.port;
}
