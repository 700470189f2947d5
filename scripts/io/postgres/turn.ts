import { type Failure, SchemataError } from "../../core/errors.ts";
import type { LedgerRow } from "../../core/history.ts";
import type { Service } from "../../core/service.ts";
import { renderLockCalls, type SessionRules } from "../../core/transaction.ts";
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
    `set_config('lock_timeout', '${lockWait}ms', true)`,
    ...renderLockCalls(service.schema, "transaction"),
  ];
  try {
    await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT ${calls.join(", ")}`);
    const rows = await readLedger(client, service.schema);
    await client.query("COMMIT");
    return rows;
  } catch (error) {
    await rollBack(client);
    if (sqlState(error) !== "55P03") throw error;
    const holders = await readHolders(client, { pid: undefined, schema: service.schema }).catch(() => []);
    throw new SchemataError(explainTurn(service, { lockWait, holders, cause: error }));
  }
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
