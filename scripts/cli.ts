import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setFlagsFromString } from "node:v8";
import yargs, { type Argv } from "yargs";
import { hideBin, Parser } from "yargs/helpers";
import type { Command, Context } from "./command.ts";
import { VERBS } from "./commands/index.ts";
import { describeDefect, EXIT, fail, maskPasswords, renderError, SchemataError } from "./core/errors.ts";
import { normalizeFlags, readOptionVariables } from "./core/optionVariables.ts";
import { explainServerError } from "./core/serverError.ts";
import { nearestName } from "./core/service.ts";
import { parseSettings, type Settings } from "./core/settings.ts";
import { readDeclaredOptions } from "./declaredOptions.ts";

// The only file that reads argv, the environment and the terminal, and the only error boundary.

const argv = hideBin(process.argv);
const interrupt = new AbortController();
const MEMORY_FLAGS = ["--semi-space-growth-factor=1", "--no-incremental-marking"];
const AGAIN = { again: "run the command again" };
/** Lines at the bottom of the terminal that will be drawn again. */
const live: string[] = [];

// A reader that has seen enough, such as head, does not stop the work.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
// What nobody waited for when it failed.
process.once("uncaughtException", (error) => process.exit(report(error)));

// Until the end is reached, there is no success.
process.exitCode = EXIT.failed;
void main()
  .catch(report)
  .then((status) => {
    process.exitCode = status;
    // Once what was written is out: taking Node apart piece by piece takes longer than a short command's work.
    process.stdout.write("", () => process.stderr.write("", () => process.exit()));
  });

async function main(): Promise<number> {
  const verb = findVerb();
  // One verb's options are enough to run it; help and misspellings want them all.
  const names = verb ? [verb] : Object.keys(VERBS);
  const commands = await Promise.all(names.map(async (name) => ({ name, ...(await load(name)) })));
  let status: number = EXIT.done;
  loadEnvironment();
  const { args, preset, valued } = readArguments(verb === undefined ? undefined : commands[0]);
  const parser = yargs()
    .scriptName("schemata")
    .usage(
      "$0 <verb> [options]\n\nOne Postgres database, one schema per service: migrations that revise and upgrade alone.",
    )
    .option("root", {
      type: "string",
      describe: "The workspace: the folder that holds services/",
      global: true,
      requiresArg: true,
    })
    .config(preset)
    .strict()
    .demandCommand(1, "Which verb?")
    .version(false)
    .help()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .fail((message, error) => {
      // Without a message it comes from a verb at work, not from the arguments.
      if (!message || error instanceof SchemataError) throw error;
      throw usageError(message, verb);
    });
  for (const { name, ...command } of commands) {
    parser.command({
      command: [name, command.positionals].filter(Boolean).join(" "),
      describe: command.describe,
      builder: (own: Argv) => {
        for (const [example, meaning] of command.examples ?? []) own.example(example, meaning);
        return command.options(own).requiresArg(valued);
      },
      handler: async (options) => {
        // A young generation that grows keeps what thousands of services leave behind: a quarter of the memory, for no
        // time. And old objects that are marked bit by bit, in case many of them are garbage, take a short command a
        // tenth of its time. Not sooner: Node compiles anew what it loads of its own after a flag has changed.
        for (const flag of MEMORY_FLAGS) setFlagsFromString(flag);
        status = await command.run(options, makeContext());
      },
    });
  }
  await parser.parseAsync(args);
  return status;
}

/** The first word that is no option's; `schemata --root DIR current` is common in scripts. */
function findVerb(): string | undefined {
  const [word] = Parser(argv, { string: ["root"], boolean: ["help"] })._.map(String);
  if (word === undefined || Object.hasOwn(VERBS, word)) return word;
  const nearest = nearestName(word, Object.keys(VERBS));
  return fail({
    fact: `There is no verb "${word}"`,
    fix: nearest === undefined ? "schemata --help lists them" : `schemata ${nearest}`,
    status: EXIT.usage,
  });
}

function usageError(fact: string, verb: string | undefined): SchemataError {
  const fix = ["schemata", verb, "--help"].filter(Boolean).join(" ");
  return new SchemataError({ fact, fix, status: EXIT.usage });
}

/** The arguments as the parser wants them, and what stands in the environment in their stead. */
function readArguments(command: ({ name: string } & Command) | undefined) {
  if (!command) return { args: argv, preset: {}, valued: [] };
  const declared = readDeclaredOptions(command);
  const { args, problems } = normalizeFlags(argv, declared.flags);
  const variables = readOptionVariables(process.env, declared);
  const wrong = [...problems, ...variables.problems];
  if (wrong.length > 0) throw usageError(wrong.join("\n"), command.name);
  const positional: string[] = command.positionals?.match(/[\w-]+/g) ?? [];
  const valued = [...declared.lists, ...declared.values].filter((name) => !positional.includes(name));
  return { args, preset: variables.options, valued };
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
    terminal: { interactive, columns: process.stderr.columns || 100 },
    signal: interrupt.signal,
    ask: async (question) => {
      if (!interactive) return undefined;
      const { createInterface } = await import("node:readline/promises");
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

/** Merges the workspace's .env into the environment; what is set already stays. */
function loadEnvironment(): void {
  const file = environmentFile();
  if (!existsSync(file)) return;
  try {
    process.loadEnvFile(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    fail({ fact: `${file} cannot be read`, why, fix: `chmod u+r ${file}`, status: EXIT.usage, cause });
  }
}

function environmentFile(): string {
  return join(findRoot(), ".env");
}

function readSettings(): Settings {
  const parsed = parseSettings(process.env, findRoot());
  if ("settings" in parsed) return parsed.settings;
  return fail({
    fact: parsed.problems.join("\n"),
    fix: `correct the environment or ${environmentFile()}`,
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
  const known = error instanceof SchemataError;
  if (!known && interrupt.signal.aborted) return EXIT.interrupted;
  const told = known ? error : new SchemataError(explainServerError(error, AGAIN) ?? describeDefect(error));
  process.stderr.write(`${renderError(told)}\n`);
  const { stack } = known || !(error instanceof Error) ? told : error;
  if (process.env.DEBUG) process.stderr.write(`${maskPasswords(String(stack))}\n`);
  return told.status;
}
