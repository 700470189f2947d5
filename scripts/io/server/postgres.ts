import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fail } from "../../core/errors.ts";
import type { Binaries } from "./binaries.ts";
import { adviseMaking } from "./startFailure.ts";
import type { ServerUser } from "./user.ts";

interface DataFolder {
  binaries: Binaries;
  /** Absolute path; its parent exists. */
  dataDir: string;
  /** Default: whoever runs the tool. */
  user?: ServerUser | undefined;
}

export interface InitOptions extends DataFolder {
  password: string;
  /** `false` for throw-away data: quicker, and lost by a power cut. Default: true. */
  sync?: boolean;
  signal?: AbortSignal | undefined;
}

/**
 * Makes a data folder with one superuser, `postgres`, who needs the password on every connection. The folder
 * appears whole or not at all; call it for one folder from one process at a time.
 */
export async function runInitdb(options: InitOptions): Promise<void> {
  const { dataDir, user, signal } = options;
  sweepHalfMade(dataDir);
  const making = `${dataDir}.making-${randomBytes(4).toString("hex")}`;
  mkdirSync(making, { mode: 0o700 });
  if (user) chownSync(making, user.uid, user.gid);
  const child = spawnWithPassword({ ...options, dataDir: making });
  const output = Promise.all([text(child.stdout as Readable), text(child.stderr as Readable)]);
  const status = await exitOf(child);
  const [stdout, stderr] = await output;
  if (status === 0) {
    renameSync(making, dataDir);
    return;
  }
  rmSync(making, { recursive: true, force: true });
  signal?.throwIfAborted();
  const why = (stderr.trim() || stdout.trim() || `initdb ended with ${status}`).replaceAll(
    "/proc/self/cwd",
    dataDir,
  );
  fail({
    fact: `the embedded server's data folder ${dataDir} could not be made`,
    why,
    fix: adviseMaking(why),
  });
}

/** What an interrupted initdb left behind is never used, and removed by the next one. */
function sweepHalfMade(dataDir: string): void {
  const parent = dirname(dataDir);
  for (const name of readdirSync(parent))
    if (name.startsWith(`${basename(dataDir)}.making-`))
      rmSync(join(parent, name), { recursive: true, force: true });
}

/** The password goes through an open file that no path leads to any more: neither argv nor the disk shows it. */
function spawnWithPassword({ binaries, dataDir, user, password, sync = true, signal }: InitOptions) {
  const file = `${dataDir}.password`;
  writeFileSync(file, `${password}\n`, { mode: 0o600, flag: "wx" });
  const windows = process.platform === "win32";
  const open = openSync(file, "r");
  try {
    if (user) chownSync(file, user.uid, user.gid);
    const utf8 = binaries.major >= 17 ? ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] : [];
    const child = spawn(
      binaries.initdb,
      [
        ...dataArgs(dataDir, user),
        "--username=postgres",
        `--pwfile=${windows ? file : "/dev/fd/3"}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        ...utf8,
        ...(sync ? [] : ["--no-sync"]),
      ],
      { ...processOptions(dataDir, user), stdio: ["ignore", "pipe", "pipe", open], signal },
    );
    if (windows) child.once("close", () => unlinkSync(file));
    return child;
  } finally {
    closeSync(open);
    if (!windows) unlinkSync(file);
  }
}

export interface SpawnOptions extends DataFolder {
  port: number;
  /** Postgres' settings beyond the address, such as `{ fsync: "off" }` for throw-away data. */
  settings?: Readonly<Record<string, string | number>>;
  /** An open file for what the server says; default: nowhere. */
  log?: number;
  /** Whether the server outlives this process. Default: false. */
  detached?: boolean;
}

/** Starts a server that listens on 127.0.0.1 and nowhere else; returns before it accepts connections. */
export function spawnPostgres(options: SpawnOptions): ChildProcess {
  const { binaries, dataDir, user, port, settings = {}, log, detached = false } = options;
  const all = { port, listen_addresses: "127.0.0.1", unix_socket_directories: "", ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const output = log ?? "ignore";
  const child = spawn(binaries.postgres, [...dataArgs(dataDir, user), ...flags], {
    ...processOptions(dataDir, user),
    stdio: ["ignore", output, output],
    detached,
    windowsHide: true,
  });
  if (detached) child.unref();
  return child;
}

/** Resolves with the exit status, or the signal's name; rejects when the program could not be run at all. */
export function exitOf(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal ?? "no status"));
  });
}

/**
 * The server's user may have no right to walk down to its data folder. Node changes the directory before the
 * user, and Linux follows this link into the current directory without asking for rights on its parents.
 */
function dataArgs(dataDir: string, user: ServerUser | undefined): string[] {
  return ["-D", user && process.platform === "linux" ? "/proc/self/cwd" : dataDir];
}

function processOptions(dataDir: string, user: ServerUser | undefined) {
  return { cwd: dataDir, env: serverEnvironment(), ...(user && { uid: user.uid, gid: user.gid }) };
}

/** Neither PG* variables of the user's shell nor its locale and time zone may change what is made. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const fixed = { LC_ALL: "C", TZ: "UTC" };
  return process.platform === "win32" ? { ...process.env, ...fixed } : { ...fixed, PATH: "/usr/bin:/bin" };
}
