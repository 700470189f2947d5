import { expect, test } from "vitest";
import yargs from "yargs";
import { VERBS } from "../../scripts/commands/index.ts";
import { readDeclaredOptions } from "../../scripts/declaredOptions.ts";

interface YargsOptions {
  key: object;
  boolean: string[];
  array: string[];
  alias: Record<string, string[]>;
}

test.each(Object.keys(VERBS))(
  "%s: what is heard of its options is what yargs makes of them",
  async (verb) => {
    const { default: command } = await (VERBS[verb] ?? expect.fail)();
    const made = command.options(yargs().help(false).version(false)) as unknown as {
      getOptions(): YargsOptions;
    };
    const { key, boolean, array, alias } = made.getOptions();
    const passedOn = (name: string) => command.positionals?.includes(`${name}..`);
    const all = new Set([...Object.keys(key), ...Object.values(alias).flat()]);
    const names = [...all].filter((name) => !passedOn(name));
    const isFlag = (name: string) => boolean.includes(name);
    const { flags, lists, values } = readDeclaredOptions(command);
    expect([...flags].sort()).toEqual(names.filter(isFlag).sort());
    expect([...lists].sort()).toEqual(names.filter((name) => !isFlag(name) && array.includes(name)).sort());
    expect([...values].sort()).toEqual(names.filter((name) => !isFlag(name) && !array.includes(name)).sort());
  },
);
