import { SchemataError } from "../../core/errors.ts";
import type { LedgerRow } from "../../core/history.ts";
import type { Service } from "../../core/service.ts";
import { renderLockCalls, type SessionRules } from "../../core/transaction.ts";
import { type Client, sqlState } from "./connect.ts";
import { readHolders } from "./holders.ts";
import { readLedger } from "./ledger.ts";
import { rollBack } from "./send.ts";
import { explainTurn } from "./turn.ts";

/**
 * Does work that no transaction can hold in a service's turn, if its ledger still is as it was read. Through a pooler
 * no session can hold the turn; the work's own transactions must then be enough.
 */
export async function withTurn<T>(
  client: Client,
  {
    service,
    rules,
    ledger,
    command,
    pooled,
  }: {
    service: Service;
    rules: SessionRules;
    ledger: readonly LedgerRow[];
    command: string;
    pooled: boolean;
  },
  work: () => Promise<T>,
): Promise<T> {
  if (pooled) return work();
  try {
    const calls = [
      `set_config('lock_timeout', '${rules.lockWait}ms', false)`,
      ...renderLockCalls(rules.schema, "session"),
      "set_config('lock_timeout', '0', false)",
    ];
    await client.query(`SELECT ${calls.join(", ")}`);
    const now = await readLedger(client, rules.schema);
    if (JSON.stringify(now) !== JSON.stringify(ledger)) {
      throw new SchemataError({
        fact: `${service.name}: the ledger has changed since it was read`,
        why: "another run was quicker; nothing was done",
        fix: command,
      });
    }
    return await work();
  } catch (error) {
    await rollBack(client);
    if (sqlState(error) !== "55P03") throw error;
    const holders = await readHolders(client, { pid: undefined, schema: rules.schema }).catch(() => []);
    throw new SchemataError(
      explainTurn(service, { lockWait: rules.lockWait, holders, command, cause: error }),
    );
  } finally {
    await client.query("SELECT pg_advisory_unlock_all(); RESET ALL").catch(() => {});
  }
}
