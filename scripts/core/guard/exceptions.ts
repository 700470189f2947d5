import { readComments } from "../comments.ts";
import { nearestName } from "../service.ts";
import type { Problem } from "./rule.ts";

/** An exception as a script declares it. */
export interface DeclaredException {
  rule: string;
  reason: string;
  offset: number;
}

/** The name under which faults of the exceptions themselves are reported; it cannot be allowed. */
export const ALLOW_RULE = "allow";

const MARK = "schemata:allow";

/** The comments `-- schemata:allow <rule> because <reason>` of a script, and what is wrong with them. */
export function parseExceptions(
  sql: string,
  rules: readonly string[],
): { exceptions: DeclaredException[]; problems: Problem[] } {
  const exceptions: DeclaredException[] = [];
  const problems: Problem[] = [];
  if (!sql.includes(MARK)) return { exceptions, problems };
  for (const { text, offset } of readComments(sql)) {
    const [, rest] = /^--\s*schemata:allow\b\s*(.*?)\s*$/.exec(text) ?? [];
    if (rest === undefined) continue;
    const [, rule = "", reason = ""] = /^(\S*)(?:\s+because\s+(\S.*))?/.exec(rest) ?? [];
    const problem = judgeException(rule, reason, rules);
    if (problem) problems.push({ offset, ...problem });
    else exceptions.push({ rule, reason, offset });
  }
  return { exceptions, problems };
}

function judgeException(
  rule: string,
  reason: string,
  rules: readonly string[],
): Omit<Problem, "offset"> | undefined {
  const example = (name: string) => `write -- ${MARK} ${name} because <reason>`;
  if (rule === "") return { message: "the exception names no rule", fix: example("<rule>") };
  if (!rules.includes(rule)) {
    const nearest = nearestName(rule, rules);
    return {
      message: `the exception names the rule "${rule}", which there is not`,
      fix: nearest === undefined ? `name one of ${rules.join(", ")}` : example(nearest),
    };
  }
  return reason === ""
    ? { message: `the exception for ${rule} gives no reason`, fix: example(rule) }
    : undefined;
}
