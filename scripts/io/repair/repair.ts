import { EXIT, type Failure, fail, SchemataError } from "../../core/errors.ts";
import { compareHistory } from "../../core/history.ts";
import { planService, refuse, type ServiceFacts } from "../../core/plan.ts";
import type { Way } from "../../core/repair.ts";
import { renderReleases } from "../../core/rights.ts";
import type { Service } from "../../core/service.ts";
import { quoteLiteral } from "../../core/sql.ts";
import { unfinishedRow } from "../../core/stepwise.ts";
import { renderRollback, type SessionRules } from "../../core/transaction.ts";
import type { ApplyRun } from "../postgres/apply.ts";
import { type Client, closeConnection, connect, explainLoss } from "../postgres/connect.ts";
import type { ServerFacts } from "../postgres/facts.ts";
import { dropIndexes } from "../postgres/leftovers.ts";
import { readHolders } from "../postgres/rights.ts";
import { withTurn } from "../postgres/sessionTurn.ts";
import { writeLedger } from "../postgres/writeLedger.ts";
import { readScriptPlan } from "../script.ts";
import { gatherFacts, settleUnfinished } from "../upgrade/gather.ts";
import type { UpgradeOptions } from "../upgrade/options.ts";
import { makeRules, readServer } from "../upgrade/upgrade.ts";
import { continueScript, rerunMigration } from "./proceed.ts";
import { readUnfinished, type Unfinished } from "./state.ts";

/** What is unfinished in a service, with the open connection that read it. */
export interface PreparedRepair {
  url: string;
  client: Client;
  server: ServerFacts;
  services: readonly Service[];
  facts: ServiceFacts;
  /** Undefined where there is nothing to repair. */
  unfinished: Unfinished | undefined;
}

/** Reads what was left unfinished, once nobody is in the middle of it any more; touches nothing. The caller closes. */
export async function prepareRepair(
  url: string,
  { services, service, lockWait }: { services: readonly Service[]; service: Service; lockWait: number },
): Promise<PreparedRepair> {
  const client = await connect(url);
  try {
    const { server } = await readServer(client, url);
    const [facts] = await settleUnfinished(client, await gatherFacts(client, [service]), lockWait);
    if (!facts) throw new Error(`nothing was read of ${service.name}`);
    const standing = compareHistory(facts.migrations, facts.ledger);
    const refusal = refuse(facts, { ...standing, failed: [], missing: [], edited: [] });
    if (refusal) fail(refusal);
    return { url, client, server, services, facts, unfinished: await readUnfinished(client, facts) };
  } catch (error) {
    await closeConnection(client);
    throw explainLoss(url, error);
  }
}

/** How a repair goes about its work. */
export interface RepairRun extends Pick<ApplyRun, "signal" | "emit"> {
  options: UpgradeOptions;
  command: string;
}

/** Goes the way that was chosen: leftovers first, then the ledger, both in the service's turn, then the script. */
export async function runRepair(prepared: PreparedRepair, way: Way, run: RepairRun): Promise<void> {
  const { client, url, server, facts, unfinished } = prepared;
  if (!unfinished) return;
  const { service, ledger, migrations } = facts;
  const plan = planService(facts, { standing: compareHistory(migrations, ledger), selected: [] }, []);
  const rules = makeRules(plan, { ...run.options, ...server });
  const { leftovers } = unfinished.diagnosis;
  if (leftovers.length > 0 && server.pooled) {
    fail({
      fact: `${service.name}: a repair that drops indexes cannot run through a connection pooler`,
      why: "DROP INDEX CONCURRENTLY needs a session of its own",
      fix: `set DATABASE_URL to the server itself for this run: ${run.command}`,
    });
  }
  try {
    const releases = await findReleases(client, rules);
    const change = await renderChange(way, { service, rules, unfinished });
    // What is gone on with may still need them; what is run anew is granted them anew.
    const statements = way.kind === "continue" ? change : [...change, ...releases];
    const { command } = run;
    const write = { service, rules, ledger, createLedger: false, command };
    await withTurn(client, { service, rules, ledger, command, pooled: server.pooled }, async () => {
      const drop = () =>
        dropIndexes(
          client,
          rules.schema,
          leftovers.map(({ name }) => name),
        );
      if (way.kind === "undo") {
        // down.sql names the index itself, valid or not.
        await writeLedger(client, statements, { ...write, explain: explainUndo(service, unfinished) });
        return drop();
      }
      if (way.kind !== "finish") await drop();
      await writeLedger(client, statements, write);
    });
    if (way.kind === "continue")
      await continueScript(prepared, { from: way.from, releases: releases.length > 0, rules, run });
  } catch (error) {
    throw explainLoss(url, error);
  }
  if (way.kind === "rerun") await rerunMigration(prepared, run);
}

/**
 * What takes back the rights on other services' schemas that nothing needs any more: an interrupted script was granted
 * them before it began. Nothing where the service's roles hold none.
 */
async function findReleases(client: Client, { schema, role }: SessionRules): Promise<string[]> {
  const holds = role !== undefined && (await readHolders(client, [schema])).has(schema);
  return holds ? renderReleases(schema) : [];
}

/** The statements by which the ledger says what was chosen. */
async function renderChange(
  way: Way,
  { service, rules, unfinished }: { service: Service; rules: SessionRules; unfinished: Unfinished },
): Promise<string[]> {
  const { diagnosis, row, script, down } = unfinished;
  const { table, where } = unfinishedRow(rules.schema, row.name);
  const isUp = diagnosis.direction === "up";
  const takeBack = isUp
    ? `UPDATE ${table} SET rolled_back_at = clock_timestamp() WHERE ${where}`
    : `DELETE FROM ${table} WHERE ${where}`;
  switch (way.kind) {
    case "finish":
      return isUp
        ? [`UPDATE ${table} SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE ${where}`]
        : [takeBack, renderRollback(row.name, rules.schema)];
    case "continue":
      return [
        `UPDATE ${table} SET applied_steps_count = ${way.from}, logs = NULL, checksum = ${quoteLiteral(script?.checksum ?? row.checksum)} WHERE ${where}`,
      ];
    case "undo":
      return [await readReversal(service, down), "RESET SESSION AUTHORIZATION", takeBack];
    default:
      return [takeBack];
  }
}

function explainUndo({ name }: Service, { row, diagnosis }: Unfinished): (message: string) => Failure {
  const { done, of } = diagnosis.steps;
  return (message) => ({
    fact: `${name}: down.sql does not fit ${row.name} as it stands, and nothing of it was done`,
    why: `${message}\nit undoes all ${of} steps, and ${done} ${done === 1 ? "is" : "are"} done`,
    fix: `go on instead (schemata repair --app ${name} --on), then make downgrade app=${name}; or let down.sql bear what is not there (IF EXISTS)`,
  });
}

/** down.sql as a part of the transaction that records it. */
async function readReversal(service: Service, down: Unfinished["down"]): Promise<string> {
  if (!down) throw new Error("no way back without a down.sql");
  const { plan } = await readScriptPlan(service, down);
  if (plan.mode === "atomic") return `${plan.sql}\n`;
  throw new SchemataError({
    fact: `${service.name}: the down.sql of ${down.name} cannot run in one transaction`,
    why: "only part of what it undoes is there, so it would fail halfway",
    fix: `go on instead (schemata repair --app ${service.name} --on), then make downgrade app=${service.name}`,
    status: EXIT.failed,
  });
}
