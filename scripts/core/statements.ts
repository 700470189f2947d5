import { nextToken, type Token } from "./lexer.ts";
import type { ParsedStatement } from "./parse.ts";
import {
  findProblem,
  neverClosed,
  rollbackNotice,
  type ScriptNotice,
  type ScriptProblem,
} from "./scriptProblem.ts";
import {
  type Characteristics,
  classifyStatement,
  mayRefuseBlock,
  type StatementClass,
} from "./transactionBlock.ts";

/** How a script runs. */
export type ScriptPlan =
  /** In one transaction with its ledger row; `sql` has the script's length, so indices stay true. */
  | { mode: "atomic"; sql: string; notices?: ScriptNotice[] }
  /** Step by step, each committed before the next. */
  | { mode: "stepwise"; steps: Step[]; notices?: ScriptNotice[] };

/** A script that cannot run: Postgres would fail on it halfway, or undo it silently. */
export interface RefusedScript {
  mode: "refused";
  problem: ScriptProblem;
}

/** What commits at once: a `transaction` of the runner's, in which the step is counted too, or a message sent `alone`, outside any. */
export interface Step {
  kind: "transaction" | "alone";
  /** JavaScript string indices in the script; `sql` is that part, with BEGIN and COMMIT blanked where the runner's take their place. */
  start: number;
  end: number;
  sql: string;
  /** What opens the transaction, where the script asks for more than BEGIN, such as an isolation level. */
  begin?: string;
}

/** A transaction of the script, while the server's state is followed; `first` and `last` are statement indices. */
interface Open {
  /** The statement that opened it explicitly; absent for the implicit transaction of a simple query. */
  begin?: ParsedStatement;
  first: number;
  last: number;
  /** Whether anything but transaction control is in it. */
  works: boolean;
  asks: Characteristics;
  /** Must be sent as written, because the runner's own COMMIT would change what it does. */
  verbatim: boolean;
}

/**
 * Plans how a script runs, following what Postgres does when all of it arrives as one simple query, as stock
 * Prisma sends it: statements share an implicit transaction, which BEGIN makes explicit and COMMIT or ROLLBACK
 * ends even without a BEGIN. What Postgres would refuse only for that sharing runs alone instead.
 */
export function planScript(sql: string, statements: readonly ParsedStatement[]): ScriptPlan | RefusedScript {
  const walked = walkTransactions(statements);
  if ("problem" in walked) return { mode: "refused", problem: walked.problem };
  const { notices, transactions } = walked;
  const [only] = transactions;
  if (
    transactions.length === 0 ||
    (transactions.length === 1 && only?.asks === "nothing" && !only.verbatim)
  ) {
    return { mode: "atomic", sql: blankControl(sql, statements).replace(/^\uFEFF/, " "), notices };
  }
  return { mode: "stepwise", steps: transactions.map((found) => stepOf(sql, statements, found)), notices };
}

/** The session settings (SET, RESET) that stand before an index: what a resumed script must set again. */
export function sessionSettings(
  sql: string,
  statements: readonly ParsedStatement[],
  before: number,
): string[] {
  return statements
    .filter(
      ({ node, start }) => start < before && "VariableSetStmt" in node && !node.VariableSetStmt.is_local,
    )
    .map(({ start, end }) => sql.slice(start, end));
}

type Walked = { transactions: Open[]; notices: ScriptNotice[] } | { problem: ScriptProblem };

function walkTransactions(statements: readonly ParsedStatement[]): Walked {
  const transactions: Open[] = [];
  const notices: ScriptNotice[] = [];
  const procedures = committingProcedures(statements);
  let open: Open | undefined;
  const close = () => {
    if (open?.works) transactions.push(open);
    open = undefined;
  };
  for (const [index, statement] of statements.entries()) {
    const found = classify(statement, statements.length, procedures);
    const problem = findProblem(found, statement, open);
    if (problem) return { problem };
    const fresh: Open = { first: index, last: index, works: false, asks: "nothing", verbatim: false };
    if (found.kind === "alone") {
      close();
      transactions.push({ ...fresh, works: true, verbatim: true });
    } else if (found.kind === "begin") {
      if (open?.begin)
        notices.push({ offset: statement.start, message: "BEGIN does nothing in a transaction" });
      else if (found.asks === "nothing") open = { ...(open ?? fresh), begin: statement };
      else {
        close();
        open = { ...fresh, begin: statement, asks: found.asks, verbatim: found.asks === "read-only" };
      }
    } else if (found.kind === "end") {
      open = { ...(open ?? fresh), last: index };
      if (found.verb === "ROLLBACK") {
        notices.push(rollbackNotice(statement, open));
        open.verbatim ||= open.works;
      }
      if (found.chain && open.verbatim) continue;
      const { asks, begin } = open;
      close();
      if (found.chain) open = { ...fresh, asks, begin: (asks !== "nothing" && begin) || statement };
    } else {
      open = { ...(open ?? fresh), last: index, works: true };
      if (found.kind === "characteristics") {
        open.asks = found.asks;
        open.verbatim ||= found.asks === "read-only";
      }
    }
  }
  if (open?.begin) return { problem: neverClosed(open.begin) };
  close();
  return { transactions, notices };
}

/** The class of a statement in its script: alone in it, whatever may refuse a block is sent outside any, as stock Prisma does. */
function classify(
  statement: ParsedStatement,
  count: number,
  procedures: ReadonlySet<string>,
): StatementClass {
  const found = classifyStatement(statement, procedures);
  if (count === 1 && found.kind === "plain" && mayRefuseBlock(statement)) return { kind: "alone", what: "" };
  return found;
}

function committingProcedures(statements: readonly ParsedStatement[]): Set<string> {
  const names = new Set<string>();
  for (const { node, endsTransactions } of statements) {
    if (!endsTransactions || !("CreateFunctionStmt" in node)) continue;
    const last = node.CreateFunctionStmt.funcname?.at(-1);
    if (last && "String" in last && last.String.sval) names.add(last.String.sval);
  }
  return names;
}

function stepOf(sql: string, statements: readonly ParsedStatement[], { first, last, ...found }: Open): Step {
  const own = statements.slice(first, last + 1);
  const start = own[0]?.start ?? 0;
  const end = own.at(-1)?.end ?? sql.length;
  if (found.verbatim) return { kind: "alone", start, end, sql: sql.slice(start, end) };
  const asked =
    found.begin && found.asks !== "nothing" ? sql.slice(found.begin.start, found.begin.end) : undefined;
  const begin = asked && /^(?:begin|start)\b/i.test(asked) ? { begin: asked } : {};
  return { kind: "transaction", start, end, sql: blankControl(sql, own, start, end), ...begin };
}

/** A part of the script with BEGIN, COMMIT and ROLLBACK replaced by spaces, so that indices stay true. */
function blankControl(
  sql: string,
  statements: readonly ParsedStatement[],
  from = 0,
  to = sql.length,
): string {
  let text = "";
  let copied = from;
  for (const statement of statements) {
    const { kind } = classifyStatement(statement);
    if (kind !== "begin" && kind !== "end") continue;
    text += sql.slice(copied, statement.start);
    text += sql.slice(statement.start, statement.end).replace(/[^\r\n]/g, " ");
    copied = statement.end;
  }
  return text + sql.slice(copied, to);
}

const SUSPECT =
  /CONCURRENTLY|VACUUM|REINDEX|CLUSTER|DATABASE|TABLESPACE|SYSTEM|SUBSCRIPTION|DISCARD|PREPARE|COMMIT|ROLLBACK|ABORT|BEGIN|START|\bEND\b|\bCALL\b|TRANSACTION/i;
const FIRST_WORDS =
  /^(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|PREPARE|VACUUM|REINDEX|CLUSTER|DISCARD|CALL)$/i;
const SECOND_WORDS = /^(?:DATABASE|TABLESPACE|SYSTEM|SUBSCRIPTION)$/i;
const SETTINGS = /^TRANSACTION(?:_ISOLATION|_READ_ONLY|_DEFERRABLE)?$/i;

/**
 * Whether a script may hold what cannot run in one transaction, told without a parser: `false` is certain,
 * `true` means that the parser has to look.
 */
export function mayNeedStepwise(sql: string): boolean {
  if (!SUSPECT.test(sql)) return false;
  let position = 0;
  let first = "";
  for (let token = nextToken(sql, 0); token.kind !== "end"; token = nextToken(sql, token.end)) {
    if (token.kind === "broken") return true;
    if (token.kind === "symbol" && sql[token.start] === ";") {
      position = 0;
      continue;
    }
    if (++position === 1) first = sql.slice(token.start, token.end).toUpperCase();
    if (token.kind !== "symbol" && isSuspect(sql.slice(token.start, token.end), token.kind, first, position))
      return true;
  }
  return false;
}

function isSuspect(text: string, kind: Token["kind"], first: string, position: number): boolean {
  switch (kind) {
    case "word":
      if (position === 1) return FIRST_WORDS.test(text);
      if (position === 2 && SECOND_WORDS.test(text)) return true;
      return /^CONCURRENTLY$/i.test(text) || (first === "SET" && SETTINGS.test(text));
    case "name":
      return (position === 2 || position === 3) && first === "SET" && /^"transaction_/.test(text);
    default:
      return first === "DO" && /COMMIT|ROLLBACK/i.test(text);
  }
}
