import { EXIT, type Failure } from "./errors.ts";

/**
 * How far to go: `head`, a number of steps, or a migration by name, unique prefix or part of the name. With `atMost`,
 * fewer steps do where there are no more.
 */
export type Target = "head" | { steps: number; atMost?: boolean } | { migration: string };

/** Parses `--to`: `head`, `+N`, or a migration. */
export function parseTarget(text: string | undefined): Target {
  if (text === undefined || text === "" || text === "head" || text === "heads") return "head";
  const steps = /^\+(\d{1,9})$/.exec(text)?.[1];
  return steps === undefined ? { migration: text } : { steps: Number(steps) };
}

/**
 * Either the one name meant, or why there is none. `names` are all that could be meant, in order. A text is a whole
 * name, or the beginning of one, or else a part of one; but digits alone are no part of a time, only of the words
 * after it.
 */
export function resolveMigration(
  text: string,
  { service, names }: { service: string; names: readonly string[] },
): { name: string } | { problem: Failure } {
  if (names.includes(text)) return { name: text };
  const byPrefix = names.filter((name) => name.startsWith(text));
  const isNumber = /^\d+$/.test(text);
  const searched = (name: string) => (isNumber ? name.replace(/^\d+/, "") : name);
  const found = byPrefix.length > 0 ? byPrefix : names.filter((name) => searched(name).includes(text));
  const [only, ...more] = found;
  if (only !== undefined && more.length === 0) return { name: only };
  const history = `schemata history --app ${service}`;
  if (only === undefined) {
    return {
      problem: {
        fact: `${service}: no migration matches "${text}"`,
        fix: `${history} lists them${isNumber && text.length < 4 ? `; so many steps are +${text} up, -${text} down` : ""}`,
        status: EXIT.usage,
      },
    };
  }
  const shown = found.slice(0, 5).join(", ") + (found.length > 5 ? ` and ${found.length - 5} more` : "");
  return {
    problem: {
      fact: `${service}: "${text}" could be ${found.length} migrations`,
      why: shown,
      fix: "name more of it",
      status: EXIT.usage,
    },
  };
}
