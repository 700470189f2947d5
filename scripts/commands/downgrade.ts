import { type Context, defineCommand } from "../command.ts";
import { requireTyped, YES_OPTION } from "../confirm.ts";
import { parseDownTarget } from "../core/downgrade.ts";
import { describeDowngrade, describeUndo, renderDowngrade, renderUndo } from "../core/downgradeView.ts";
import { EXIT, type ExitStatus, renderError } from "../core/errors.ts";
import { findService } from "../core/service.ts";
import { type PreparedDowngrade, prepareDowngrade } from "../io/downgrade/prepare.ts";
import { closeConnection } from "../io/postgres/connect.ts";
import { showProgress } from "../io/progress.ts";
import { ensureServer } from "../io/server/server.ts";
import { renderUpgradeSql, runUpgrade } from "../io/upgrade/upgrade.ts";
import { readServices } from "../io/workspace.ts";
import { readTarget, serviceOption, targetOption } from "../options.ts";
import { lockOptions, parseUpgradeOptions } from "../upgradeOptions.ts";
import { reportRefusals, showingOptions, statusOf } from "../upgradeVerb.ts";

export default defineCommand({
  positionals: "[target]",
  describe: "Undo one service's newest migrations by their down.sql",
  examples: [
    ["$0 downgrade --app auth -1", "undo the newest; asks first"],
    ["$0 downgrade --app auth add_users", "undo whatever is above add_users, which stays"],
    ["$0 downgrade --app auth base --sql", "the exact SQL of undoing everything"],
  ],
  options: (yargs) =>
    targetOption(
      showingOptions(lockOptions(serviceOption(yargs))),
      "-N, a migration that stays applied (also a unique part of its name), or base; default: -1",
    ).option("yes", YES_OPTION),
  async run(options, context) {
    const { settings, note, print, signal } = context;
    const services = readServices(settings.root);
    const service = findService(services, options.app);
    const target = parseDownTarget(readTarget(options));
    const upgrade = parseUpgradeOptions({ ...options, jobs: 1 });
    const shows = options.dryRun || options.sql;
    await ensureServer(settings, note, signal);
    const lockWait = shows ? undefined : upgrade.lockWait;
    const prepared = await prepareDowngrade({
      url: settings.databaseUrl,
      services,
      service,
      target,
      lockWait,
    });
    for (const warning of prepared.plan.warnings) note(`Warning: ${warning}`);
    if (shows || prepared.plan.refusal || prepared.plan.pending.length === 0) {
      await closeConnection(prepared.client);
      if (options.sql) print(await renderUpgradeSql(prepared, upgrade));
      else if (options.json) print(JSON.stringify(describeUndo(prepared.plan, prepared)));
      else if (!prepared.plan.refusal) print(renderUndo(service.name, prepared.undo, prepared.becomes));
      return reportRefusals([prepared.plan], note);
    }
    if (!options.yes) await confirm(prepared, context);
    return carryOut(prepared, { options, upgrade }, context);
  },
});

async function confirm({ client, plan, undo, becomes }: PreparedDowngrade, context: Context): Promise<void> {
  const { name } = plan.service;
  context.note(renderUndo(name, undo, becomes));
  try {
    await requireTyped(context, {
      word: name,
      question: "What the migrations above made goes, data included.",
      command: `schemata downgrade --app ${name} --to ${becomes ?? "base"}`,
    });
  } catch (error) {
    await closeConnection(client);
    throw error;
  }
}

async function carryOut(
  prepared: PreparedDowngrade,
  { options, upgrade }: { options: { json: boolean }; upgrade: ReturnType<typeof parseUpgradeOptions> },
  context: Context,
): Promise<ExitStatus> {
  const { note, print, signal } = context;
  const progress = showProgress(prepared.run.plans, context);
  const live = context.terminal.interactive;
  const work = runUpgrade(prepared, upgrade, { signal, emit: progress.on, live });
  const [outcome] = await work.finally(progress.end);
  if (!outcome) return EXIT.failed;
  const { applied } = prepared.plan.standing;
  const reached = applied[applied.length - outcome.applied.length - 1] ?? null;
  // Where nothing failed, what this run did not undo was undone by another.
  const current = outcome.failure ? reached : prepared.becomes;
  if (outcome.failure) note(`\n${renderError(outcome.failure)}`);
  print(
    options.json ? JSON.stringify(describeDowngrade(outcome, current)) : renderDowngrade(outcome, current),
  );
  return statusOf([outcome], signal);
}
