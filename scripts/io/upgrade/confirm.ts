import { directionOf, renderContinue } from "../../core/direction.ts";
import { SchemataError } from "../../core/errors.ts";
import { compareHistory } from "../../core/history.ts";
import type { ServicePlan } from "../../core/plan.ts";
import { renderCount } from "../../core/table.ts";
import type { ServiceOutcome } from "../../core/upgradeView.ts";
import { flushCommits } from "../postgres/flush.ts";
import type { Connections } from "./connections.ts";
import { gatherFacts } from "./gather.ts";

/**
 * The same outcomes, once what was done is on the server's disk; services that this cannot be said of have failed.
 * Where the server ended a connection meanwhile it may have crashed, and come up again without the latest commits:
 * then the ledgers are asked.
 */
export async function confirmOnDisk(
  outcomes: ServiceOutcome[],
  { connections, plans }: { connections: Connections; plans: readonly ServicePlan[] },
): Promise<ServiceOutcome[]> {
  if (!outcomes.some(({ applied }) => applied.length > 0)) return outcomes;
  try {
    const gone = await connections.use(async (client) => {
      await flushCommits(client);
      if (!connections.lost()) return undefined;
      const services = plans.map(({ service }) => service);
      const facts = await gatherFacts(client, services);
      return facts.map(({ migrations, ledger }) => compareHistory(migrations, ledger).applied);
    });
    return gone === undefined
      ? outcomes
      : outcomes.map((outcome, index) => hold(outcome, plans[index], gone[index]));
  } catch (error) {
    return outcomes.map((outcome, index) => {
      if (outcome.applied.length === 0 || outcome.failure) return outcome;
      const failure = new SchemataError({
        fact: `${outcome.service}: the server did not confirm that what was done is on its disk`,
        why: error instanceof Error ? error.message : String(error),
        fix: `${continueWith(plans[index])} does again whatever a crash may have taken, and nothing else`,
        cause: error,
      });
      return { ...outcome, status: "failed", failure };
    });
  }
}

/** An outcome held against what the ledger says is applied. */
function hold(
  outcome: ServiceOutcome,
  plan: ServicePlan | undefined,
  applied: readonly string[] = [],
): ServiceOutcome {
  const isUp = directionOf(plan?.pending ?? []) === "up";
  const kept = outcome.applied.filter((name) => applied.includes(name) === isUp);
  const [first, ...more] = outcome.applied.filter((name) => !kept.includes(name));
  if (first === undefined) return outcome;
  const names = more.length === 0 ? first : `${renderCount(more.length + 1, "migration")} from ${first} on`;
  const failure = new SchemataError({
    fact: `${outcome.service}: ${names} had been ${isUp ? "applied" : "undone"} when the server crashed, and it came up without that`,
    why: "it had not written it to its disk yet; row and objects are as before, together",
    fix: continueWith(plan),
    cause: outcome.failure,
  });
  return { ...outcome, status: "failed", applied: kept, failure };
}

function continueWith(plan: ServicePlan | undefined): string {
  return plan ? renderContinue(plan) : "make upgrade-head";
}
