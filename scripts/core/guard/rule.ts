import type { Ownership, Severity } from "./finding.ts";
import type { ReadScript } from "./reading.ts";
import type { Unit } from "./unit.ts";

/** What a rule objects to; `severity` where it is not the rule's own. */
export interface Problem {
  /** JavaScript string index in the file. */
  offset: number;
  message: string;
  fix: string;
  severity?: Severity;
}

/** One rule of the guard. Its name is what users write in `-- schemata:allow <name> because …`. */
export interface Rule {
  name: string;
  severity: Severity;
  /** What it forbids, in a line. */
  summary: string;
  check(script: ReadScript, ownership: Ownership): Problem[];
}

/** A rule that judges each statement by itself. */
export function statementRule(
  rule: Omit<Rule, "check">,
  judge: (unit: Unit, ownership: Ownership) => Problem[],
): Rule {
  return { ...rule, check: ({ units }, ownership) => units.flatMap((unit) => judge(unit, ownership)) };
}
