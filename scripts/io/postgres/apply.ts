import { setTimeout as sleep } from "node:timers/promises";
import { isPassing, planPause } from "../../core/backoff.ts";
import { rowsChanged } from "../../core/direction.ts";
import { EXIT, fail, type SchemataError } from "../../core/errors.ts";
import { isUnfinished, type LedgerRow } from "../../core/history.ts";
import type { PendingScript } from "../../core/plan.ts";
import type { Service } from "../../core/service.ts";
import { LEAVE_SESSION, type SessionRules } from "../../core/transaction.ts";
import { BATCH, explainBatchFailure, isTurnRefused, makeBatch, readScripts, sendBatch } from "./batch.ts";
import { type Client, sqlState } from "./connect.ts";
import type { ApplyEvent } from "./events.ts";
import { isLedgerChanged, readLedger } from "./ledger.ts";
import { rollBack } from "./send.ts";
import { applyStepwise } from "./stepwise.ts";
import { queueFor, readLedgerInTurn } from "./turn.ts";
import type { Watch } from "./watch.ts";

/** What the ledger held when it was last read. */
export interface LedgerState {
  exists: boolean;
  /** Live rows. */
  rows: number;
  /** A migration that it holds, the newest applied. */
  previous: string | undefined;
}

/** One service's migrations on one connection. */
export interface ApplyJob {
  service: Service;
  rules: SessionRules;
  ledger: LedgerState;
  scripts: PendingScript[];
  /** What to type to go on after a failure. */
  command: string;
  /** Decides anew from the ledger as it is now (undefined: there is none); throws where nothing may go on. */
  replan(ledger: LedgerRow[] | undefined): { ledger: LedgerState; scripts: PendingScript[] };
}

/** What every job of a run shares. */
export interface ApplyRun {
  /** How often a transaction that failed for a passing reason is run again. */
  retries: number;
  /** The connection goes through a pooler, so that no session can be relied on. */
  pooled: boolean;
  /** Of the database, to cancel what runs there. */
  url: string;
  signal: AbortSignal;
  emit(event: ApplyEvent): void;
  /** Watches a running transaction for whom it waits for. */
  watch: Watch;
  /** Somebody looks on, and wants to hear of each migration as soon as it is done. */
  live?: boolean | undefined;
}

/**
 * Applies migrations in order, or undoes them, each in one transaction with its ledger row, several to a message. Whatever stops it,
 * each is done and recorded, or neither. Returns what the ledger holds then; throws a {@link SchemataError} at the first that fails.
 */
export async function applyMigrations(client: Client, job: ApplyJob, run: ApplyRun): Promise<LedgerState> {
  let { scripts, ledger } = job;
  let attempt = 0;
  let limit = job.rules.citus ? 1 : BATCH.scripts;
  const queue = queueFor(job, run);
  for (let [first] = scripts; first; [first] = scripts) {
    requireNotInterrupted(run.signal, job, first);
    const before = ledger;
    if (first.mode === "stepwise") {
      const changed = await applyStepwise(client, { ...job, ledger }, { script: first, run });
      ({ scripts, ledger } = changed ? await readAgain(client, job, changed) : advance(scripts, ledger, 1));
      if (changed && scripts[0] === first && isSameLedger(before, ledger)) throw changed;
      continue;
    }
    const batch = makeBatch(await readScripts(job, scripts, limit), { job, ledger, live: run.live });
    const { error, progress } = await sendBatch(client, batch, { job, run });
    const refused = isTurnRefused(error, progress);
    if (!refused || progress.transactions > 0) queue.came();
    if (!error) {
      ({ scripts, ledger } = advance(scripts, ledger, batch.scripts.length));
      attempt = 0;
      continue;
    }
    await rollBack(client, LEAVE_SESSION);
    const failure = refused
      ? await queue.refused(client, error, batch.scripts[progress.transactions]?.migration.name)
      : await explainBatchFailure(error, { client, batch, progress, job, run });
    ({ scripts, ledger } = await readAgain(client, job, failure));
    if (run.signal.aborted) continue;
    if (scripts[0] !== first) attempt = 0;
    if (refused) continue;
    if (isLedgerChanged(error)) {
      if (scripts[0] === first && isSameLedger(before, ledger)) throw failure;
      continue;
    }
    if (batch.scripts.length > 1 && progress.transactions === 0 && progress.statements === 0) {
      // A syntax error fails the whole message before its first statement: send one by one to find whose it is.
      limit = 1;
      continue;
    }
    if (!isPassing(sqlState(error)) || attempt >= run.retries) throw failure;
    attempt += 1;
    await pause(attempt, { error, job, run, script: batch.scripts[progress.transactions] ?? first });
  }
  return ledger;
}

/** Nobody has changed anything: what speaks of a changed ledger is a script, or the ledger shows us less than it holds. */
function isSameLedger(a: LedgerState, b: LedgerState): boolean {
  return a.exists === b.exists && a.rows === b.rows && a.previous === b.previous;
}

function advance(
  scripts: PendingScript[],
  ledger: LedgerState,
  count: number,
): { scripts: PendingScript[]; ledger: LedgerState } {
  return {
    scripts: scripts.slice(count),
    ledger: {
      exists: true,
      rows: scripts.slice(0, count).reduce((rows, script) => rows + rowsChanged(script), ledger.rows),
      previous: scripts[count - 1]?.migration.name,
    },
  };
}

/**
 * After a failure nothing is taken for granted: the ledger says what is applied, by whomever. A ledger that cannot be
 * read leaves the `failure` that came first to be told.
 */
async function readAgain(
  client: Client,
  job: ApplyJob,
  failure: SchemataError,
): Promise<ReturnType<ApplyJob["replan"]>> {
  let rows: LedgerRow[];
  try {
    rows = await readLedger(client, job.rules.schema);
    if (rows.some(isUnfinished)) rows = await readLedgerInTurn(client, job.service, job.rules);
  } catch (error) {
    // 42P01: the transaction that would have made the ledger was the one that failed.
    if (sqlState(error) === "42P01") return job.replan(undefined);
    throw failure;
  }
  return job.replan(rows);
}

function requireNotInterrupted(
  signal: AbortSignal,
  { service, command }: ApplyJob,
  script: PendingScript,
): void {
  if (!signal.aborted) return;
  fail({
    fact: `${service.name}: interrupted before ${script.migration.name}`,
    why: "whatever was running has been rolled back, and what was done before is recorded",
    fix: `${command} goes on from there`,
    status: EXIT.interrupted,
  });
}

async function pause(
  attempt: number,
  { error, job, run, script }: { error: unknown; job: ApplyJob; run: ApplyRun; script: PendingScript },
): Promise<void> {
  const wait = planPause(attempt, Math.random());
  run.emit({
    kind: "retrying",
    service: job.service.name,
    migration: script.migration.name,
    attempt,
    of: run.retries,
    pause: wait,
    reason: error instanceof Error ? error.message : String(error),
  });
  await sleep(wait, undefined, { signal: run.signal }).catch(() => {});
}
