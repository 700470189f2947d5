import type { Argv } from "yargs";
import type { Context } from "./command.ts";
import { EXIT, type ExitStatus, renderError, SchemataError } from "./core/errors.ts";
import { describeFindings } from "./core/guardView.ts";
import { type ServicePlan, warnOfMissingRoles } from "./core/plan.ts";
import { describePlan, renderPlan } from "./core/planView.ts";
import type { Service } from "./core/service.ts";
import type { Target } from "./core/target.ts";
import type { UnsafeOptions } from "./core/unsafe/options.ts";
import { describeOutcomes, renderOutcomes, type ServiceOutcome } from "./core/upgradeView.ts";
import { noteFindings } from "./findings.ts";
import { closeConnection } from "./io/postgres/connect.ts";
import { showProgress } from "./io/progress.ts";
import { ensureServer } from "./io/server/server.ts";
import type { UpgradeOptions } from "./io/upgrade/options.ts";
import { prepareUpgrade, renderUpgradeSql, runUpgrade } from "./io/upgrade/upgrade.ts";
import { jsonOption } from "./options.ts";
import { unsafeOptions } from "./unsafeOptions.ts";

/** `--dry-run`, `--sql` and `--json`: what is shown, and whether anything is done. */
export function showingOptions<T>(yargs: Argv<T>) {
  return jsonOption(yargs)
    .option("dry-run", { type: "boolean", default: false, describe: "Print the plan and do nothing" })
    .option("sql", {
      type: "boolean",
      default: false,
      describe: "Print the SQL of the plan, ready for psql, and do nothing",
    })
    .check(({ sql, json }) => {
      if (sql && json) throw new Error("--sql and --json exclude each other");
      return true;
    });
}

/** What decides which plans are carried out. */
export function planningOptions<T>(yargs: Argv<T>) {
  return unsafeOptions(yargs)
    .option("with-dependencies", {
      type: "boolean",
      default: false,
      describe: "Also upgrade the services that these wait for",
    })
    .option("require-roles", {
      type: "boolean",
      default: false,
      describe:
        "Refuse a service whose schema no owner role owns, instead of running its migrations as the login",
    })
    .option("strict", {
      type: "boolean",
      default: false,
      describe: "Refuse a service whose pending migrations have errors, before anything is touched",
    });
}

/** What the verbs that apply migrations have in common. */
export interface UpgradeVerb {
  services: readonly Service[];
  chosen: readonly Service[];
  target: Target;
  upgrade: UpgradeOptions;
  withDependencies: boolean;
  requireRoles: boolean;
  strict: boolean;
  unsafe: UnsafeOptions["unsafe"];
  rows: number;
  dryRun: boolean;
  sql: boolean;
  json: boolean;
}

/** Plans an upgrade, shows it or carries it out, and says what became of it. */
export async function upgradeServices(verb: UpgradeVerb, context: Context): Promise<ExitStatus> {
  const { settings, note, print, signal } = context;
  await ensureServer(settings, note, signal);
  const started = performance.now();
  const shows = verb.dryRun || verb.sql;
  const prepared = await prepareUpgrade({
    url: settings.databaseUrl,
    services: verb.services,
    chosen: verb.chosen,
    target: verb.target,
    withDependencies: verb.withDependencies,
    requireRoles: verb.requireRoles,
    judge: verb,
    lockWait: shows ? undefined : verb.upgrade.lockWait,
    onDatabaseCreated: shows ? undefined : (database) => note(`Created the database "${database}"`),
  });
  const { plans } = prepared.run;
  const roles = warnOfMissingRoles(plans);
  if (roles !== undefined) note(`Warning: ${roles}`);
  for (const { warnings } of plans) for (const warning of warnings) note(`Warning: ${warning}`);
  noteFindings(prepared.judged, note);
  const found = describeFindings(prepared.judged.report);
  if (shows) {
    await closeConnection(prepared.client);
    if (verb.sql) print(await renderUpgradeSql(prepared, verb.upgrade));
    else print(verb.json ? JSON.stringify({ ...describePlan(plans), ...found }) : renderPlan(plans));
    return reportRefusals(plans, note);
  }
  const progress = showProgress(plans, context);
  const live = context.terminal.interactive;
  const outcomes = await runUpgrade(prepared, verb.upgrade, { signal, emit: progress.on, live }).finally(
    progress.end,
  );
  for (const { failure } of outcomes) if (failure) note(`\n${renderError(failure)}`);
  const summary = renderOutcomes(outcomes, performance.now() - started);
  if (verb.json) print(JSON.stringify({ ...describeOutcomes(outcomes), ...found }));
  else print(summary);
  return statusOf(outcomes, signal);
}

/** Says why plans were refused; returns the exit status that this makes. */
export function reportRefusals(plans: readonly ServicePlan[], note: Context["note"]): ExitStatus {
  const refusals = plans.flatMap(({ refusal }) => (refusal ? [new SchemataError(refusal)] : []));
  for (const refusal of refusals) note(renderError(refusal));
  return refusals[0]?.status ?? EXIT.done;
}

/** The exit status of a run: usage only where nothing else failed. */
export function statusOf(outcomes: readonly ServiceOutcome[], signal: AbortSignal): ExitStatus {
  if (signal.aborted) return EXIT.interrupted;
  const failures = outcomes.flatMap(({ failure }) => (failure ? [failure] : []));
  return failures.every(({ status }) => status === EXIT.usage)
    ? (failures[0]?.status ?? EXIT.done)
    : EXIT.failed;
}
