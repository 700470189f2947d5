import type { ChildProcess } from "node:child_process";
import {
  closeSync,
  existsSync,
  fchownSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail, SchemataError } from "../../core/errors.ts";
import { DEFAULT_LOGIN } from "../../core/settings.ts";
import { closeConnection, connect, ensureDatabase, sqlState } from "../postgres/connect.ts";
import { ensureBinaries, findPostgresPackage } from "./binaries.ts";
import { isOwnProcess, readOwnServer, SERVER_MAJOR, type ServerPlace, WORKSPACE_SETTING } from "./place.ts";
import { runInitdb, spawnPostgres } from "./postgres.ts";
import { isAlive, processArguments, processesIn } from "./process.ts";
import { failStart, serverMessages } from "./startFailure.ts";
import { chooseServerUser, type ServerUser } from "./user.ts";

// Every function here wants the workspace's lock held.

/** For development, yet safe in a crash; docker-compose.yml gives its server the same. */
export const SERVER_SETTINGS = {
  shared_buffers: "128MB",
  max_connections: 200,
  max_locks_per_transaction: 256,
  log_line_prefix: "%m [%p] ",
} as const;

const LOG_LIMIT_BYTES = 8 * 1024 * 1024;
const ORPHANS_MS = 1_000;
const START_MS = 60_000;
const NEWS_MS = 2_000;
const FAST_STOP_MS = 30_000;
const PAUSE_MS = 25;

export interface Watch {
  note(text: string): void;
  signal?: AbortSignal | undefined;
}

/** Starts the server, making its data folder first where there is none; resolves once a login has succeeded. */
export async function startEmbedded(place: ServerPlace, watch: Watch): Promise<{ pid: number }> {
  const user = chooseServerUser({ dataDir: place.dataDir, workspace: place.root });
  checkDataFolder(place);
  const binaries = ensureBinaries(findPostgresPackage(), user);
  const server = { binaries, dataDir: place.dataDir, user };
  if (!existsSync(place.dataDir)) {
    watch.note(`Making the database in ${place.dataDir}`);
    rmSync(place.initMark, { force: true });
    await runInitdb({ ...server, password: DEFAULT_LOGIN.password, signal: watch.signal });
  }
  disarmPidFile(place);
  const log = openLog(place, user);
  const settings = { ...SERVER_SETTINGS, [WORKSPACE_SETTING]: place.root };
  const spawnServer = () =>
    spawnPostgres({ ...server, port: place.port, settings, log: log.file, detached: true });
  try {
    const child = await startPastOrphans({ place, watch, log: log.from, spawnServer });
    await ensureDatabase(loginUrl(place.port, DEFAULT_LOGIN.database));
    return { pid: child.pid as number };
  } finally {
    closeSync(log.file);
  }
}

/** Stops it as gently as `pg_ctl stop` does: sessions are cut off, committed data is safe. */
export async function stopEmbedded(place: ServerPlace, watch: Watch): Promise<boolean> {
  const own = readOwnServer(place);
  if (!own) return false;
  const gone = async (limit: number) => {
    const until = Date.now() + limit;
    while (isOwnProcess(own.pid, place) && Date.now() < until) await sleep(PAUSE_MS);
    return !isOwnProcess(own.pid, place);
  };
  signalServer(own.pid, "SIGINT");
  if (await gone(FAST_STOP_MS)) return true;
  watch.note("The server takes long to stop: stopping it at once, it will recover at its next start");
  signalServer(own.pid, "SIGQUIT");
  if (await gone(FAST_STOP_MS)) return true;
  return fail({
    fact: `the embedded server (pid ${own.pid}) does not stop`,
    why: `the end of ${place.logFile}:\n${serverMessages(place.logFile, 0)}`,
    fix: `kill -9 ${own.pid}   # make start-db recovers from that`,
  });
}

/** Removes the data of a stopped server; interrupted, it leaves either all of it or rubbish that nothing reads. */
export function removeData(place: ServerPlace): void {
  rmSync(place.initMark, { force: true });
  if (!existsSync(place.dataDir)) return;
  const doomed = `${place.dataDir}.making-${process.pid}`;
  renameSync(place.dataDir, doomed);
  rmSync(doomed, { recursive: true, force: true });
}

/** A login of the embedded server. */
export function loginUrl(port: number, database: string): string {
  const { user, password } = DEFAULT_LOGIN;
  return `postgresql://${user}:${password}@127.0.0.1:${port}/${database}`;
}

function signalServer(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ESRCH") return;
    fail({
      fact: `the embedded server (pid ${pid}) may not be stopped by this user`,
      why: "another user started it",
      fix: "sudo make stop-db",
      cause,
    });
  }
}

function checkDataFolder({ dataDir }: ServerPlace): void {
  const found = statSync(dataDir, { throwIfNoEntry: false });
  if (!found) return;
  const me = process.geteuid?.();
  if (me !== undefined && me !== 0 && found.uid !== me) {
    fail({
      fact: `${dataDir} belongs to another user (uid ${found.uid}), so this one (uid ${me}) cannot start the server`,
      why: "the server was first started as that user, or as root",
      fix: "sudo make start-db   # or, to lose its data: sudo rm -r .schemata",
    });
  }
  const version = readVersion(dataDir);
  if (version === String(SERVER_MAJOR)) return;
  fail({
    fact: version
      ? `${dataDir} holds the data of PostgreSQL ${version}, and the embedded server is PostgreSQL ${SERVER_MAJOR}`
      : `${dataDir} holds no PostgreSQL data: its PG_VERSION is missing`,
    why: "a data folder can be read by the major version that made it, and by no other",
    fix: "move it elsewhere, then make start-db; or, to lose what is in it: make reset-db yes=1",
  });
}

function readVersion(dataDir: string): string | undefined {
  const file = join(dataDir, "PG_VERSION");
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

/**
 * After a crash the pid in postmaster.pid may be some other program's by now, and Postgres would refuse to start.
 * Only the pid is replaced, by one that cannot be: the rest of the file lets Postgres find orphans of the old server.
 */
function disarmPidFile({ dataDir }: ServerPlace): void {
  const file = join(dataDir, "postmaster.pid");
  if (!existsSync(file)) return;
  const [pid, ...rest] = readFileSync(file, "utf8").split("\n");
  if (!/^-?\d+$/.test(pid ?? "") || rest.length < 6) rmSync(file);
  else if (isAlive(Number(pid))) writeFileSync(file, ["2147483646", ...rest].join("\n"));
}

function openLog({ logFile, root }: ServerPlace, user: ServerUser | undefined) {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_LIMIT_BYTES) renameSync(logFile, `${logFile}.1`);
  const file = openSync(logFile, "a", 0o600);
  if (user) fchownSync(file, statSync(root).uid, statSync(root).gid);
  return { file, from: size > LOG_LIMIT_BYTES ? 0 : size };
}

interface StartAttempt {
  place: ServerPlace;
  watch: Watch;
  /** Where in the log file this start begins. */
  log: number;
  spawnServer(): ChildProcess;
}

/** A killed server's sessions may outlive it for a while, and no new server may touch the data before they are gone. */
async function startPastOrphans({ place, watch, log, spawnServer }: StartAttempt): Promise<ChildProcess> {
  const until = Date.now() + ORPHANS_MS;
  for (let round = 0; ; round++) {
    const child = spawnServer();
    const ended = await waitUntilReady(child, place, watch);
    if (!ended) return child;
    const said = serverMessages(place.logFile, log);
    const orphans = /pre-existing shared memory block/.test(said);
    if (!orphans || round > 200) return failStart(place, said, ended);
    if (Date.now() > until) endOrphans(place);
    await sleep(150, undefined, watch.signal && { signal: watch.signal });
  }
}

/** They have lost their server, so what they still do can never be committed. */
function endOrphans({ dataDir }: ServerPlace): void {
  for (const pid of processesIn(dataDir)) {
    // Somebody's shell may stand in that folder, too; sessions call themselves `postgres: user database …`.
    if (!/^(postgres: |.*\/postgres$)/.test(processArguments(pid)[0] ?? "")) continue;
    try {
      process.kill(pid, "SIGQUIT");
    } catch {
      // Gone by itself.
    }
  }
}

/** Resolves with nothing once a login has succeeded, or with how the server ended before. */
async function waitUntilReady(child: ChildProcess, place: ServerPlace, watch: Watch) {
  let ended: string | undefined;
  child.once("error", (error) => (ended = error.message));
  child.once("exit", (code, signal) => (ended = `it ended with ${signal ?? `status ${code}`}`));
  const began = Date.now();
  let recovering = false;
  while (ended === undefined) {
    watch.signal?.throwIfAborted();
    const state = await tryLogin(place.port);
    // Somebody else's server could have answered in the place of ours.
    if (state === "ready" && readOwnServer(place)?.pid === child.pid) return undefined;
    const waited = Date.now() - began;
    if (state === "starting" && waited > NEWS_MS && !recovering) {
      recovering = true;
      watch.note("The server was not shut down properly and is recovering");
    }
    if (!recovering && waited > START_MS) failStart(place, "", `no answer within ${START_MS / 1000} s`);
    await sleep(PAUSE_MS);
  }
  return ended;
}

async function tryLogin(port: number): Promise<"ready" | "starting" | "silent"> {
  try {
    await closeConnection(await connect(loginUrl(port, "postgres")));
    return "ready";
  } catch (error) {
    const code = error instanceof SchemataError ? sqlState(error.cause) : undefined;
    if (code === "57P03") return "starting";
    if (code === "28P01")
      fail({
        fact: `the embedded server runs, but refuses the login ${DEFAULT_LOGIN.user} with its usual password`,
        why: "the password was changed inside the database",
        fix: "set DATABASE_URL to a URL with the new one, or change it back",
        cause: error,
      });
    return "silent";
  }
}
