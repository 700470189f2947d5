import { hash } from "node:crypto";
import { byName, compareHistory, isUnfinished, type LedgerRow, type Migration } from "./history.ts";
import { ledgerName } from "./ledger.ts";
import type { ServiceFacts } from "./plan.ts";
import { quoteLiteral } from "./sql.ts";
import {
  LEDGER_CHANGED,
  renderCreateLedger,
  renderOpening,
  renderRollback,
  renderStamp,
  type SessionRules,
} from "./transaction.ts";

/** What is to be recorded without being run. All lists are in the order of the history. */
export interface LedgerChange {
  /** To be marked as applied. */
  mark: Migration[];
  /** To be marked as rolled back. */
  unmark: string[];
  /** Applied, and to be known by their files' present checksums. */
  recheck: Migration[];
}

/** What makes the ledger say that exactly the migrations up to one are applied; without a `last`, none. */
export function planStamp({ migrations, ledger }: ServiceFacts, last: string | undefined): LedgerChange {
  const { applied, squashed } = compareHistory(migrations, ledger);
  const isBelow = (name: string) => last !== undefined && byName(name, last) <= 0;
  const live = new Set(ledger.filter((row) => row.rolledBackAt === null).map(({ name }) => name));
  const replaced = squashed.flatMap(({ name, rows }) => (isBelow(name) ? rows : []));
  return {
    mark: migrations.filter(({ name }) => isBelow(name) && !applied.includes(name)),
    unmark: [...live].filter((name) => !isBelow(name) || replaced.includes(name)).sort(byName),
    recheck: [],
  };
}

/** What makes edited files count as applied as they stand now. */
export function planRecheck({ migrations, ledger }: ServiceFacts): LedgerChange {
  const edited = new Set(compareHistory(migrations, ledger).edited);
  return { mark: [], unmark: [], recheck: migrations.filter(({ name }) => edited.has(name)) };
}

/** Whether there is anything to record. */
export function isEmptyChange({ mark, unmark, recheck }: LedgerChange): boolean {
  return mark.length + unmark.length + recheck.length === 0;
}

/** The statements that record a change; a migration that had failed keeps its row, as rolled back. */
export function renderLedgerChange({ mark, unmark, recheck }: LedgerChange, schema: string): string[] {
  const table = ledgerName(schema);
  return [
    ...unmark.map((name) => renderRollback(name, schema)),
    ...mark.flatMap((migration) => [renderRollback(migration.name, schema), renderStamp(migration, schema)]),
    ...recheck.map(
      ({ name, checksum }) =>
        `UPDATE ${table} SET checksum = ${quoteLiteral(checksum)} WHERE migration_name = ${quoteLiteral(name)} AND rolled_back_at IS NULL AND finished_at IS NOT NULL`,
    ),
  ];
}

/** One transaction that writes to a ledger in the service's turn, if it still holds the rows that were decided upon. */
export function renderLedgerTransaction(
  statements: readonly string[],
  {
    rules,
    ledger,
    createLedger,
  }: { rules: SessionRules; ledger: readonly LedgerRow[]; createLedger: boolean },
): string {
  return `${[
    ...renderOpening(rules, { durable: true }),
    ...(createLedger ? renderCreateLedger(rules) : []),
    renderUnchanged(ledger, rules.schema),
    ...statements,
    "COMMIT",
  ].join(";\n")};\n`;
}

/** Fails unless the live rows are those that were read: by name, checksum, and whether they are finished. */
function renderUnchanged(ledger: readonly LedgerRow[], schema: string): string {
  const rows = ledger
    .filter(({ rolledBackAt }) => rolledBackAt === null)
    .map((row) => `${row.name}/${row.checksum}/${isUnfinished(row) ? "f" : "t"}`)
    .sort(byName);
  const row = `migration_name || '/' || checksum || '/' || CASE WHEN finished_at IS NULL THEN 'f' ELSE 't' END`;
  return `SELECT (CASE WHEN coalesce(encode(sha256(convert_to(string_agg(${row}, E'\\n' ORDER BY (${row}) COLLATE "C"), 'UTF8')), 'hex'), '') = ${quoteLiteral(rows.length === 0 ? "" : hash("sha256", rows.join("\n")))} THEN '0' ELSE ${quoteLiteral(LEDGER_CHANGED)} END)::integer
  FROM ${ledgerName(schema)} WHERE rolled_back_at IS NULL`;
}
