import type { Context } from "./command.ts";
import { EXIT, fail } from "./core/errors.ts";

/** Goes on only if the user types a word; without a terminal, `command` with --yes is the way. */
export async function requireTyped(
  { ask }: Pick<Context, "ask">,
  { word, question, command }: { word: string; question: string; command: string },
): Promise<void> {
  const typed = await ask(`${question} Type ${word} to go on: `);
  if (typed?.trim() === word) return;
  fail({
    fact: typed === undefined ? "This wants a confirmation" : `"${typed.trim()}" is not ${word}`,
    why: "nothing was done",
    fix: `${command} --yes`,
    status: typed === undefined ? EXIT.usage : EXIT.failed,
  });
}

/** `--yes`. */
export const YES_OPTION = {
  type: "boolean",
  default: false,
  describe: "Do not ask for the service's name",
} as const;
