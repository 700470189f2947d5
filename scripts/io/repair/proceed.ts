import { SchemataError } from "../../core/errors.ts";
import { compareHistory } from "../../core/history.ts";
import type { PendingScript } from "../../core/plan.ts";
import type { SessionRules } from "../../core/transaction.ts";
import { prepareDowngrade } from "../downgrade/prepare.ts";
import type { Client } from "../postgres/connect.ts";
import { flushCommits } from "../postgres/flush.ts";
import { applyStepwise } from "../postgres/stepwise.ts";
import { makeWatch } from "../postgres/watch.ts";
import { prepareUpgrade, runUpgrade } from "../upgrade/upgrade.ts";
import { readScript } from "../workspace.ts";
import type { PreparedRepair, RepairRun } from "./repair.ts";

/** Runs the rest of an interrupted script; its row is there and says where it stands. */
export async function continueScript(
  { client, url, server, facts, unfinished }: PreparedRepair,
  { from, releases, rules, run }: { from: number; releases: boolean; rules: SessionRules; run: RepairRun },
): Promise<void> {
  const { service, ledger } = facts;
  const migration = unfinished?.script;
  if (!migration) throw new Error("nothing to continue");
  const live = ledger.filter(({ rolledBackAt }) => rolledBackAt === null);
  const rows = live.filter(({ name, finishedAt }) => name === migration.name && finishedAt !== null).length;
  const script: PendingScript = {
    migration,
    mode: "stepwise",
    size: readScript(service, migration).length,
    dependsOn: [],
    releases,
    ...(unfinished.diagnosis.direction === "down" ? { undoes: rows } : {}),
  };
  const { signal, emit, command } = run;
  const pidOf = (one: Client) => (one as Client & { processID?: number }).processID;
  const watch = makeWatch({ url, pidOf, emit });
  try {
    const job = {
      service,
      rules,
      ledger: { exists: true, rows: live.length, previous: undefined },
      scripts: [script],
      command,
      replan: () => {
        throw new Error("an interrupted script is not planned again");
      },
    };
    const { retries } = run.options;
    const shared = { retries, pooled: server.pooled, url, signal, emit, watch };
    const changed = await applyStepwise(client, job, { script, run: shared, from });
    if (changed) throw changed;
    await flushCommits(client);
  } finally {
    await watch.close();
  }
}

/** Runs a migration anew whose row was taken back, by the ordinary way of an upgrade or a downgrade. */
export async function rerunMigration(
  { url, services, facts, unfinished }: PreparedRepair,
  { options, signal, emit }: RepairRun,
): Promise<void> {
  const { service } = facts;
  const name = unfinished?.row.name ?? "";
  const { lockWait } = options;
  const prepared =
    unfinished?.diagnosis.direction === "down"
      ? await prepareDowngrade({ url, services, service, target: targetBelow(facts, name), lockWait })
      : await prepareUpgrade({
          url,
          services,
          chosen: [service],
          target: { migration: name },
          withDependencies: false,
          requireRoles: false,
          lockWait,
          onDatabaseCreated: () => {},
        });
  const [refusal] = prepared.run.plans.flatMap((plan) => plan.refusal ?? []);
  const outcomes = await runUpgrade(prepared, options, { signal, emit });
  if (refusal) throw new SchemataError(refusal);
  for (const { failure } of outcomes) if (failure) throw failure;
}

function targetBelow(
  { migrations, ledger }: PreparedRepair["facts"],
  name: string,
): "base" | { migration: string } {
  const finished = ledger.filter(({ finishedAt }) => finishedAt !== null);
  const { applied } = compareHistory(migrations, finished);
  const below = applied[applied.indexOf(name) - 1];
  return below === undefined ? "base" : { migration: below };
}
