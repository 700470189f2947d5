import type { Argv } from "yargs";
import type { Command } from "./command.ts";
import type { DeclaredOptions } from "./core/optionVariables.ts";

interface Declaration {
  type?: string;
  array?: boolean;
  alias?: string | readonly string[];
}

/**
 * What a verb tells yargs of its options and arguments, but for those that are another program's. It is told to a
 * listener here: to make a second parser for it costs a short command a twentieth of its time.
 */
export function readDeclaredOptions({ options, positionals = "" }: Command): DeclaredOptions {
  const flags: string[] = [];
  const lists: string[] = [];
  const values: string[] = [];
  const hear = (name: string, { type, array, alias = [] }: Declaration) => {
    if (positionals.includes(`${name}..`)) return listener;
    const kind = type === "boolean" ? flags : array ? lists : values;
    kind.push(name, ...[alias].flat());
    return listener;
  };
  const listener = { option: hear, positional: hear, check: () => listener };
  options(listener as unknown as Argv);
  return { flags, lists, values };
}
