#!/usr/bin/env node
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import yargs, { type Argv } from "yargs";
import { hideBin, Parser } from "yargs/helpers";
import type { Command, Context } from "./command.ts";
import { VERBS } from "./commands/index.ts";
import { EXIT, fail, maskPasswords, renderError, SchemataError } from "./core/errors.ts";
import { parseSettings, type Settings } from "./core/settings.ts";

// The only file that reads argv, the environment and the terminal, and the only error boundary.

const argv = hideBin(process.argv);
const interrupt = new AbortController();
/** Lines at the bottom of the terminal that will be drawn again. */
const live: string[] = [];

process.exitCode = await main().catch(report);

async function main(): Promise<number> {
  const verb = VERBS[argv[0] ?? ""] ? argv[0] : undefined;
  // One verb's options are enough to run it; help and misspellings want them all.
  const names = verb ? [verb] : Object.keys(VERBS);
  const commands = await Promise.all(names.map(async (name) => ({ name, ...(await load(name)) })));
  let status: number = EXIT.done;
  const parser = yargs()
    .scriptName("schemata")
    .usage(
      "$0 <verb> [options]\n\nOne Postgres database, one schema per service: migrations that revise and upgrade alone.",
    )
    .option("root", {
      type: "string",
      describe: "The workspace: the folder that holds services/",
      global: true,
    })
    .env("SCHEMATA")
    .strict()
    .demandCommand(1, "Which verb?")
    .recommendCommands()
    .version(false)
    .help()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .fail((message, error) => {
      throw (
        error ??
        new SchemataError({
          fact: message,
          fix: `schemata ${verb ?? ""} --help`.replace("  ", " "),
          status: EXIT.usage,
        })
      );
    });
  for (const { name, ...command } of commands) {
    parser.command({
      command: [name, command.positionals].filter(Boolean).join(" "),
      describe: command.describe,
      builder: (own: Argv) => {
        for (const [example, meaning] of command.examples ?? []) own.example(example, meaning);
        return command.options(own);
      },
      handler: async (options) => {
        status = await command.run(options, makeContext());
      },
    });
  }
  await parser.parseAsync(argv);
  return status;
}

async function load(name: string): Promise<Command> {
  const found = VERBS[name];
  if (!found) throw new Error(`no verb ${name}`);
  return (await found()).default;
}

function makeContext(): Context {
  const settings = readSettings();
  const interactive = Boolean(process.stdin.isTTY && process.stderr.isTTY);
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => interrupt.abort());
  }
  return {
    settings,
    env: process.env,
    print: (text) => void process.stdout.write(`${text}\n`),
    note: (text) => {
      const lines = live.splice(0);
      erase(lines.length);
      process.stderr.write(`${maskPasswords(text)}\n`);
      draw(lines);
    },
    draw,
    terminal: { interactive, columns: process.stderr.columns ?? 100 },
    signal: interrupt.signal,
    ask: async (question) => {
      if (!interactive) return undefined;
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return await lines.question(question, { signal: interrupt.signal });
      } finally {
        lines.close();
      }
    },
  };
}

function draw(lines: readonly string[]): void {
  erase(live.length);
  live.splice(0, live.length, ...lines);
  if (lines.length > 0) process.stderr.write(`${lines.join("\n")}\n`);
}

/** Moves up over lines that were drawn and clears the screen below. */
function erase(lines: number): void {
  if (lines > 0) process.stderr.write(`\u001B[${lines}A\u001B[0J`);
}

function readSettings(): Settings {
  const root = findRoot();
  const file = join(root, ".env");
  if (existsSync(file)) process.loadEnvFile(file);
  const parsed = parseSettings(process.env, root);
  if ("settings" in parsed) return parsed.settings;
  return fail({
    fact: parsed.problems.join("\n"),
    fix: `correct the environment or ${file}`,
    status: EXIT.usage,
  });
}

/** The workspace: `--root`, `SCHEMATA_ROOT`, or the nearest folder upwards that holds services/. */
function findRoot(): string {
  const given = Parser(argv, { string: ["root"] }).root ?? process.env.SCHEMATA_ROOT;
  if (typeof given === "string" && given !== "") return resolve(given);
  for (let dir = process.cwd(); ; dir = dirname(dir)) {
    if (existsSync(join(dir, "services"))) return dir;
    if (dir === dirname(dir)) return process.cwd();
  }
}

function report(error: unknown): number {
  if (error instanceof SchemataError) {
    process.stderr.write(`${renderError(error)}\n`);
    if (process.env.DEBUG) process.stderr.write(`${maskPasswords(String(error.stack))}\n`);
    return error.status;
  }
  if (interrupt.signal.aborted) return EXIT.interrupted;
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    `schemata failed: ${maskPasswords(text)}\n  Why: this looks like a defect of the tool\n  Fix: run it again with DEBUG=1 and report what it prints\n`,
  );
  if (process.env.DEBUG && error instanceof Error)
    process.stderr.write(`${maskPasswords(String(error.stack))}\n`);
  return EXIT.failed;
}
