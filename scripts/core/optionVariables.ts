/** The options of one verb, by what they take. */
export interface DeclaredOptions {
  flags: readonly string[];
  /** Options that may be given more than once; in the environment, commas divide their values. */
  lists: readonly string[];
  /** Options that take one value. */
  values: readonly string[];
}

const PREFIX = "SCHEMATA_";
const YES = ["1", "true", "yes", "on"];
const NO = ["", "0", "false", "no", "off"];

/**
 * The options that stand in the environment, `--lock-wait` as `SCHEMATA_LOCK_WAIT`, and what is wrong with them. Those
 * of other verbs are left alone, so that one environment serves all.
 */
export function readOptionVariables(
  env: Readonly<Record<string, string | undefined>>,
  { flags, lists, values }: DeclaredOptions,
): { options: Record<string, string | boolean | string[]>; problems: string[] } {
  const options: Record<string, string | boolean | string[]> = {};
  const problems: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !variable.toUpperCase().startsWith(PREFIX)) continue;
    const option = variable.slice(PREFIX.length).toLowerCase().replaceAll("_", "-");
    if (lists.includes(option)) options[option] = text.split(",").map((value) => value.trim());
    else if (values.includes(option)) options[option] = text;
    else if (flags.includes(option)) {
      const flag = parseFlag(text);
      if (flag === undefined) problems.push(`${variable} is "${text}", neither true nor false`);
      else options[option] = flag;
    }
  }
  return { options, problems };
}

function parseFlag(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (YES.includes(word)) return true;
  return NO.includes(word) ? false : undefined;
}

/**
 * Arguments with every `--flag=1` and the like spelled as the parser reads them: it takes whatever is not `true` for
 * false, and so would do in earnest what `--dry-run=1` asks only to be shown. Stops at `--`.
 */
export function normalizeFlags(
  args: readonly string[],
  flags: readonly string[],
): { args: string[]; problems: string[] } {
  const problems: string[] = [];
  const end = args.indexOf("--");
  const own = (end === -1 ? args : args.slice(0, end)).map((arg) => {
    const [, name = "", text = ""] = /^--([^=]+)=(.*)$/s.exec(arg) ?? [];
    if (!flags.includes(name)) return arg;
    const flag = parseFlag(text);
    if (flag === undefined) problems.push(`--${name} is "${text}", neither true nor false`);
    return `--${name}=${flag ?? false}`;
  });
  return { args: [...own, ...(end === -1 ? [] : args.slice(end))], problems };
}
