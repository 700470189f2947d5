import { readComments } from "../comments.ts";
import { locate } from "../locate.ts";

/** A comment of Squawk's own by which it keeps to itself what it finds. */
interface Ignore {
  /** None: all of them, which only a comment for the whole file can say. */
  rules: readonly string[];
  wholeFile: boolean;
  line: number;
}

const MARK = "squawk-ignore";

/** Whether Squawk may keep something to itself. */
export function mayIgnore(sql: string): boolean {
  return sql.includes(MARK);
}

/** The same script, character for character, without comments that Squawk understands. */
export function withoutIgnores(sql: string): string {
  return sql.replaceAll(MARK, MARK.replace("-", "_"));
}

/** The line of the comment that kept a problem from being told: the nearest above it, or one for the whole file. */
export function findIgnore(sql: string, { rule, start }: { rule: string; start: number }): number {
  const line = locate(sql, start).line;
  const naming = readIgnores(sql).filter(({ rules }) => rules.length === 0 || rules.includes(rule));
  const above = naming.filter((one) => !one.wholeFile && one.line <= line).at(-1);
  return (above ?? naming.find(({ wholeFile }) => wholeFile))?.line ?? line;
}

function readIgnores(sql: string): Ignore[] {
  return [...readComments(sql)].flatMap(({ text, offset }) => {
    const [, file, list = ""] = /^(?:--|\/\*)\s*squawk-ignore(-file)?\b([^*]*)/.exec(text) ?? [];
    const rules = list.split(",").map((name) => name.trim());
    const found = { rules: rules.filter(Boolean), wholeFile: file !== undefined };
    return found.rules.length > 0 || found.wholeFile ? [{ ...found, line: locate(sql, offset).line }] : [];
  });
}
