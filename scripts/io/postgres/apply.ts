import { setTimeout as sleep } from "node:timers/promises";
import { isPassing, planPause } from "../../core/backoff.ts";
import { directionOf, rowsChanged } from "../../core/direction.ts";
import { EXIT, fail, type SchemataError } from "../../core/errors.ts";
import { isUnfinished, type LedgerRow } from "../../core/history.ts";
import type { PendingScript } from "../../core/plan.ts";
import { renderForeignRights } from "../../core/rights.ts";
import type { Service } from "../../core/service.ts";
import {
  LEAVE_SESSION,
  renderTransaction,
  type SessionRules,
  TURN_STATEMENT,
} from "../../core/transaction.ts";
import { readPlannedScript, readScriptPlan } from "../script.ts";
import { type Client, sqlState } from "./connect.ts";
import type { ApplyEvent } from "./events.ts";
import { describeFailure } from "./failure.ts";
import { isLedgerChanged, readLedger } from "./ledger.ts";
import { cancelRunning, rollBack, sendScript } from "./send.ts";
import { sendApart } from "./sendApart.ts";
import { applyStepwise } from "./stepwise.ts";
import { queueFor, readLedgerInTurn } from "./turn.ts";
import type { Watch } from "./watch.ts";

/** A message carries at most this many migrations and bytes: enough to save round trips, and to show progress. */
const BATCH = { scripts: 25, bytes: 256 * 1024 };

/**
 * What the server sends back it keeps until the message is done, but for a warning, which it sends at once with all that
 * came before: this gives rise to one.
 */
const HASTEN = "ROLLBACK;\n";

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

/** One message, and for each script in it the text and how many statements of ours precede the script's first. */
interface Batch {
  scripts: PendingScript[];
  sql: string;
  texts: { script: string; scriptStart: number; statementsBefore: number }[];
}

/** How far a message came: whole transactions, and statements of the one after them. */
interface Progress {
  transactions: number;
  statements: number;
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

async function readScripts(
  job: ApplyJob,
  scripts: PendingScript[],
  limit: number,
): Promise<{ script: PendingScript; sql: string }[]> {
  const found: { script: PendingScript; sql: string }[] = [];
  let bytes = 0;
  for (const script of scripts.slice(0, limit)) {
    if (script.mode === "stepwise" || (found.length > 0 && bytes + script.size > BATCH.bytes)) break;
    if (script.recognises) {
      // Recorded, not run; read all the same, so that the checksum is that of what stands on disk.
      readPlannedScript(job.service, script.migration);
      found.push({ script, sql: "" });
      continue;
    }
    const { plan } = await readScriptPlan(job.service, script.migration);
    if (plan.mode === "stepwise") throw new Error(`${script.migration.name} was planned atomic and is not`);
    found.push({ script, sql: plan.sql });
    bytes += script.size;
  }
  return found;
}

function makeBatch(
  scripts: readonly { script: PendingScript; sql: string }[],
  { job, ledger, live = false }: { job: ApplyJob; ledger: LedgerState; live?: boolean | undefined },
): Batch {
  const batch: Batch = { scripts: scripts.map(({ script }) => script), sql: "", texts: [] };
  const parts: string[] = [];
  let length = 0;
  let expectedRows = ledger.rows;
  for (const [index, { script, sql }] of scripts.entries()) {
    const { name, checksum } = script.migration;
    const previous = index === 0 ? ledger.previous : scripts[index - 1]?.script.migration.name;
    const text = renderTransaction(
      {
        ...{ name, direction: directionOf([script]), checksum, sql, previous, expectedRows },
        recognises: script.recognises,
        lends: script.lends,
        rights: renderForeignRights(script, job.rules.schema),
      },
      job.rules,
      {
        durable: false,
        createLedger: !ledger.exists && index === 0,
      },
    );
    expectedRows += rowsChanged(script);
    batch.texts.push({
      script: sql,
      scriptStart: length + text.scriptStart,
      statementsBefore: text.statementsBefore,
    });
    const whole = live ? text.sql + HASTEN : text.sql;
    parts.push(whole);
    length += whole.length;
  }
  // Settings such as client_encoding govern how the next message is read, before any statement of it can reset them.
  batch.sql = parts.join("") + LEAVE_SESSION;
  return batch;
}

async function sendBatch(
  client: Client,
  batch: Batch,
  { job, run }: { job: ApplyJob; run: ApplyRun },
): Promise<{ error?: unknown; progress: Progress }> {
  const progress: Progress = { transactions: 0, statements: 0 };
  const service = job.service.name;
  let started = performance.now();
  const start = () => {
    const migration = batch.scripts[progress.transactions]?.migration.name;
    if (migration !== undefined) run.emit({ kind: "started", service, migration });
  };
  start();
  const unwatch = run.watch(client, {
    job,
    migration: () => batch.scripts[progress.transactions]?.migration.name,
  });
  const cancel = () => cancelRunning(client, run.url);
  run.signal.addEventListener("abort", cancel, { once: true });
  try {
    const send = job.rules.citus ? sendApart : sendScript;
    await send(client, batch.sql, (tag) => {
      // No transaction of ours begins so: it only made the server speak.
      if (tag === "ROLLBACK" && progress.statements === 0) return;
      progress.statements += 1;
      if (tag !== "COMMIT") return;
      const migration = batch.scripts[progress.transactions]?.migration.name ?? "";
      const now = performance.now();
      run.emit({ kind: "applied", service, migration, ms: now - started });
      started = now;
      progress.transactions += 1;
      progress.statements = 0;
      start();
    });
    return { progress };
  } catch (error) {
    return { error, progress };
  } finally {
    run.signal.removeEventListener("abort", cancel);
    unwatch();
  }
}

async function explainBatchFailure(
  error: unknown,
  {
    client,
    batch,
    progress,
    job,
    run,
  }: { client: Client; batch: Batch; progress: Progress; job: ApplyJob; run: ApplyRun },
): Promise<SchemataError> {
  // Where all of it is committed, what broke behind it was the connection, whatever the server calls it.
  const isBehind = progress.transactions >= batch.scripts.length;
  const at = isBehind ? batch.scripts.length - 1 : progress.transactions;
  const script = batch.scripts[at];
  const text = batch.texts[at];
  if (!script || !text) throw error;
  const told = isBehind
    ? new Error(error instanceof Error ? error.message : String(error), { cause: error })
    : error;
  return describeFailure(told, {
    service: job.service,
    migration: script.migration,
    direction: directionOf([script]),
    command: job.command,
    citus: job.rules.citus,
    holders: sqlState(error) === "55P03" ? run.watch.lastHolders(client) : [],
    sent: { message: batch.sql, ...text },
    statement: progress.statements - text.statementsBefore,
  });
}

/** The service's turn did not come in time: the statement after BEGIN and the two resets is the one that waits. */
function isTurnRefused(error: unknown, { statements }: Progress): boolean {
  return sqlState(error) === "55P03" && statements === TURN_STATEMENT;
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
