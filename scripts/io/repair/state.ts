import { judge, listClaims, type SchemaContents } from "../../core/evidence.ts";
import { isUnfinished, type LedgerRow, type Migration } from "../../core/history.ts";
import type { ParsedStatement } from "../../core/parse.ts";
import type { ServiceFacts } from "../../core/plan.ts";
import { type Diagnosis, diagnose, type Leftover, type ScriptState } from "../../core/repair.ts";
import type { Service } from "../../core/service.ts";
import type { ScriptPlan, Step } from "../../core/statements.ts";
import { parseSql } from "../parser.ts";
import type { Client } from "../postgres/connect.ts";
import { readContents } from "../postgres/contents.ts";
import { readInvalidIndexes } from "../postgres/leftovers.ts";
import { readScriptPlan } from "../script.ts";
import { findDown } from "../workspace.ts";

/** An unfinished migration with what a repair needs to act on it. */
export interface Unfinished {
  diagnosis: Diagnosis;
  row: LedgerRow;
  /** The script that was under way, the one up or the one down; undefined where it is missing. */
  script: Migration | undefined;
  down: Migration | undefined;
}

/** The first unfinished migration of a service, judged by ledger, files and catalog; undefined where there is none. */
export async function readUnfinished(client: Client, facts: ServiceFacts): Promise<Unfinished | undefined> {
  const { service, ledger, migrations } = facts;
  const [row] = ledger.filter(isUnfinished).sort((a, b) => a.startedAt - b.startedAt);
  if (!row) return undefined;
  // A downgrade puts a second row beside the one that says that the migration is applied.
  const isDown = ledger.some(
    (one) => one.name === row.name && one.rolledBackAt === null && one.finishedAt !== null,
  );
  const up = migrations.find(({ name }) => name === row.name);
  const down = up && findDown(service, up);
  const script = isDown ? down : up;
  const state = script && (await readState(client, { service, script, row }));
  const direction = isDown ? "down" : "up";
  return { diagnosis: diagnose({ row, direction, hasDown: down !== undefined }, state), row, script, down };
}

async function readState(
  client: Client,
  { service, script, row }: { service: Service; script: Migration; row: LedgerRow },
): Promise<ScriptState> {
  const { sql, plan } = await readScriptPlan(service, script);
  const parsed = await parseSql(sql);
  const statements = parsed.ok ? parsed.statements : [];
  const contents = await readContents(client, service.schema);
  const accepted = [script.checksum, ...(script.tolerated ?? [])];
  const judged = stepsOf(sql, plan).map((step) => judgeStep(step, { statements, contents }));
  const invalid = await readInvalidIndexes(client, service.schema);
  return {
    mode: plan.mode,
    edited: !accepted.includes(row.checksum),
    steps: judged,
    leftovers:
      plan.mode === "atomic" ? [] : findLeftovers(plan.steps.slice(row.steps), { invalid, statements }),
  };
}

function stepsOf(sql: string, plan: ScriptPlan): readonly Step[] {
  return plan.mode === "stepwise" ? plan.steps : [{ kind: "transaction", start: 0, end: sql.length, sql }];
}

function judgeStep(
  { kind, start, end }: Step,
  { statements, contents }: { statements: readonly ParsedStatement[]; contents: SchemaContents },
): ScriptState["steps"][number] {
  const own = statements.filter((statement) => statement.start >= start && statement.end <= end);
  return { alone: kind === "alone", ...judge(listClaims(own), contents) };
}

/**
 * The invalid indexes that builds not counted as done may have left: these name the index, or its table. One that a
 * step was dropping stays, for the step to drop.
 */
function findLeftovers(
  steps: readonly Step[],
  { invalid, statements }: { invalid: readonly Leftover[]; statements: readonly ParsedStatement[] },
): Leftover[] {
  const builds = steps.filter(
    ({ kind, start, end }) =>
      kind === "alone" &&
      statements.some(
        ({ node, start: at }) => at >= start && at < end && ("IndexStmt" in node || "ReindexStmt" in node),
      ),
  );
  return invalid.filter(({ name, table }) =>
    builds.some(({ sql }) => sql.includes(name) || sql.includes(table)),
  );
}
