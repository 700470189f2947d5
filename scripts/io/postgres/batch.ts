import { directionOf, rowsChanged } from "../../core/direction.ts";
import type { SchemataError } from "../../core/errors.ts";
import type { PendingScript } from "../../core/plan.ts";
import { renderForeignRights } from "../../core/rights.ts";
import { LEAVE_SESSION, renderTransaction, TURN_STATEMENT } from "../../core/transaction.ts";
import { readPlannedScript, readScriptPlan } from "../script.ts";
import type { ApplyJob, ApplyRun, LedgerState } from "./apply.ts";
import { type Client, sqlState } from "./connect.ts";
import { describeFailure } from "./failure.ts";
import { cancelRunning, sendScript } from "./send.ts";
import { sendApart } from "./sendApart.ts";

/** A message carries at most this many migrations and bytes: enough to save round trips, and to show progress. */
export const BATCH = { scripts: 25, bytes: 256 * 1024 };

/**
 * What the server sends back it keeps until the message is done, but for a warning, which it sends at once with all that
 * came before: this gives rise to one.
 */
const HASTEN = "ROLLBACK;\n";

/** One message, and for each script in it the text and how many statements of ours precede the script's first. */
export interface Batch {
  scripts: PendingScript[];
  sql: string;
  texts: { script: string; scriptStart: number; statementsBefore: number }[];
}

/** How far a message came: whole transactions, and statements of the one after them. */
export interface Progress {
  transactions: number;
  statements: number;
}

/** The first of some scripts with their texts, as many as a message takes. */
export async function readScripts(
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

/** Renders scripts as one message, each of them a transaction with its ledger row. */
export function makeBatch(
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

/** Sends a message, telling of each transaction as it is done; says how far it came, and what stopped it. */
export async function sendBatch(
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

/** What stopped a message, as a failure of the migration that it had come to. */
export async function explainBatchFailure(
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
export function isTurnRefused(error: unknown, { statements }: Progress): boolean {
  return sqlState(error) === "55P03" && statements === TURN_STATEMENT;
}
