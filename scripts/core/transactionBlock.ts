import type { Node, TransactionStmt } from "libpg-query";
import type { ParsedStatement } from "./parse.ts";

/** What a transaction asks for beyond Postgres' defaults; a `read-only` one cannot count its own step. */
export type Characteristics = "nothing" | "isolation" | "read-only";

/** What the server does with a statement's transaction. */
export type StatementClass =
  | { kind: "plain" }
  /** Postgres refuses it inside a transaction block. */
  | { kind: "alone"; what: string }
  /** Sets isolation or access of its transaction, most of which only works before the transaction's first query. */
  | { kind: "characteristics"; asks: Characteristics }
  | { kind: "begin"; asks: Characteristics }
  | { kind: "end"; verb: "COMMIT" | "ROLLBACK"; chain: boolean }
  | { kind: "prepare" };

const PLAIN: StatementClass = { kind: "plain" };

/** Classifies a statement by what decides whether it may share a transaction; `procedures` names those that commit. */
export function classifyStatement(
  { node, endsTransactions }: ParsedStatement,
  procedures: ReadonlySet<string> = new Set(),
): StatementClass {
  if ("TransactionStmt" in node) return classifyTransaction(node.TransactionStmt);
  if ("VariableSetStmt" in node) {
    const asks = setCharacteristics(node);
    return asks === "nothing" ? PLAIN : { kind: "characteristics", asks };
  }
  if ("CallStmt" in node) {
    const name = calledName(node);
    return procedures.has(name) ? { kind: "alone", what: `CALL ${name}, which commits,` } : PLAIN;
  }
  if ("DoStmt" in node) {
    return endsTransactions ? { kind: "alone", what: "a DO block that commits or rolls back" } : PLAIN;
  }
  const what = refusedInBlock(node);
  return what ? { kind: "alone", what } : PLAIN;
}

/** Statements that Postgres refuses in a block only for what they meet there: a partitioned table, a committing procedure. */
export function mayRefuseBlock({ node }: ParsedStatement): boolean {
  return "CallStmt" in node || "ReindexStmt" in node || "ClusterStmt" in node;
}

/** The unqualified name of a procedure that a CALL calls. */
function calledName(node: Extract<Node, { CallStmt: unknown }>): string {
  const last = node.CallStmt.funccall?.funcname?.at(-1);
  return last && "String" in last ? (last.String.sval ?? "") : "";
}

function classifyTransaction(statement: TransactionStmt): StatementClass {
  const chain = statement.chain === true;
  switch (statement.kind) {
    case "TRANS_STMT_BEGIN":
    case "TRANS_STMT_START":
      return { kind: "begin", asks: askedFor(statement.options) };
    case "TRANS_STMT_COMMIT":
      return { kind: "end", verb: "COMMIT", chain };
    case "TRANS_STMT_ROLLBACK":
      return { kind: "end", verb: "ROLLBACK", chain };
    case "TRANS_STMT_PREPARE":
      return { kind: "prepare" };
    case "TRANS_STMT_COMMIT_PREPARED":
      return { kind: "alone", what: "COMMIT PREPARED" };
    case "TRANS_STMT_ROLLBACK_PREPARED":
      return { kind: "alone", what: "ROLLBACK PREPARED" };
    default:
      return PLAIN;
  }
}

function setCharacteristics({
  VariableSetStmt: set,
}: Extract<Node, { VariableSetStmt: unknown }>): Characteristics {
  if (set.kind === "VAR_SET_MULTI") return set.name === "TRANSACTION" ? askedFor(set.args) : "nothing";
  if (set.name === "transaction_read_only") return "read-only";
  return /^transaction_(?:isolation|deferrable)$/.test(set.name ?? "") ? "isolation" : "nothing";
}

/** What the options of BEGIN or SET TRANSACTION ask for. */
function askedFor(options: Node[] | undefined): Characteristics {
  const asked = (options ?? []).flatMap((option) => {
    if (!("DefElem" in option)) return [];
    const { defname, arg } = option.DefElem;
    const value = arg && "A_Const" in arg ? arg.A_Const : undefined;
    if (defname === "transaction_isolation")
      return value?.sval?.sval === "read committed" ? [] : ["isolation"];
    if (value?.ival && !value.ival.ival) return [];
    return defname === "transaction_read_only" ? ["read-only"] : ["isolation"];
  });
  if (asked.includes("read-only")) return "read-only";
  return asked.length > 0 ? "isolation" : "nothing";
}

/** The words of a statement that Postgres never runs inside a transaction block (25001), or nothing. */
function refusedInBlock(node: Node): string | undefined {
  if ("IndexStmt" in node) return node.IndexStmt.concurrent ? "CREATE INDEX CONCURRENTLY" : undefined;
  if ("DropStmt" in node) return node.DropStmt.concurrent ? "DROP INDEX CONCURRENTLY" : undefined;
  if ("ReindexStmt" in node) {
    const { kind, params } = node.ReindexStmt;
    if (isOptionOn(params, "concurrently", false)) return "REINDEX CONCURRENTLY";
    const whole = /REINDEX_OBJECT_(SCHEMA|SYSTEM|DATABASE)/.exec(kind ?? "");
    return whole ? `REINDEX ${whole[1]}` : undefined;
  }
  if ("AlterTableStmt" in node) {
    const detaches = node.AlterTableStmt.cmds?.some(
      (cmd) =>
        "AlterTableCmd" in cmd &&
        cmd.AlterTableCmd.def &&
        "PartitionCmd" in cmd.AlterTableCmd.def &&
        cmd.AlterTableCmd.def.PartitionCmd.concurrent,
    );
    return detaches ? "ALTER TABLE … DETACH PARTITION CONCURRENTLY" : undefined;
  }
  if ("VacuumStmt" in node) return node.VacuumStmt.is_vacuumcmd ? "VACUUM" : undefined;
  if ("ClusterStmt" in node) return node.ClusterStmt.relation ? undefined : "CLUSTER";
  if ("DiscardStmt" in node) return node.DiscardStmt.target === "DISCARD_ALL" ? "DISCARD ALL" : undefined;
  if ("AlterDatabaseStmt" in node) {
    const moves = findOption(node.AlterDatabaseStmt.options, "tablespace");
    return moves ? "ALTER DATABASE SET TABLESPACE" : undefined;
  }
  if ("CreateSubscriptionStmt" in node) {
    const connects = isOptionOn(node.CreateSubscriptionStmt.options, "connect", true);
    const creates = connects && isOptionOn(node.CreateSubscriptionStmt.options, "create_slot", true);
    return creates ? "CREATE SUBSCRIPTION" : undefined;
  }
  if ("AlterSubscriptionStmt" in node) return alteredSubscription(node);
  const name = Object.keys(node)[0] ?? "";
  return REFUSED_ALWAYS[name];
}

const REFUSED_ALWAYS: Readonly<Record<string, string>> = {
  CreatedbStmt: "CREATE DATABASE",
  DropdbStmt: "DROP DATABASE",
  CreateTableSpaceStmt: "CREATE TABLESPACE",
  DropTableSpaceStmt: "DROP TABLESPACE",
  AlterSystemStmt: "ALTER SYSTEM",
  // Allowed in a block only for a subscription without a slot, which the text does not tell.
  DropSubscriptionStmt: "DROP SUBSCRIPTION",
};

function alteredSubscription({
  AlterSubscriptionStmt: { kind, options },
}: Extract<Node, { AlterSubscriptionStmt: unknown }>): string | undefined {
  switch (kind) {
    case "ALTER_SUBSCRIPTION_SET_PUBLICATION":
    case "ALTER_SUBSCRIPTION_ADD_PUBLICATION":
    case "ALTER_SUBSCRIPTION_DROP_PUBLICATION":
      return isOptionOn(options, "refresh", true) ? "ALTER SUBSCRIPTION with refresh" : undefined;
    case "ALTER_SUBSCRIPTION_OPTIONS": {
      const slot = findOption(options, "failover") ?? findOption(options, "two_phase");
      return slot ? "ALTER SUBSCRIPTION … SET (failover or two_phase)" : undefined;
    }
    default:
      return kind?.startsWith("ALTER_SUBSCRIPTION_REFRESH") ? "ALTER SUBSCRIPTION … REFRESH" : undefined;
  }
}

function findOption(options: Node[] | undefined, name: string) {
  for (const option of options ?? []) {
    if ("DefElem" in option && option.DefElem.defname === name) return option.DefElem;
  }
  return undefined;
}

/** An option's truth as Postgres reads it: given without a value it is on. */
function isOptionOn(options: Node[] | undefined, name: string, unset: boolean): boolean {
  const option = findOption(options, name);
  if (!option) return unset;
  const { arg } = option;
  if (arg && "Integer" in arg) return (arg.Integer.ival ?? 0) !== 0;
  return !/"sval":"(?:false|off)"/i.test(JSON.stringify(arg ?? ""));
}
