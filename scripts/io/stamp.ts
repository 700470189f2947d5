import { EXIT, fail, SchemataError } from "../core/errors.ts";
import { compareHistory } from "../core/history.ts";
import { planService, refuse, type ServiceFacts } from "../core/plan.ts";
import { resolvePoint } from "../core/range.ts";
import type { Service } from "../core/service.ts";
import { type LedgerChange, planRecheck, planStamp, renderLedgerChange } from "../core/stamp.ts";
import { type Client, closeConnection, connectCreating, explainLoss } from "./postgres/connect.ts";
import { ensureSchema } from "./postgres/schema.ts";
import { writeLedger } from "./postgres/writeLedger.ts";
import { gatherFacts, settleUnfinished } from "./upgrade/gather.ts";
import type { UpgradeOptions } from "./upgrade/options.ts";
import { makeRules, readServer } from "./upgrade/upgrade.ts";

/** What to record: up to where, or `edited` for the files as they stand. */
export type StampTarget = { to: string } | "edited";

/** A stamp that is decided, with the open connection that read what it rests on. */
export interface PreparedStamp {
  url: string;
  client: Client;
  facts: ServiceFacts;
  change: LedgerChange;
  /** The newest that the ledger will say is applied. */
  becomes: string | null;
  citus: boolean;
}

/** Reads and decides; touches nothing but a missing database. The caller closes the connection. */
export async function prepareStamp(
  url: string,
  {
    service,
    target,
    lockWait,
    onDatabaseCreated,
  }: {
    service: Service;
    target: StampTarget;
    lockWait: number | undefined;
    onDatabaseCreated: (database: string) => void;
  },
): Promise<PreparedStamp> {
  const client = await connectCreating(url, onDatabaseCreated);
  try {
    const { server } = await readServer(client, url);
    const [facts] = await settleUnfinished(client, await gatherFacts(client, [service]), lockWait);
    if (!facts) throw new Error(`nothing was read of ${service.name}`);
    const standing = compareHistory(facts.migrations, facts.ledger);
    // To stamp is the way out of what stops an upgrade.
    const free = { ...standing, failed: [], missing: [], edited: [], midway: [] };
    const refusal = refuse({ ...facts, occupied: false }, free);
    if (refusal) fail(refusal);
    const last = target === "edited" ? undefined : findLast(facts, target.to);
    const change = target === "edited" ? planRecheck(facts) : planStamp(facts, last);
    const becomes = target === "edited" ? standing.current : (last ?? null);
    return { url, client, facts, change, becomes, citus: server.citus };
  } catch (error) {
    await closeConnection(client);
    throw explainLoss(url, error);
  }
}

function findLast({ service, migrations, ledger }: ServiceFacts, text: string): string | undefined {
  const names = migrations.map(({ name }) => name);
  const { current } = compareHistory(migrations, ledger);
  if (current !== null && !names.includes(current) && /^current|^[+-]\d+$/.test(text)) {
    throw new SchemataError({
      fact: `${service.name}: current is ${current}, which is missing from services/${service.name}/migrations`,
      fix: "name a migration that is there",
      status: EXIT.usage,
    });
  }
  const found = resolvePoint(text, { service: service.name, names, current });
  return "problem" in found ? fail(found.problem) : names[found.index];
}

/** Records it: the schema first where it is missing, then all rows in one transaction. */
export async function runStamp(
  { url, client, facts, change, citus }: PreparedStamp,
  { options, command }: { options: UpgradeOptions; command: string },
): Promise<void> {
  const { service, ledger } = facts;
  const standing = compareHistory(facts.migrations, ledger);
  const rules = makeRules(planService(facts, { standing, selected: [] }, []), { ...options, citus });
  const createLedger = facts.ledgerColumns === undefined;
  try {
    if (!facts.schemaExists) await ensureSchema(client, service);
    const statements = renderLedgerChange(change, rules.schema);
    await writeLedger(client, statements, { service, rules, ledger, createLedger, command });
  } catch (error) {
    throw explainLoss(url, error);
  }
}
