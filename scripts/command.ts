import type { Argv } from "yargs";
import type { ExitStatus } from "./core/errors.ts";
import type { Settings } from "./core/settings.ts";

/** What a command may know of the process that runs it; only cli.ts makes one. */
export interface Context {
  settings: Settings;
  /** Environment of programs that the tool starts, with the workspace's .env merged in. */
  env: NodeJS.ProcessEnv;
  /** Prints a line of data on standard output. */
  print(text: string): void;
  /** Prints a line of everything else, on standard error. */
  note(text: string): void;
  /** Replaces the lines last drawn on the terminal by these; what is noted meanwhile scrolls above them. */
  draw(lines: readonly string[]): void;
  /** `interactive`: standard input and standard error are both terminals. */
  terminal: { interactive: boolean; columns: number };
  /** Aborted by Ctrl-C or SIGTERM. */
  signal: AbortSignal;
  /** Asks on the terminal; without one, the answer is `undefined`. */
  ask(question: string): Promise<string | undefined>;
}

/** Options as yargs hands them over: `--dry-run` is `dryRun`. */
type Parsed<Options> = { [Key in keyof Options as CamelCase<Key & string>]: Options[Key] };

type CamelCase<Text extends string> = Text extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest>>}`
  : Text;

/** One verb of the tool. `run` returns the exit status, or throws a SchemataError. */
export interface Command<Options = object> {
  /** yargs' positional syntax without the verb itself, such as `<migration>`. */
  positionals?: string;
  describe: string;
  /** Shown by `--help` under the options, each with what it does. */
  examples?: readonly (readonly [command: string, meaning: string])[];
  options(yargs: Argv): Argv<Options>;
  run(options: Parsed<Options>, context: Context): Promise<ExitStatus>;
}

/** Infers a command's options from its yargs declaration. */
export function defineCommand<Options>(command: Command<Options>): Command<Options> {
  return command;
}
