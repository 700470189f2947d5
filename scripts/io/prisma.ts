import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa, type Options } from "execa";
import { fail } from "../core/errors.ts";
import type { Service } from "../core/service.ts";
import type { Settings } from "../core/settings.ts";

const HERE = dirname(fileURLToPath(import.meta.url));

/** One call of the stock Prisma CLI, in a service's folder and on its schema. */
export interface PrismaCall {
  /** Without the word `prisma`, such as `["migrate", "status"]`. */
  args: readonly string[];
  service: Service;
  settings: Settings;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** What a captured call printed. */
export interface PrismaOutput {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs the CLI with the terminal passed through, so that it can ask, and returns its exit status. */
export async function runPrisma(call: PrismaCall): Promise<number> {
  const { status } = await spawnPrisma(call, { stdio: "inherit" });
  return status;
}

/** Runs the CLI without a terminal and keeps what it prints. */
export function capturePrisma(call: PrismaCall): Promise<PrismaOutput> {
  return spawnPrisma(call, { stdin: "ignore" });
}

/** Runs the CLI until it ends, and hands over each line of its standard output as it comes. */
export async function followPrisma(call: PrismaCall, onLine: (line: string) => void): Promise<number> {
  const { status } = await spawnPrisma(call, {
    stdin: "inherit",
    stderr: "inherit",
    stdout: function* (line: unknown) {
      onLine(String(line));
      yield line;
    },
  });
  return status;
}

/** The CLI itself, not through npx, which costs 0.3 s. */
async function spawnPrisma(call: PrismaCall, stdio: Options): Promise<PrismaOutput> {
  const { args, service, settings, env, signal } = call;
  const config = configOf(service);
  const result = await execa(process.execPath, [prismaProgram(), ...insertOptions(args, config.args)], {
    cwd: service.dir,
    env: {
      ...env,
      DATABASE_URL: settings.databaseUrl,
      PRISMA_SCHEMA_ENGINE_BINARY: env.PRISMA_SCHEMA_ENGINE_BINARY || engineProgram(),
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
      CHECKPOINT_DISABLE: "1",
      ...config.env,
    },
    extendEnv: false,
    reject: false,
    cancelSignal: signal,
    // Else execa would hand the signal that ended the child to this process, which still has to say how it went.
    cleanup: false,
    ...stdio,
  });
  if (result.failed && result.exitCode === undefined && !signal.aborted && result.signal === undefined) {
    return fail({
      fact: `${service.name}: the Prisma CLI could not be started`,
      why: result.originalMessage,
      fix: "npm ci",
      cause: result.cause,
    });
  }
  return {
    status: result.exitCode ?? 130,
    stdout: String(result.stdout ?? ""),
    stderr: String(result.stderr ?? ""),
  };
}

function prismaProgram(): string {
  try {
    return join(createRequire(import.meta.url).resolve("prisma/package.json"), "../build/index.js");
  } catch (cause) {
    return fail({ fact: "The Prisma CLI is not installed", fix: "npm ci", cause });
  }
}

/** The door to the WebAssembly engine, built beside this file. */
function engineProgram(): string {
  return join(HERE, "schema-engine.js");
}

/** A service's own configuration, wherever Prisma would find it, or the one that is built beside this file. */
function configOf({ dir }: Service): { args: string[]; env: Record<string, string> } {
  const names = ["prisma.config", "prisma7.config", ".config/prisma", ".config/prisma7"];
  const files = names.flatMap((name) =>
    ["ts", "mts", "cts", "js", "mjs", "cjs"].map((ending) => `${name}.${ending}`),
  );
  if (files.some((file) => existsSync(join(dir, file)))) return { args: [], env: {} };
  return { args: ["--config", join(HERE, "prisma.config.js")], env: { PRISMA_SERVICE_DIR: dir } };
}

/** Before a `--`, after which everything is another program's. */
function insertOptions(args: readonly string[], options: readonly string[]): string[] {
  const end = args.indexOf("--");
  return end === -1 ? [...args, ...options] : [...args.slice(0, end), ...options, ...args.slice(end)];
}
