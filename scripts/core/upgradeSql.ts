import { renderDependsOn } from "./dependsOn.ts";
import { directionOf, rowsChanged } from "./direction.ts";
import { renderForeignRights } from "./rights.ts";
import type { OrderedScript } from "./schedule.ts";
import { quoteIdent } from "./sql.ts";
import type { ScriptPlan } from "./statements.ts";
import { renderStepwise, type StepwiseScript } from "./stepwise.ts";
import { renderTransaction, type SessionRules } from "./transaction.ts";

/** One migration of an upgrade as a part of a script for psql: the same statements that a run would send. */
export function renderUpgradeStep(
  { plan, index, pending }: OrderedScript,
  script: ScriptPlan,
  rules: SessionRules,
): string {
  const { name, checksum } = pending.migration;
  const before = plan.pending[index - 1]?.migration.name ?? plan.standing.current ?? undefined;
  const expectedRows = plan.pending
    .slice(0, index)
    .reduce((rows, earlier) => rows + rowsChanged(earlier), plan.ledgerRows);
  const { recognises, lends } = pending;
  const direction = directionOf([pending]);
  const rights = renderForeignRights(pending, rules.schema);
  const step = { name, checksum, direction, previous: before, expectedRows, recognises, lends, rights };
  const options = { durable: true, createLedger: plan.createLedger && index === 0 };
  const sql =
    script.mode === "atomic"
      ? renderTransaction({ ...step, sql: recognises ? "" : script.sql }, rules, options).sql
      : renderStepwiseSql({ ...step, steps: script.steps }, rules, options);
  return [
    `-- ${plan.service.name}/${name}`,
    ...pending.dependsOn.map(renderDependsOn),
    ...(plan.createSchema && index === 0 ? [`CREATE SCHEMA IF NOT EXISTS ${quoteIdent(rules.schema)};`] : []),
    sql,
  ].join("\n");
}

function renderStepwiseSql(
  script: Omit<StepwiseScript, "from">,
  rules: SessionRules,
  options: { createLedger: boolean },
): string {
  const { opening, start, steps, finish, closing } = renderStepwise({ ...script, from: 0 }, rules, options);
  const messages = steps.flatMap((step) =>
    step.messages.map((message) => `${message.trimEnd().replace(/;$/, "")}\n;\n`),
  );
  return [opening, start, ...messages, finish, closing].join("");
}
