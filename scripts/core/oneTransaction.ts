import { nextToken } from "./lexer.ts";
import type { ParsedScript, ParsedStatement } from "./parse.ts";
import { planScript, type RefusedScript, type ScriptPlan } from "./statements.ts";

/** Statements that may be asked to work CONCURRENTLY. */
const CONCURRENT = new Set(["IndexStmt", "DropStmt", "ReindexStmt", "AlterTableStmt"]);

/**
 * A script as one transaction can run it, with the same result where nobody else is at work and tables are small:
 * without CONCURRENTLY, VACUUM, and BEGIN and COMMIT of its own. Its length stays, so that indices stay true, but
 * where it was several transactions.
 */
export function renderInOneTransaction(
  script: string,
  parse: (sql: string) => ParsedScript,
): { sql: string } | { problem: RefusedScript["problem"] } {
  const parsed = parse(script);
  // What the parser rejects, the server explains better.
  if (!parsed.ok) return { sql: script };
  const plain = blank(
    script,
    parsed.statements.flatMap((statement) => findWaits(script, statement)),
  );
  const again = parse(plain);
  if (!again.ok) return { sql: script };
  const plan: ScriptPlan | RefusedScript = planScript(plain, again.statements);
  if (plan.mode === "refused") return { problem: plan.problem };
  return { sql: plan.mode === "atomic" ? plan.sql : plan.steps.map(({ sql }) => sql).join("\n;\n") };
}

type Span = readonly [start: number, end: number];

function findWaits(script: string, { kind, node, start, end }: ParsedStatement): Span[] {
  if ("VacuumStmt" in node && node.VacuumStmt.is_vacuumcmd) return [[start, end]];
  if (!CONCURRENT.has(kind)) return [];
  const found: Span[] = [];
  for (let token = nextToken(script, start); token.end <= end; token = nextToken(script, token.end)) {
    if (token.kind === "end") break;
    if (token.kind === "word" && /^concurrently$/i.test(script.slice(token.start, token.end)))
      found.push([token.start, token.end]);
  }
  return found;
}

function blank(script: string, spans: readonly Span[]): string {
  let text = script;
  for (const [start, end] of spans)
    text = text.slice(0, start) + text.slice(start, end).replaceAll(/[^\r\n]/g, " ") + text.slice(end);
  return text;
}
