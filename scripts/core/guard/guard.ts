import { CITUS_RULE } from "../citus/rule.ts";
import { BREAK_RULE } from "../dependency/rule.ts";
import { locate } from "../locate.ts";
import type { SqlParser } from "../parse.ts";
import { isTransferToTheLetter } from "../transfer/lend.ts";
import { UNSAFE_RULES } from "../unsafe/rules.ts";
import { ALLOW_RULE, type DeclaredException, parseExceptions } from "./exceptions.ts";
import type { Exception, Finding, Ownership, Severity } from "./finding.ts";
import { readScript } from "./read.ts";
import { RULES } from "./registry.ts";
import type { Problem } from "./rule.ts";

/** What the guard has to say of one script. */
export interface Verdict {
  findings: Finding[];
  exceptions: Exception[];
}

/** One migration's text with the name that findings show for its file. */
export interface GuardedScript {
  file: string;
  sql: string;
}

/** Rules that others look after: what they find depends on the database, on other services, or on what was asked for. */
const ELSEWHERE = new Set([...Object.keys(UNSAFE_RULES), BREAK_RULE, CITUS_RULE]);

/** The rules that a script may be excepted from. */
const ALLOWABLE = [...RULES.map(({ name }) => name), ...ELSEWHERE];

/** Judges a migration by every rule, as PostgreSQL's own parsers read it. */
export function guardScript({ file, sql }: GuardedScript, ownership: Ownership, parser: SqlParser): Verdict {
  const script = readScript(sql, {
    parser,
    ownSchema: ownership.schema,
    otherSchemas: ownership.otherSchemas,
  });
  const found = RULES.flatMap((rule) =>
    rule
      .check(script, ownership)
      .map((problem) => ({ severity: rule.severity, ...problem, rule: rule.name })),
  );
  const declared = parseExceptions(sql, ALLOWABLE);
  const allowed = new Set(declared.exceptions.map(({ rule }) => rule));
  const unused = declared.exceptions.filter(
    ({ rule }) => !ELSEWHERE.has(rule) && found.every((problem) => problem.rule !== rule),
  );
  const kept = [
    ...found.filter(({ rule }) => !allowed.has(rule)),
    ...declared.problems.map((problem) => ({ severity: "error" as const, ...problem, rule: ALLOW_RULE })),
    ...unused.map(unusedProblem),
    ...judgeTransfer(sql, ownership),
  ];
  const findings = kept
    .sort((a, b) => a.offset - b.offset || (a.rule < b.rule ? -1 : 1))
    .map(({ offset, rule, severity, message, fix }): Finding => {
      return { rule, severity, service: ownership.service, file, ...locate(sql, offset), message, fix };
    });
  const exceptions = declared.exceptions.map(({ rule, reason, offset }): Exception => {
    const passed = new Set(found.filter((problem) => problem.rule === rule).map(({ offset: at }) => at)).size;
    return { rule, reason, service: ownership.service, file, line: locate(sql, offset).line, passed };
  });
  return { findings: withoutRepeats(findings), exceptions };
}

/** The name under which it is reported that a script only says to be half of a transfer; it cannot be allowed. */
const TRANSFER_RULE = "transfer";

function judgeTransfer(
  sql: string,
  { schema }: Ownership,
): (Problem & { rule: string; severity: Severity })[] {
  if (isTransferToTheLetter(sql, schema)) return [];
  const message = "it says that it moves a table between services, and is not what schemata transfer writes";
  const fix = "take it back to what was written, and put other statements into a migration of their own";
  return [{ rule: TRANSFER_RULE, severity: "error", offset: sql.indexOf("-- transfer"), message, fix }];
}

function unusedProblem({ rule, offset }: DeclaredException): Problem & { rule: string; severity: Severity } {
  return {
    rule: ALLOW_RULE,
    severity: "warning",
    offset,
    message: `the exception for ${rule} lets nothing pass`,
    fix: "remove the comment",
  };
}

/** One place can be read twice, such as a function's arguments, which DROP FUNCTION repeats. */
function withoutRepeats(findings: readonly Finding[]): Finding[] {
  const seen = new Set<string>();
  return findings.filter(({ rule, line, column, message }) => {
    const key = `${rule} ${line} ${column} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}
