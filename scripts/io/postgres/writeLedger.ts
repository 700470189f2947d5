import { type Failure, SchemataError } from "../../core/errors.ts";
import type { LedgerRow } from "../../core/history.ts";
import type { Service } from "../../core/service.ts";
import { renderLedgerTransaction } from "../../core/stamp.ts";
import type { SessionRules } from "../../core/transaction.ts";
import { type Client, isConnectionLost, sqlState } from "./connect.ts";
import { readHolders } from "./holders.ts";
import { isLedgerChanged } from "./ledger.ts";
import { rollBack } from "./send.ts";
import { sendApart } from "./sendApart.ts";
import { explainTurn } from "./turn.ts";

/** What a ledger held when its change was decided, and how to get there. */
export interface LedgerWrite {
  service: Service;
  rules: SessionRules;
  ledger: readonly LedgerRow[];
  createLedger: boolean;
  /** What to type to try again. */
  command: string;
  /** What a failure of the statements means, where they are not only ours. */
  explain?: (message: string) => Failure;
}

/** Changes a ledger and nothing else, in one transaction in the service's turn; fails if it is not as it was read. */
export async function writeLedger(
  client: Client,
  statements: readonly string[],
  { service, rules, ledger, createLedger, command, explain }: LedgerWrite,
): Promise<void> {
  try {
    const transaction = renderLedgerTransaction(statements, { rules, ledger, createLedger });
    // A repair's way back holds a script.
    if (rules.citus) await sendApart(client, transaction, () => {});
    else await client.query(transaction);
  } catch (error) {
    await rollBack(client);
    if (sqlState(error) === "55P03") {
      const holders = await readHolders(client, { pid: undefined, schema: rules.schema }).catch(() => []);
      throw new SchemataError(
        explainTurn(service, { lockWait: rules.lockWait, holders, command, cause: error }),
      );
    }
    if (isLedgerChanged(error)) {
      throw new SchemataError({
        fact: `${service.name}: the ledger has changed since it was read`,
        why: "another run was quicker; nothing was done",
        fix: command,
        cause: error,
      });
    }
    if (isConnectionLost(error)) throw error;
    const message = `${error instanceof Error ? error.message : String(error)} (SQLSTATE ${sqlState(error)})`;
    if (explain) throw new SchemataError({ ...explain(message), cause: error });
    throw new SchemataError({
      fact: `${service.name}: the ledger could not be written`,
      why: message,
      fix: "use a login that owns the ledger in DATABASE_URL",
      cause: error,
    });
  }
}
