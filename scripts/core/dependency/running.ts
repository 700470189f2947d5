import { languageOf, literalText, selectedExpression } from "../guard/dynamic.ts";
import { asList, asText, asTree, opened, optionsOf, type Tree, unwrap } from "../guard/tree.ts";
import type { ParsedStatement, SqlParser } from "../parse.ts";

interface Ground {
  parser: SqlParser;
  /** The service's schema. */
  own: string;
}

/** Blocks that run blocks that run blocks. */
const DEPTH = 3;
/** What gives a name to something: where it may run, names are no longer what they seem. */
const NAMES_ANEW = /\b(?:CREATE|RENAME|ADD|SCHEMA)\b/i;
/** PL/pgSQL's number for RAISE EXCEPTION. */
const ERROR = 21;

/**
 * The statements of a script with those that its DO blocks certainly run, beside branches, loops and handlers, at the
 * place where they stand. A block that nobody can tell this of has none: a false alarm is worse than silence.
 */
export function runningStatements(
  sql: string,
  statements: readonly ParsedStatement[],
  ground: Ground,
): ParsedStatement[] {
  return expand(sql, statements, ground, DEPTH);
}

function expand(
  sql: string,
  statements: readonly ParsedStatement[],
  ground: Ground,
  depth: number,
): ParsedStatement[] {
  return statements.flatMap((statement) => {
    const block = unwrap(statement.node, "DoStmt");
    return block && depth > 0 ? [statement, ...readBlock(sql, statement, ground, depth)] : [statement];
  });
}

/** What is met on the way through a block. */
interface Walk {
  /** SQL that certainly runs, and expressions whose value does. */
  runs: { text: string; isDynamic: boolean }[];
  /** All else. */
  unsure: unknown[];
  /** What follows may not be reached. */
  left: boolean;
  fails: boolean;
}

function readBlock(
  sql: string,
  statement: ParsedStatement,
  ground: Ground,
  depth: number,
): ParsedStatement[] {
  const { node, start, end } = statement;
  const text = sql.slice(start, end);
  const language = languageOf(optionsOf(unwrap(node, "DoStmt")?.args)) ?? "plpgsql";
  // On another path, names without a schema are others'.
  if (language !== "plpgsql" || /search_path/i.test(text)) return [];
  const parsed = ground.parser.parsePlpgsql(text);
  if ("error" in parsed) return [];
  const walk: Walk = { runs: [], unsure: [], left: false, fails: false };
  walkBody([functionBody(parsed.tree)], walk);
  const found: ParsedStatement[] = [];
  for (const { text: written, isDynamic } of walk.runs) {
    const run = isDynamic ? textOf(written, ground) : written;
    const inner = run === undefined ? undefined : ground.parser.parseSql(run);
    if (run === undefined || !inner?.ok) {
      walk.unsure.push(written);
      continue;
    }
    const at = sql.indexOf(written, start);
    const place = at === -1 || at >= end ? start : at;
    found.push(
      ...expand(run, inner.statements, ground, depth - 1).map((one) => ({
        ...one,
        start: place,
        end: place,
      })),
    );
  }
  return walk.fails || NAMES_ANEW.test(JSON.stringify(walk.unsure)) ? [] : found;
}

function functionBody(tree: unknown): unknown {
  const [first] = asList(asTree(tree)?.plpgsql_funcs);
  return unwrap(first, "PLpgSQL_function")?.action;
}

function walkBody(body: readonly unknown[], walk: Walk): void {
  for (const node of body) {
    if (walk.left) {
      walk.unsure.push(node);
      continue;
    }
    const [kind, fields] = opened(node);
    if (kind === "PLpgSQL_stmt_execsql") walk.runs.push({ text: queryOf(fields.sqlstmt), isDynamic: false });
    else if (kind === "PLpgSQL_stmt_dynexecute")
      walk.runs.push({ text: queryOf(fields.query), isDynamic: true });
    else if (kind === "PLpgSQL_stmt_block" && !fields.exceptions) walkBody(asList(fields.body), walk);
    else if (kind === "PLpgSQL_stmt_raise" && isError(fields)) walk.fails = true;
    else {
      walk.unsure.push(node);
      // RETURN and EXIT, at once or from within.
      walk.left = /"PLpgSQL_stmt_return"|"PLpgSQL_stmt_exit":\{[^}]*"label"/.test(JSON.stringify(node));
    }
  }
}

function isError({ elog_level: level }: Tree): boolean {
  return typeof level === "number" && level >= ERROR;
}

function queryOf(expression: unknown): string {
  return asText(unwrap(expression, "PLpgSQL_expr")?.query);
}

/** The value of a text expression, where reading tells it. */
function textOf(expression: string, { parser, own }: Ground): string | undefined {
  const parsed = parser.parseSql(`SELECT ${expression}`);
  const select = parsed.ok ? unwrap(parsed.statements[0]?.node, "SelectStmt") : undefined;
  return select && literalText(selectedExpression(select), own);
}
