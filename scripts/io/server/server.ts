import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fail, SchemataError } from "../../core/errors.ts";
import type { Settings } from "../../core/settings.ts";
import { DEFAULT_LOGIN } from "../../core/settings.ts";
import { ensureDatabase, sqlState, withConnection } from "../postgres/connect.ts";
import { readServices } from "../workspace.ts";
import { DOCKER_WORKSPACE, startDocker, startedByDocker, stopDocker } from "./docker.ts";
import { loginUrl, removeData, startEmbedded, stopEmbedded, type Watch } from "./embedded.ts";
import { explainFileErrors, isDiskFull } from "./fileError.ts";
import { initSqlIsDone, runInitSql } from "./initSql.ts";
import { withLock } from "./lock.ts";
import { ensureFolder, placeOf, readOwnServer, type ServerPlace, WORKSPACE_SETTING } from "./place.ts";
import { type PortState, probePort } from "./port.ts";
import { portTaken } from "./portTaken.ts";

/** The workspace's server that answers now. */
export interface RunningServer {
  by: "embedded" | "docker";
  port: number;
  /** Unknown for Docker, and for a server whose data folder this user may not read. */
  pid?: number;
}

const LOCK_WAIT_MS = 180_000;
const SETTLE_MS = 60_000;
/** A connection that breaks has the system's code, Postgres' own for a shutdown, or none. */
const BROKEN: readonly unknown[] = ["ECONNREFUSED", "ECONNRESET", "EPIPE", "57P01", "57P03", undefined];

/**
 * Makes the workspace's database answer, starting the embedded server where nothing does, and brings it up to
 * init.sql. Nothing is done where DATABASE_URL is set; a server that is already up costs no connection.
 */
export async function ensureServer(
  settings: Settings,
  note: (text: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (settings.databaseFrom === "environment") return;
  const place = placeOf(settings);
  const own = readOwnOrNothing(place);
  if (own?.ready && own.port === place.port && initSqlIsDone(place, "embedded")) return;
  const { server, started } = await reach(place, () => startOrFind(place, { note, signal }));
  if (started) note(`Started the database server on 127.0.0.1:${server.port}`);
  if (started || !initSqlIsDone(place, server.by)) await runInitSql(place, server.by);
}

/** As {@link ensureServer}, but runs init.sql in any case, and tells what it found. */
export async function startServer(
  settings: Settings,
  watch: Watch & { by?: "embedded" | "docker" },
): Promise<Outcome> {
  const place = placeOf(settings);
  const outcome = await reach(place, () =>
    watch.by === "docker" ? startInDocker(place, watch) : startOrFind(place, watch),
  );
  await runInitSql(place, outcome.server.by);
  return outcome;
}

/** Stops what start-db started in this workspace, whatever DATABASE_URL says, and tells what that was. */
export async function stopServer(settings: Settings, watch: Watch): Promise<RunningServer["by"][]> {
  const place = placeOf(settings);
  const stopped: RunningServer["by"][] = [];
  if (existsSync(place.folder)) {
    const stop = () => stopEmbedded(place, watch);
    const ended = await locked(place, watch, stop).catch((error: unknown) => {
      // No room for the lock is no reason to go on running.
      if (isDiskFull(error)) return stop();
      throw error;
    });
    if (ended) stopped.push("embedded");
  }
  if (startedByDocker(settings)) {
    await stopDocker(settings, { data: false }, watch);
    stopped.push("docker");
  }
  return stopped;
}

/** Begins anew: all databases of the workspace's server are lost, then it starts as at the first time. */
export async function resetServer(settings: Settings, watch: Watch): Promise<RunningServer> {
  const place = placeOf(settings);
  if (startedByDocker(settings)) {
    await stopDocker(settings, { data: true }, watch);
    return (await startServer(settings, { ...watch, by: "docker" })).server;
  }
  await locked(place, watch, async () => {
    await stopEmbedded(place, watch);
    removeData(place);
  });
  return (await startServer(settings, watch)).server;
}

/**
 * The workspace's server if one answers, after waiting for one that is starting or stopping. Whatever else holds
 * the port is a failure.
 */
export async function serverStatus(settings: Settings): Promise<RunningServer | undefined> {
  return findRunning(placeOf(settings));
}

type Outcome = { server: RunningServer; started: boolean };

/** A server that was found may be dying at this moment: only a login tells, and then it is looked for again. */
async function reach(place: ServerPlace, find: () => Promise<Outcome>): Promise<Outcome> {
  for (let round = 0; ; round++) {
    const outcome = await find();
    try {
      await ensureDatabase(loginUrl(place.port, DEFAULT_LOGIN.database));
      return outcome;
    } catch (error) {
      const code = error instanceof SchemataError ? sqlState(error.cause) : undefined;
      if (round === 20 || !BROKEN.includes(code)) throw error;
      await sleep(100);
    }
  }
}

async function startOrFind(place: ServerPlace, watch: Watch): Promise<Outcome> {
  const found = await findRunning(place, watch.signal);
  if (found) return { server: found, started: false };
  // Fails outside of a workspace, where nobody wants a server's data.
  readServices(place.root);
  return locked(place, watch, async () => {
    const foundNow = await findRunning(place, watch.signal);
    if (foundNow) return { server: foundNow, started: false };
    const { pid } = await startEmbedded(place, watch);
    return { server: { by: "embedded" as const, port: place.port, pid }, started: true };
  });
}

async function startInDocker(place: ServerPlace, watch: Watch): Promise<Outcome> {
  const found = await findRunning(place, watch.signal);
  if (found?.by === "embedded") {
    fail({
      fact: `the embedded server is running on port ${found.port}`,
      why: "both ways of starting use the same port",
      fix: "make stop-db, then make start-db db=docker",
    });
  }
  await startDocker({ root: place.root, dbPort: place.port }, watch);
  return { server: { by: "docker" as const, port: place.port }, started: found === undefined };
}

function locked<T>(place: ServerPlace, watch: Watch, work: () => Promise<T>): Promise<T> {
  return explainFileErrors(place.folder, async () => {
    ensureFolder(place);
    return withLock(place.lockFile, { waitMs: LOCK_WAIT_MS, signal: watch.signal }, work);
  });
}

async function findRunning(place: ServerPlace, signal?: AbortSignal): Promise<RunningServer | undefined> {
  const own = await settled(place, signal);
  if (own && own.port !== place.port) {
    fail({
      fact: `the embedded server is already running on port ${own.port}, not ${place.port}`,
      why: "DB_PORT, or its default, was changed while it ran",
      fix: "make stop-db, then make start-db",
    });
  }
  if (own) return { by: "embedded", port: own.port, pid: own.pid };
  const state = await steadyState(place.port);
  if (state === "free") return undefined;
  if (state === "other") return fail(portTaken(place, "other"));
  const workspace = await askWorkspace(place.port);
  if (workspace === DOCKER_WORKSPACE) return { by: "docker", port: place.port };
  if (workspace === place.root) return { by: "embedded", port: place.port };
  return fail(portTaken(place, workspace ? { workspace } : "postgres"));
}

/** A server that was just killed hangs up on one more caller before its port is free. */
async function steadyState(port: number): Promise<PortState> {
  for (let round = 0; ; round++) {
    const state = await probePort(port);
    if (state !== "other" || round === 2) return state;
    await sleep(150);
  }
}

/** Waits for a server that another command is just starting or stopping. */
async function settled(place: ServerPlace, signal: AbortSignal | undefined) {
  const until = Date.now() + SETTLE_MS;
  for (;;) {
    const own = readOwnOrNothing(place);
    if (!own || own.ready || Date.now() > until) return own;
    signal?.throwIfAborted();
    await sleep(50);
  }
}

/** A data folder of another user cannot be looked into, but the server itself can be asked. */
function readOwnOrNothing(place: ServerPlace) {
  try {
    return readOwnServer(place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") return undefined;
    throw error;
  }
}

/** Whose server answers on the port; nothing for one that neither start-db nor docker-compose.yml started. */
async function askWorkspace(port: number): Promise<string | undefined> {
  try {
    return await withConnection(loginUrl(port, "postgres"), async (client) => {
      const { rows } = await client.query("SELECT current_setting($1, true) AS workspace", [
        WORKSPACE_SETTING,
      ]);
      return rows[0]?.workspace || undefined;
    });
  } catch {
    return undefined;
  }
}
