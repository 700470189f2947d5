import { setTimeout as sleep } from "node:timers/promises";
import { type Failure, SchemataError } from "../../core/errors.ts";
import type { LedgerRow } from "../../core/history.ts";
import type { Service } from "../../core/service.ts";
import { renderLockCalls, type SessionRules, TURN_SLICE_MS } from "../../core/transaction.ts";
import type { ApplyJob, ApplyRun } from "./apply.ts";
import { type Client, sqlState } from "./connect.ts";
import type { LockHolder } from "./events.ts";
import { readHolders, renderHolder } from "./holders.ts";
import { readLedger } from "./ledger.ts";
import { rollBack } from "./send.ts";

/**
 * Reads a ledger in the service's turn, when nobody else can be in the middle of a migration: an unfinished row that
 * it holds then is of one that failed. Fails with a {@link SchemataError} when the turn does not come.
 */
export async function readLedgerInTurn(
  client: Client,
  service: Service,
  { lockWait }: Pick<SessionRules, "lockWait">,
): Promise<LedgerRow[]> {
  const calls = [
    `set_config('lock_timeout', '${lockWait === 0 ? TURN_SLICE_MS : Math.min(lockWait, TURN_SLICE_MS)}ms', true)`,
    ...renderLockCalls(service.schema, "transaction"),
  ];
  const queue = makeTurnQueue({ service, lockWait });
  for (;;) {
    try {
      await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT ${calls.join(", ")}`);
      const rows = await readLedger(client, service.schema);
      await client.query("COMMIT");
      return rows;
    } catch (error) {
      await rollBack(client);
      if (sqlState(error) !== "55P03") throw error;
      await queue.refused(client, error);
    }
  }
}

/** Waits for a service's turn in attempts, with pauses between them in which nothing is held. */
export interface TurnQueue {
  /** After an attempt that failed: pauses, and returns what there is to say; throws it when the time is over. */
  refused(client: Client, cause: unknown, migration?: string): Promise<SchemataError>;
  /** The turn came: the next wait is a new one. */
  came(): void;
}

/** `lockWait` in milliseconds, 0: without end. `onWaiting` hears of each new holder. */
function makeTurnQueue({
  service,
  lockWait,
  command,
  signal,
  onWaiting = () => {},
}: {
  service: Service;
  lockWait: number;
  command?: string;
  signal?: AbortSignal;
  onWaiting?: (holders: LockHolder[], migration: string) => void;
}): TurnQueue {
  let started = performance.now();
  let told: number | undefined;
  return {
    refused: async (client, cause, migration) => {
      const holders = await readHolders(client, { pid: undefined, schema: service.schema }).catch(() => []);
      const failure = new SchemataError(
        explainTurn(service, {
          lockWait,
          holders,
          cause,
          ...(migration && { migration }),
          ...(command && { command }),
        }),
      );
      if (holders[0] && holders[0].pid !== told) onWaiting(holders, migration ?? "");
      told = holders[0]?.pid;
      const left = lockWait === 0 ? Number.POSITIVE_INFINITY : started + lockWait - performance.now();
      if (signal?.aborted) return failure;
      if (left <= 0) throw failure;
      // In no step with others that wait.
      await sleep(Math.min(left, 20 + Math.random() * 60));
      return failure;
    },
    came: () => {
      started = performance.now();
      told = undefined;
    },
  };
}

/** The same for a job of a run. */
export function queueFor({ service, rules, command }: ApplyJob, { signal, emit }: ApplyRun): TurnQueue {
  const onWaiting = (holders: LockHolder[], migration: string) =>
    emit({ kind: "waiting", service: service.name, migration, holders });
  return makeTurnQueue({ service, lockWait: rules.lockWait, command, signal, onWaiting });
}

/** The message for a service whose turn did not come: `migration` would have been the next. Waits are milliseconds. */
export function explainTurn(
  service: Service,
  {
    migration,
    lockWait,
    holders,
    command = `make upgrade-head app=${service.name}`,
    cause,
  }: {
    migration?: string;
    lockWait: number;
    holders: readonly LockHolder[];
    command?: string;
    cause: unknown;
  },
): Failure {
  return {
    fact: `${service.name}: ${migration === undefined ? "" : `${migration} `}waited ${lockWait / 1000} s for its turn`,
    why:
      holders.length > 0
        ? holders.map(renderHolder).join("\n")
        : "another run of this service, or a stock prisma migrate, holds its lock",
    fix: `wait for it, or look at it and end it (SELECT pg_terminate_backend(${holders[0]?.pid ?? "pid"})), then ${command}; --lock-wait sets how long to wait`,
    cause,
    details: { migration, sqlState: "55P03", holder: holders[0]?.pid },
  };
}
