import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

// Process ids are reused, so a pid from a file says nothing until the process itself was looked at.

/** The arguments of a running process, the program first; none for one that is gone or a zombie. */
export function processArguments(pid: number): string[] {
  if (process.platform === "linux") {
    const text = readOrNothing(`/proc/${pid}/cmdline`);
    return text === "" ? [] : text.replace(/\0$/, "").split("\0");
  }
  const command =
    process.platform === "win32"
      ? ask("tasklist", ["/FI", `PID eq ${pid}`, "/FO", "CSV", "/NH"])
      : ask("ps", ["-ww", "-o", "command=", "-p", String(pid)]);
  return command.trim() === "" ? [] : [command.trim()];
}

/** Tells two processes of the same pid apart: when this one began, in the system's own words. */
export function processStart(pid: number): string {
  if (process.platform === "linux") {
    // Field 22 of proc_pid_stat(5), counted behind the name in parentheses, which may hold anything.
    const fields = readOrNothing(`/proc/${pid}/stat`)
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[19] ?? "";
  }
  return process.platform === "win32" ? "" : ask("ps", ["-o", "lstart=", "-p", String(pid)]).trim();
}

/** Whether any process has this pid, also one of another user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The current folder of a process; unknown outside Linux and, for one of another user, to anyone but root. */
export function processFolder(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

/** Every process whose current folder this is; finds none outside Linux. */
export function processesIn(folder: string): number[] {
  return allProcesses().filter((pid) => processFolder(pid) === folder);
}

/** Name and pid of the process that listens on a TCP port, as far as the system tells this user. */
export function describeListener(port: number): string | undefined {
  const pid = process.platform === "linux" ? listenerOnLinux(port) : listenerByLsof(port);
  if (pid === undefined) return undefined;
  const program = processArguments(pid)[0]?.split("/").pop()?.split(" ")[0];
  return `${program || "a program"}, pid ${pid}`;
}

function listenerOnLinux(port: number): number | undefined {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const sockets = ["/proc/net/tcp", "/proc/net/tcp6"]
    .flatMap((file) => readOrNothing(file).split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${hexPort}`) && state === "0A")
    .map((fields) => `socket:[${fields[9]}]`);
  return allProcesses().find((pid) => openFiles(pid).some((file) => sockets.includes(file)));
}

function listenerByLsof(port: number): number | undefined {
  const found = ask("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fp"]).match(/^p(\d+)/m);
  return found ? Number(found[1]) : undefined;
}

function allProcesses(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return "";
      }
    });
  } catch {
    return [];
  }
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function ask(program: string, args: string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}
