import { dependentsOf } from "../../core/dependents.ts";
import { fail } from "../../core/errors.ts";
import { type InstalledExtensions, searchPathTail, unknownExtensions } from "../../core/extensions.ts";
import { NOTHING_FOUND } from "../../core/guardView.ts";
import { requireRoles, type ServiceFacts, type ServicePlan } from "../../core/plan.ts";
import { orderScripts } from "../../core/schedule.ts";
import type { Service } from "../../core/service.ts";
import { refuseErrors } from "../../core/strict.ts";
import type { Target } from "../../core/target.ts";
import { type SessionRules, TURN_SLICE_MS } from "../../core/transaction.ts";
import { renderUpgradeStep } from "../../core/upgradeSql.ts";
import type { ServiceOutcome } from "../../core/upgradeView.ts";
import type { JudgedReport } from "../guard.ts";
import type { ApplyRun } from "../postgres/apply.ts";
import { type CitusFacts, readCitusFacts, requireCoordinator } from "../postgres/citus.ts";
import {
  type Client,
  closeConnection,
  connect,
  connectCreating,
  describeServer,
  explainLoss,
} from "../postgres/connect.ts";
import { readServerFacts, type ServerFacts } from "../postgres/facts.ts";
import { makeWatch } from "../postgres/watch.ts";
import { readScriptPlan } from "../script.ts";
import { confirmOnDisk } from "./confirm.ts";
import { makeConnections } from "./connections.ts";
import { executePlans } from "./execute.ts";
import { requireExtensions } from "./extensions.ts";
import { gatherFacts, settleUnfinished } from "./gather.ts";
import type { UpgradeOptions } from "./options.ts";
import { type JudgeOptions, keepPendingTexts } from "./pending.ts";
import { joinPlans, namedDependencies, planEach, type RunPlan } from "./planRun.ts";
import { addRights } from "./rights.ts";

/** What to upgrade, where, and how far. */
export interface UpgradeRequest {
  url: string;
  /** All services of the workspace: those that are not chosen may be depended on. */
  services: readonly Service[];
  chosen: readonly Service[];
  target: Target;
  /** Also upgrade the services that the chosen ones wait for. */
  withDependencies: boolean;
  /** Refuse services whose schema no owner role owns. */
  requireRoles: boolean;
  /** How the scripts to be applied are judged before that; absent: not at all. */
  judge?: JudgeOptions;
  /** Milliseconds to wait for another runner that is in the middle of a migration; undefined: don't wait, plan as it is. */
  lockWait: number | undefined;
  /** Hears the name of a database that was missing and has been created; undefined: it stays missing, which is an error. */
  onDatabaseCreated: ((database: string) => void) | undefined;
}

/** A plan with what it rests on, and the open connection that read it. */
export interface PreparedUpgrade {
  url: string;
  client: Client;
  server: ServerFacts;
  citus: CitusFacts | undefined;
  facts: ServiceFacts[];
  run: RunPlan;
}

/** A prepared upgrade whose scripts have been judged. */
export interface JudgedUpgrade extends PreparedUpgrade {
  /** Scripts of refused services are among them. */
  judged: JudgedReport;
}

/** Oldest server version, as `server_version_num`, that the tool is tested with. */
const OLDEST_VERSION = 140_000;

/**
 * Reads everything and decides everything, and touches nothing but a missing database. The caller closes the
 * connection, or hands it to {@link runUpgrade}.
 */
export async function prepareUpgrade(request: UpgradeRequest): Promise<JudgedUpgrade> {
  const { url, onDatabaseCreated } = request;
  const client = await (onDatabaseCreated ? connectCreating(url, onDatabaseCreated) : connect(url));
  try {
    const { server, citus } = await readServer(client, request.url);
    const facts = await settleUnfinished(client, await gatherFacts(client, request.chosen), request.lockWait);
    const texts = request.judge ? keepPendingTexts() : undefined;
    const own = await planEach(facts, request.target, texts?.note);
    const others = await gatherDependencies(client, { request, facts, plans: own });
    const known = [...facts, ...others];
    const more = request.withDependencies ? await planEach(others, "head", texts?.note) : [];
    const planned = request.requireRoles ? requireRoles([...own, ...more]) : [...own, ...more];
    const { judge, services } = request;
    const database = { client, version: server.version };
    const found = judge && (await texts?.judge(planned, { services, database, options: judge }));
    const judged = await addBreaks(found ?? { report: NOTHING_FOUND }, judge ? planned : [], request, client);
    if (judge?.strict && judged.problem) fail({ ...judged.problem, why: "--strict wants it looked at" });
    const joined = joinPlans(judge?.strict ? refuseErrors(planned, judged.report.findings) : planned, known);
    const told = { run: joined, judged };
    const warned = citus?.distributesSchemas ? await warnForCitus(told, services) : told;
    const rights = { services, client, ...(texts && { textOf: texts.textOf }) };
    const plans = await warnOfMoves(await addRights(warned.run.plans, rights), client);
    const run = { ...warned.run, plans: requireExtensions(plans, server.extensions) };
    const planFacts = known.slice(0, planned.length);
    return { url: request.url, client, server, citus, facts: planFacts, run, judged: warned.judged };
  } catch (error) {
    await closeConnection(client);
    throw explainLoss(request.url, error);
  }
}

/** The plans, with a warning of each statement that the cluster is known to refuse: the shadow database did not tell. */
async function warnForCitus(
  { run, judged }: { run: RunPlan; judged: JudgedReport },
  all: readonly Service[],
): Promise<{ run: RunPlan; judged: JudgedReport }> {
  const { lintForCitus } = await import("../citusLint.ts");
  const { mergeVerdict } = await import("../../core/unsafe/report.ts");
  let { report } = judged;
  const plans: ServicePlan[] = [];
  for (const plan of run.plans) {
    const { service, pending } = plan;
    const migrations = pending.filter(({ recognises }) => !recognises).map(({ migration }) => migration);
    const concerned = service.schema === "public" ? [] : migrations;
    const { findings, passed } = await lintForCitus(service, { migrations: concerned, all });
    report = mergeVerdict(report, { findings: [], passed });
    const warnings = findings.map(
      ({ file, line, column, message, fix }) =>
        `${service.name}: ${file}:${line}:${column}: ${message}; ${fix}`,
    );
    plans.push({ ...plan, warnings: [...plan.warnings, ...warnings] });
  }
  return { run: { ...run, plans }, judged: { ...judged, report } };
}

/** The plans with a warning of each role that a table leaves behind; loads nothing where none moves. */
async function warnOfMoves(plans: ServicePlan[], client: Client): Promise<ServicePlan[]> {
  if (plans.every(({ pending }) => pending.every(({ transfer }) => !transfer))) return plans;
  const { warnOfGrantees } = await import("../transfer/grantees.ts");
  return warnOfGrantees(plans, client);
}

/** A report with what pending migrations break of other services; loads nothing where none depends on one that has any. */
async function addBreaks(
  judged: JudgedReport,
  plans: readonly ServicePlan[],
  { services }: UpgradeRequest,
  client: Client,
): Promise<JudgedReport> {
  const relied = plans.filter(
    ({ service, pending }) => pending.length > 0 && dependentsOf(service, services).length > 0,
  );
  if (relied.length === 0) return judged;
  const { findPendingBreaks } = await import("../dependency/breaks.ts");
  const { mergeVerdict } = await import("../../core/unsafe/report.ts");
  const report = mergeVerdict(judged.report, await findPendingBreaks(relied, { services, client }));
  return { ...judged, report };
}

/** Asks what the server is, and refuses one that the tool cannot work on. */
export async function readServer(
  client: Client,
  url: string,
): Promise<Pick<PreparedUpgrade, "server" | "citus">> {
  const server = await readServerFacts(client);
  requireUsable(server, url);
  const citus = server.citus ? await readCitusFacts(client) : undefined;
  if (citus) requireCoordinator(citus, describeServer(url));
  return { server, citus };
}

/** Carries out a prepared upgrade, or downgrade, and closes its connections. What it reports as done is on the server's disk. */
export async function runUpgrade(
  { url, client, server, citus, facts, run }: PreparedUpgrade,
  options: UpgradeOptions,
  { signal, emit, live }: Pick<ApplyRun, "signal" | "emit" | "live">,
): Promise<ServiceOutcome[]> {
  const pidOf = (one: Client) =>
    server.pooled ? undefined : (one as Client & { processID?: number }).processID;
  const watch = makeWatch({ url, pidOf, emit });
  const onFewer = (jobs: number) => emit({ kind: "jobs", jobs });
  const connections = makeConnections(client, { url, jobs: options.jobs, onFewer });
  try {
    const rulesOf = (plan: ServicePlan) => ({
      ...makeRules(plan, { ...options, ...server }),
      turnSlice: TURN_SLICE_MS,
    });
    const { retries } = options;
    const outcomes = await executePlans(run, facts, {
      connections,
      citus,
      rulesOf,
      retries,
      url,
      pooled: server.pooled,
      signal,
      emit,
      watch,
      live,
    });
    return await confirmOnDisk(outcomes, { connections, plans: run.plans });
  } finally {
    await watch.close();
    await connections.close();
  }
}

/** The exact SQL of a prepared upgrade as a script for psql, ledger rows included. */
export async function renderUpgradeSql(
  { run, server }: { run: RunPlan; server: Pick<ServerFacts, "citus"> & Partial<ServerFacts> },
  options: Pick<UpgradeOptions, "lockWait" | "lockTimeout">,
): Promise<string> {
  const parts = ["\\set ON_ERROR_STOP on"];
  for (const step of orderScripts(run.plans, run.stateOf)) {
    const { plan } = await readScriptPlan(step.plan.service, step.pending.migration);
    parts.push(renderUpgradeStep(step, plan, makeRules(step.plan, { ...options, ...server })));
  }
  return parts.join("\n");
}

/** The state that every transaction of a service begins with. */
export function makeRules(
  { service, role }: ServicePlan,
  {
    lockWait,
    lockTimeout,
    citus,
    extensions = unknownExtensions(service),
  }: Pick<UpgradeOptions, "lockWait" | "lockTimeout"> & { citus: boolean; extensions?: InstalledExtensions },
): SessionRules {
  return {
    schema: service.schema,
    searchPathTail: searchPathTail(service, extensions),
    role,
    applicationName: `schemata ${service.name}`,
    lockWait,
    lockTimeout,
    citus,
  };
}

/** Facts of services outside of the run that pending migrations name, and of those that these name in turn. */
async function gatherDependencies(
  client: Client,
  {
    request,
    facts,
    plans,
  }: { request: UpgradeRequest; facts: readonly ServiceFacts[]; plans: readonly ServicePlan[] },
): Promise<ServiceFacts[]> {
  const known = new Set(facts.map(({ service }) => service.name));
  const found: ServiceFacts[] = [];
  let front = plans;
  for (;;) {
    const named = namedDependencies(front);
    const wanted = request.services.filter(({ name }) => named.has(name) && !known.has(name));
    if (wanted.length === 0) return found;
    const more = await settleUnfinished(client, await gatherFacts(client, wanted), request.lockWait);
    found.push(...more);
    for (const { name } of wanted) known.add(name);
    front = await planEach(more, "head");
  }
}

function requireUsable({ version, standby, readOnly }: ServerFacts, url: string): void {
  const host = new URL(url).host;
  if (version < OLDEST_VERSION) {
    fail({
      fact: `The server at ${host} is PostgreSQL ${Math.floor(version / 10_000)}`,
      why: "versions 14 to 18 are supported",
      fix: "upgrade the server",
    });
  }
  if (standby) {
    fail({
      fact: `The server at ${host} is a standby: it replays another server and takes no writes`,
      fix: "point DATABASE_URL at the primary",
    });
  }
  if (readOnly) {
    fail({
      fact: `Transactions on ${host} are read-only for this login`,
      why: "default_transaction_read_only is on",
      fix: "point DATABASE_URL at the primary, or ALTER ROLE … RESET default_transaction_read_only",
    });
  }
}
