import type { Problem, Rule } from "../rule.ts";
import type { Remark } from "../unit.ts";

/** A rule whose problems reading has found already. */
function remarkRule(rule: Omit<Rule, "check"> & { name: Remark["rule"] }, fix: string): Rule {
  return {
    ...rule,
    check: ({ remarks }) =>
      remarks
        .filter((remark) => remark.rule === rule.name)
        .map(({ offset, message }) => ({ offset, message, fix })),
  };
}

/** A script that PostgreSQL's parser does not take cannot be judged, nor run. */
const syntax = remarkRule(
  { name: "syntax", severity: "error", summary: "is no SQL that PostgreSQL takes" },
  "correct the statement",
);

/** SQL put together at run time, as far as reading cannot follow it. */
const dynamicSql = remarkRule(
  { name: "dynamic-sql", severity: "warning", summary: "runs SQL that only the run knows" },
  "name objects with format('… %I …', name) without a schema, or write the statement out",
);

/** Bodies that nobody can judge by reading. */
const unreadableBody = remarkRule(
  { name: "unreadable-body", severity: "warning", summary: "holds code that the guard cannot read" },
  "write it in SQL or PL/pgSQL, or review it and allow it with its reason",
);

/** Transactions are the tool's: the script and its ledger row share one. */
const transactionControl: Rule = {
  name: "transaction-control",
  severity: "error",
  summary: "controls transactions itself",
  check({ units, remarks }) {
    const statements = units.filter(
      ({ kind, fields }) =>
        kind === "TransactionStmt" || (kind === "VariableSetStmt" && fields.name === "TRANSACTION"),
    );
    const first = statements[0];
    const blocks = remarks.filter(({ rule }) => rule === "transaction-control");
    return [...(first ? [judge(statements.length, first.place())] : []), ...blocks.map(blockProblem)];
  },
};

function judge(count: number, offset: number): Problem {
  return {
    offset,
    message: `the script has ${count === 1 ? "a statement" : `${count} statements`} of transaction control`,
    fix: "leave BEGIN, COMMIT and the like out: every migration is one transaction, with its ledger row inside",
  };
}

function blockProblem({ offset, message }: Remark): Problem {
  return {
    offset,
    message: `${message}, so the migration is no longer one transaction`,
    fix: "split it into migrations",
  };
}

/** The rules on the script as such. */
export const SCRIPT_RULES: readonly Rule[] = [syntax, transactionControl, dynamicSql, unreadableBody];
