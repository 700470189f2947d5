import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Command {
  argv: string[];
  cwd?: string;
  env?: Record<string, string>;
}

/** Commands that together are one run of a tool. */
export interface Task {
  commands: Command[];
  /** How many of the commands run at a time. */
  jobs: number;
  /** Exit statuses that count as success; default: 0. */
  statuses?: number[];
}

export interface Measured {
  ms: number;
  cpuMs: number;
  /** Of the largest process. */
  peakMb: number;
}

/** Runs a task to its end, as the operating system saw it; a command that fails ends the bench with what it printed. */
export async function runTask(repo: string, dir: string, task: Task): Promise<Measured> {
  const log = join(dir, "output.log");
  const child = spawn("python3", [join(repo, "bench/measure.py")], { stdio: ["pipe", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stdin.end(JSON.stringify({ ...task, log }));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (status !== 0) throw new Error(`measure.py ended with status ${status}`);
  const { failed, ...measured } = JSON.parse(out) as Measured & { failed: number | null };
  if (failed !== null) {
    const [first] = task.commands;
    throw new Error(
      `${first?.argv.join(" ")}\nended with status ${failed}:\n${readFileSync(log, "utf8").slice(-3000)}`,
    );
  }
  return measured;
}
