import { setTimeout as sleep } from "node:timers/promises";
import { isPassing, planPause } from "../../core/backoff.ts";
import { directionOf } from "../../core/direction.ts";
import { fail, SchemataError } from "../../core/errors.ts";
import type { PendingScript } from "../../core/plan.ts";
import { renderForeignRights, renderReleases } from "../../core/rights.ts";
import { quoteLiteral } from "../../core/sql.ts";
import { type Step, sessionSettings } from "../../core/statements.ts";
import { renderStepwise, type StepText, type StepwiseText, unfinishedRow } from "../../core/stepwise.ts";
import { renderCount } from "../../core/table.ts";
import { readScriptPlan } from "../script.ts";
import type { ApplyJob, ApplyRun } from "./apply.ts";
import { type Client, isConnectionLost, sqlState } from "./connect.ts";
import { describeFailure } from "./failure.ts";
import { isLedgerChanged } from "./ledger.ts";
import { dropIndexes, type InvalidIndex, readInvalidIndexes } from "./leftovers.ts";
import { cancelRunning, rollBack, sendScript } from "./send.ts";
import { sendApart } from "./sendApart.ts";
import { queueFor } from "./turn.ts";

/** Where a stepwise script begins and how it is recorded. */
export interface StepwiseStart {
  script: PendingScript;
  run: ApplyRun;
  /** Steps that are done already, when an interrupted script is continued; its row is there then. */
  from?: number;
}

/**
 * Runs a script that Postgres refuses to run in one transaction: row first, then step by step, each counted, then
 * the row finished. A failure that left nothing behind takes the row back; any other leaves it unfinished, with the
 * reason in `logs`, for `repair`. Where another runner has changed the ledger before its turn, it does nothing and
 * returns what there is to say of that.
 */
export async function applyStepwise(
  client: Client,
  job: ApplyJob,
  { script, run, from = 0 }: StepwiseStart,
): Promise<SchemataError | undefined> {
  const { service, rules, ledger } = job;
  const { name, checksum } = script.migration;
  if (run.pooled) {
    fail({
      fact: `${service.name}: ${name} cannot run through a connection pooler`,
      why: "it holds statements that Postgres refuses in a transaction, so it needs a session of its own for its locks and its progress",
      fix: "set DATABASE_URL to the server itself for this run; everything else works through the pooler",
    });
  }
  const { sql, plan } = await readScriptPlan(service, script.migration);
  if (plan.mode !== "stepwise") throw new Error(`${name} was planned stepwise and is not`);
  const text = renderStepwise(
    {
      name,
      direction: directionOf([script]),
      checksum,
      previous: ledger.previous,
      expectedRows: ledger.rows,
      rights: renderForeignRights(script, rules.schema),
      steps: plan.steps,
      from,
    },
    rules,
    { createLedger: !ledger.exists },
  );
  run.emit({ kind: "started", service: service.name, migration: name });
  const started = performance.now();
  const unwatch = run.watch(client, { job, migration: () => name });
  const cancel = () => cancelRunning(client, run.url);
  run.signal.addEventListener("abort", cancel, { once: true });
  const sending = { client, job, run, script, sql };
  try {
    await takeTurn(sending, text);
    const changed =
      from === 0 ? await startRow(sending, text.start) : await resume(sending, plan.steps, from);
    if (changed) return changed;
    for (const [index, step] of text.steps.entries()) await runStep(sending, step, from + index);
    await sendOwn(sending, text.finish);
  } finally {
    run.signal.removeEventListener("abort", cancel);
    unwatch();
    await client.query(text.closing).catch(() => {});
  }
  run.emit({ kind: "applied", service: service.name, migration: name, ms: performance.now() - started });
  return undefined;
}

interface Sending {
  client: Client;
  job: ApplyJob;
  run: ApplyRun;
  script: PendingScript;
  sql: string;
}

/** Takes the service's turn for the session, and sets the session up. */
async function takeTurn(
  sending: Sending,
  { opening, closing }: Pick<StepwiseText, "opening" | "closing">,
): Promise<void> {
  const { client, job, run, script } = sending;
  const queue = queueFor(job, run);
  for (;;) {
    try {
      await client.query(opening);
      return;
    } catch (error) {
      // The first of its two locks may have been granted, and outlasts the statement that failed.
      await rollBack(client);
      await client.query(closing).catch(() => {});
      if (sqlState(error) !== "55P03")
        throw await describe(error, sending, { message: opening, offset: 0, statement: -1 });
      const failure = await queue.refused(client, error, script.migration.name);
      if (run.signal.aborted) throw failure;
    }
  }
}

/** Sends statements of ours around the script. */
async function sendOwn(sending: Sending, message: string): Promise<void> {
  try {
    await sending.client.query(message);
  } catch (error) {
    await rollBack(sending.client);
    throw await describe(error, sending, { message, offset: 0, statement: -1 });
  }
}

/** Records the migration as started, unless the ledger is no longer as planned. */
async function startRow(sending: Sending, message: string): Promise<SchemataError | undefined> {
  try {
    await sendOwn(sending, message);
    return undefined;
  } catch (error) {
    if (error instanceof SchemataError && isLedgerChanged(error.cause)) return error;
    throw error;
  }
}

/** Makes sure that the row still stands where it is to be continued, and sets again what the steps before have set. */
async function resume(
  sending: Sending,
  steps: readonly Step[],
  from: number,
): Promise<SchemataError | undefined> {
  const { client, job, script, sql } = sending;
  const ask = (message: string) =>
    client.query(message).catch(async (error: unknown) => {
      throw await describe(error, sending, { message, offset: 0, statement: -1 });
    });
  const { table, where } = unfinishedRow(job.rules.schema, script.migration.name);
  const { rowCount } = await ask(`SELECT FROM ${table} WHERE ${where} AND applied_steps_count = ${from}`);
  if (rowCount === 0) {
    return new SchemataError({
      fact: `${job.service.name}: ${script.migration.name} is no longer at step ${from + 1}`,
      why: "another repair was quicker",
      fix: job.command,
    });
  }
  const { parseSql } = await import("../parser.ts");
  const parsed = await parseSql(sql);
  const before = steps[from]?.start ?? sql.length;
  const settings = parsed.ok ? sessionSettings(sql, parsed.statements, before) : [];
  for (const setting of settings) await ask(setting);
  return undefined;
}

async function runStep(sending: Sending, text: StepText, index: number): Promise<void> {
  const { client, job, run, script } = sending;
  const before = await readInvalidIndexes(client, job.rules.schema);
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await sendStep(client, text, job.rules.citus ? sendApart : sendScript);
    if (!outcome) return;
    await rollBack(client);
    const failure = await describe(outcome.error, sending, {
      message: outcome.message,
      offset: text.offset,
      statement: outcome.statement,
      step: text.step,
    });
    const left = await cleanUp(client, { schema: job.rules.schema, step: text.step, before });
    const again =
      !left && isPassing(sqlState(outcome.error)) && attempt <= run.retries && !run.signal.aborted;
    if (!again) throw await recordFailure(sending, failure, { done: index, left });
    const pause = planPause(attempt, Math.random());
    run.emit({
      kind: "retrying",
      service: job.service.name,
      migration: script.migration.name,
      attempt,
      of: run.retries,
      pause,
      reason: failure.message,
    });
    await sleep(pause, undefined, { signal: run.signal }).catch(() => {});
  }
}

/** Sends a step's messages; tells which of them failed, and at which of its statements. */
async function sendStep(
  client: Client,
  { messages, own, statementsBefore }: StepText,
  send: typeof sendScript,
): Promise<{ error: unknown; message: string; statement: number } | undefined> {
  for (const [index, message] of messages.entries()) {
    let completed = 0;
    try {
      await send(client, message, () => {
        completed += 1;
      });
    } catch (error) {
      return { error, message, statement: index === own ? completed - statementsBefore : -1 };
    }
  }
  return undefined;
}

/** Drops the invalid index that a concurrent build of this step has just left; tells whether anything stayed. */
async function cleanUp(
  client: Client,
  { schema, step, before }: { schema: string; step: Step; before: readonly InvalidIndex[] },
): Promise<boolean> {
  try {
    const known = new Set(before.map(({ name }) => name));
    const found = (await readInvalidIndexes(client, schema)).filter(({ name }) => !known.has(name));
    // Another session may be building an index of its own in the same schema.
    const own = found.filter(({ name, table }) => step.sql.includes(name) || step.sql.includes(table));
    // What was being dropped is for the step itself to drop, when it is run again.
    if (/^drop\b/i.test(step.sql)) return own.length > 0;
    await dropIndexes(
      client,
      schema,
      own.map(({ name }) => name),
    );
    return false;
  } catch {
    return true;
  }
}

/** Takes the row back when nothing was done, or writes the reason into it as the engine does; returns what to tell. */
async function recordFailure(
  { client, job, script }: Sending,
  failure: SchemataError,
  { done, left }: { done: number; left: boolean },
): Promise<SchemataError> {
  const { table, where } = unfinishedRow(job.rules.schema, script.migration.name);
  if (done === 0 && !left) {
    const removed = await client.query(`DELETE FROM ${table} WHERE ${where}`).catch(() => undefined);
    // Its grants were committed with its row.
    const releases = removed && script.rights ? renderReleases(job.rules.schema) : [];
    for (const release of releases) await client.query(release).catch(() => {});
    if (removed) return failure;
  }
  await client
    .query(`UPDATE ${table} SET logs = ${quoteLiteral(failure.message)} WHERE ${where}`)
    .catch(() => {});
  if (isConnectionLost(failure.cause)) {
    return new SchemataError({
      fact: failure.message,
      why: failure.why,
      fix: `see that the server is up, then schemata repair --app ${job.service.name}\nThis migration runs statement by statement: the ledger holds how far it came.`,
      details: failure.details,
      cause: failure.cause,
    });
  }
  return new SchemataError({
    fact: failure.message,
    why: failure.why,
    fix: `correct what it says, then schemata repair --app ${job.service.name}\n${renderCount(done, "step")} of this migration ${done === 1 ? "is" : "are"} done and stay; ${directionOf([script]) === "up" ? "earlier migrations are applied" : "newer migrations are undone"}.`,
    details: failure.details,
    cause: failure.cause,
  });
}

async function describe(
  error: unknown,
  { client, job, run, script, sql }: Sending,
  at: { message: string; offset: number; statement: number; step?: Step },
): Promise<SchemataError> {
  return describeFailure(error, {
    service: job.service,
    migration: script.migration,
    direction: directionOf([script]),
    command: job.command,
    citus: job.rules.citus,
    holders: sqlState(error) === "55P03" ? run.watch.lastHolders(client) : [],
    sent: { message: at.message, script: at.step?.sql ?? "", scriptStart: at.offset },
    file: { text: sql, start: at.step?.start ?? 0 },
    statement: at.statement,
  });
}
