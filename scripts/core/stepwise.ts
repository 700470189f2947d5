import { ledgerName } from "./ledger.ts";
import { quoteIdent, quoteLiteral } from "./sql.ts";
import type { Step } from "./statements.ts";
import {
  renderAsOthers,
  renderCreateLedger,
  renderLedgerCheck,
  renderLockCalls,
  renderRollback,
  renderSearchPath,
  renderTurnTimeout,
  type ScriptToApply,
  type SessionRules,
} from "./transaction.ts";

/** A stepwise script as messages, in the order in which they are sent. */
export interface StepwiseText {
  /** Takes the service's turn for as long as the session lasts, and sets it up. */
  opening: string;
  /** Records the migration as started. */
  start: string;
  steps: StepText[];
  /** Records it as finished. */
  finish: string;
  /** Gives the turn back and leaves the session as new. */
  closing: string;
}

/** A stepwise script to be rendered, from the step at index `from` on. */
export type StepwiseScript = Omit<ScriptToApply, "sql"> & { steps: readonly Step[]; from: number };

/** One step: its messages, of which the one at `own` carries statements of the script. */
export interface StepText {
  step: Step;
  messages: string[];
  own: number;
  /** Where in that message the script's text begins, in UTF-16 units. */
  offset: number;
  /** How many statements of ours come before it there. */
  statementsBefore: number;
}

/**
 * Renders a script that Postgres does not run in one transaction: row first, then each step followed by its count,
 * then the row finished. A step of ordinary statements is one transaction together with its count, so that only a
 * statement that has to run alone can be done and not counted.
 */
export function renderStepwise(
  { steps, from, ...script }: StepwiseScript,
  rules: SessionRules,
  { createLedger }: { createLedger: boolean },
): StepwiseText {
  const row = unfinishedRow(rules.schema, script.name);
  const { grants = [], releases = [] } = script.rights ?? {};
  const first = [...renderAsOthers(grants, rules), ...(createLedger ? renderCreateLedger(rules) : [])];
  return {
    opening: renderSessionOpening(rules),
    start: `BEGIN;\n${[...first, renderLedgerCheck(script, rules.schema), renderStart(script, rules.schema)].join(";\n")};\nCOMMIT;\n`,
    steps: steps
      .slice(from)
      .map((step, index) =>
        renderStep(step, { count: from + index + 1, row, lockTimeout: rules.lockTimeout }),
      ),
    finish: renderFinish(script, { row, schema: rules.schema, last: renderAsOthers(releases, rules) }),
    closing: "DISCARD ALL;\n",
  };
}

function renderSessionOpening(rules: SessionRules): string {
  const set = (name: string, value: string) =>
    `set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, false)`;
  const calls = [
    set("application_name", rules.applicationName),
    set("search_path", renderSearchPath(rules)),
    set("lock_timeout", renderTurnTimeout(rules)),
    ...renderLockCalls(rules.schema, "session"),
    set("lock_timeout", `${rules.lockTimeout}ms`),
  ];
  const role = rules.role === undefined ? "" : `SET ROLE ${quoteIdent(rules.role)};\n`;
  return `RESET SESSION AUTHORIZATION;\nRESET ALL;\nSELECT ${calls.join(", ")};\n${role}`;
}

function renderStart({ name, checksum }: Pick<ScriptToApply, "name" | "checksum">, schema: string): string {
  return `INSERT INTO ${ledgerName(schema)} (id, checksum, migration_name, started_at, applied_steps_count)
  VALUES (gen_random_uuid()::text, ${quoteLiteral(checksum)}, ${quoteLiteral(name)}, clock_timestamp(), 0)`;
}

/** On the way down, a second row stood for the script under way: the one that says "applied" is kept until the end. */
function renderFinish(
  { name, direction }: Pick<ScriptToApply, "name" | "direction">,
  { row, schema, last }: { row: { table: string; where: string }; schema: string; last: readonly string[] },
): string {
  const statements =
    direction === "down"
      ? [`DELETE FROM ${row.table} WHERE ${row.where}`, renderRollback(name, schema)]
      : // Prisma counts a finished script as one step, however many statements it has.
        [
          `UPDATE ${row.table} SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE ${row.where}`,
        ];
  const all = [...last, ...statements].map((statement) => `${statement};\n`).join("");
  return last.length + statements.length === 1 ? all : `BEGIN;\n${all}COMMIT;\n`;
}

function renderStep(
  step: Step,
  { count, row, lockTimeout }: { count: number; row: { table: string; where: string }; lockTimeout: number },
): StepText {
  const counted = `UPDATE ${row.table} SET applied_steps_count = ${count} WHERE ${row.where}`;
  if (step.kind === "alone") {
    // lock_timeout would end the waits of a concurrent build, which holds nobody up, and leave an invalid index.
    const calm = /\bconcurrently\b/i.test(step.sql);
    const messages = [
      ...(calm ? ["SET lock_timeout = 0"] : []),
      step.sql,
      ...(calm ? [`SET lock_timeout = ${lockTimeout}`] : []),
      counted,
    ];
    return { step, messages, own: calm ? 1 : 0, offset: 0, statementsBefore: 0 };
  }
  const head = `${step.begin ?? "BEGIN"};\n`;
  return {
    step,
    messages: [`${head}${step.sql}\n;\n${counted};\nCOMMIT;\n`],
    own: 0,
    offset: head.length,
    statementsBefore: 1,
  };
}

/** The row of a migration that is under way, as the ledger and a condition. */
export function unfinishedRow(schema: string, name: string): { table: string; where: string } {
  return {
    table: ledgerName(schema),
    where: `migration_name = ${quoteLiteral(name)} AND finished_at IS NULL AND rolled_back_at IS NULL`,
  };
}
