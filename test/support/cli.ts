import { join } from "node:path";
import { execa } from "execa";
import { askRun } from "./run.ts";

export interface CliOptions {
  /** The workspace; `cwd` unless it is given. */
  root?: string;
  databaseUrl?: string;
  /** Added to a bare environment: nothing of the caller's own settings reaches the tool. */
  env?: Record<string, string>;
  cwd?: string;
  /** Text on standard input; default: none, so that nothing can wait for an answer. */
  stdin?: string;
}

export interface CliResult {
  /** Exit status; a process ended by a signal has none. */
  status: number | undefined;
  signal: string | undefined;
  stdout: string;
  stderr: string;
  /** Standard output parsed as JSON; shows both outputs when it is none. */
  json<T = unknown>(): T;
}

/** Runs the built tool to its end, whatever its exit status. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const result = await (await spawnCli(args, options)).process;
  const { stdout, stderr } = result;
  return {
    status: result.exitCode,
    signal: result.signal,
    stdout,
    stderr,
    json: () => {
      try {
        return JSON.parse(stdout);
      } catch (cause) {
        throw new Error(`no JSON on standard output:\n${stdout}\nand on standard error:\n${stderr}`, {
          cause,
        });
      }
    },
  };
}

/** A run of the tool under way; `exitCode` and outputs come with its end. */
export type CliProcess = ReturnType<typeof startNode>;

/** Starts the built tool without waiting for it, so that a test can interrupt or kill it. */
export async function spawnCli(
  args: readonly string[],
  options: CliOptions = {},
): Promise<{ process: CliProcess }> {
  // Wrapped, because awaiting this function would otherwise await the end of the process.
  return { process: startNode([join(await toolFolder(), "cli.js"), ...args], options) };
}

function startNode(args: readonly string[], { root, databaseUrl, env, cwd, stdin }: CliOptions) {
  return execa(process.execPath, args, {
    cwd: cwd ?? root ?? process.cwd(),
    env: {
      ...bareEnvironment(),
      ...(root !== undefined && { SCHEMATA_ROOT: root }),
      ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }),
      ...env,
    },
    extendEnv: false,
    reject: false,
    input: stdin ?? "",
  });
}

/** The folder of the tool, built once for the whole run when its sources are newer. */
export function toolFolder(): Promise<string> {
  return askRun("/tool");
}

/** What programs need of the environment to run at all. */
export function bareEnvironment(): Record<string, string> {
  const needed = ["PATH", "HOME", "TMPDIR", "TEMP", "SYSTEMROOT", "LANG", "USER"];
  return Object.fromEntries(
    needed.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
