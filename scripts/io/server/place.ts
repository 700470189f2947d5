import { chownSync, mkdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { EXIT, fail } from "../../core/errors.ts";
import type { Settings } from "../../core/settings.ts";
import { processArguments, processFolder } from "./process.ts";

/** The major version of the embedded server; its data folders carry the number, since no other can read them. */
export const SERVER_MAJOR = 18;

/** The Postgres setting by which a server says whose it is; any client may read it, and so does `ps`. */
export const WORKSPACE_SETTING = "schemata.workspace";

/** Where a workspace's embedded server lives. */
export interface ServerPlace {
  /** The workspace without symbolic links: the server's identity. */
  root: string;
  folder: string;
  dataDir: string;
  logFile: string;
  lockFile: string;
  /** Holds the fingerprint of the init.sql that ran last. */
  initMark: string;
  port: number;
}

/** A running server of this workspace, from its postmaster.pid. */
export interface OwnServer {
  pid: number;
  port: number;
  /** Accepts connections; otherwise it is starting up or shutting down. */
  ready: boolean;
}

/** All paths of the embedded server. */
export function placeOf({ root, dbPort }: Pick<Settings, "root" | "dbPort">): ServerPlace {
  const real = realPath(root);
  const folder = join(real, ".schemata", `postgres-${SERVER_MAJOR}`);
  return {
    root: real,
    folder,
    dataDir: join(folder, "data"),
    logFile: join(folder, "server.log"),
    lockFile: join(folder, "lock"),
    initMark: join(folder, "init.sql.sha256"),
    port: dbPort,
  };
}

function realPath(root: string): string {
  try {
    return realpathSync(root);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    return fail({
      fact: `the workspace ${root} ${code === "ENOENT" ? "does not exist" : "cannot be entered"}`,
      fix: "go to the workspace, or name it with --root DIR or SCHEMATA_ROOT",
      status: EXIT.usage,
      cause,
    });
  }
}

/** Makes the folder; root leaves it to the workspace's owner, who will want to use the server, too. */
export function ensureFolder({ root, folder }: ServerPlace): void {
  const { uid, gid } = statSync(root);
  for (const path of [join(root, ".schemata"), folder]) {
    if (statSync(path, { throwIfNoEntry: false })) continue;
    mkdirSync(path, { recursive: true, mode: 0o755 });
    if (process.geteuid?.() === 0) chownSync(path, uid, gid);
  }
}

/** What postmaster.pid says, believed only after a look at the process. Throws EACCES where the folder is another user's. */
export function readOwnServer(place: ServerPlace): OwnServer | undefined {
  const lines = readPidFile(place);
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !isOwnProcess(pid, place)) return undefined;
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === "ready" };
}

/** Whether the process is this workspace's server: its arguments say so, or it runs in the data folder. */
export function isOwnProcess(pid: number, { root, dataDir }: ServerPlace): boolean {
  const command = processArguments(pid);
  if (!/postgres(\.exe)?\b/i.test(command[0] ?? "")) return false;
  if (process.platform === "win32") return true;
  const mark = `${WORKSPACE_SETTING}=${root}`;
  if (process.platform === "linux") return command.includes(mark) || processFolder(pid) === dataDir;
  return [mark, dataDir].some((text) => `${command[0]} `.includes(`${text} `));
}

function readPidFile({ dataDir }: ServerPlace): string[] {
  try {
    return readFileSync(join(dataDir, "postmaster.pid"), "utf8").split("\n");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
