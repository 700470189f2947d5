import { type Context, defineCommand } from "../command.ts";
import { EXIT, type ExitStatus, renderError, SchemataError } from "../core/errors.ts";
import { warnOfMissingRoles } from "../core/plan.ts";
import { describePlan, renderPlan } from "../core/planView.ts";
import { chooseServices } from "../core/service.ts";
import { parseTarget } from "../core/target.ts";
import { describeOutcomes, renderOutcomes, type ServiceOutcome } from "../core/upgradeView.ts";
import { closeConnection } from "../io/postgres/connect.ts";
import { showProgress } from "../io/progress.ts";
import { ensureServer } from "../io/server/server.ts";
import { type PreparedUpgrade, prepareUpgrade, renderUpgradeSql, runUpgrade } from "../io/upgrade/upgrade.ts";
import { readServices } from "../io/workspace.ts";
import { appsOption, jsonOption } from "../options.ts";
import { parseUpgradeOptions, upgradeOptions } from "../upgradeOptions.ts";

export default defineCommand({
  describe: "Apply every pending migration, of one service or of all",
  examples: [
    ["$0 upgrade-head", "every service, side by side"],
    ["$0 upgrade-head --app billing --to +1", "the next migration of one service"],
    ["$0 upgrade-head --sql > upgrade.sql", "the exact SQL, for psql"],
  ],
  options: (yargs) =>
    upgradeOptions(jsonOption(appsOption(yargs)))
      .option("to", {
        type: "string",
        describe: "How far: head, +N, or a migration (also a unique part of its name)",
      })
      .option("with-dependencies", {
        type: "boolean",
        default: false,
        describe: "Also upgrade the services that these wait for",
      })
      .option("require-roles", {
        type: "boolean",
        default: false,
        describe: "Refuse services that have no owner role in this database",
      })
      .option("dry-run", { type: "boolean", default: false, describe: "Print the plan and do nothing" })
      .option("sql", {
        type: "boolean",
        default: false,
        describe: "Print the SQL of the plan, ready for psql, and do nothing",
      })
      .check(({ sql, json }) => {
        if (sql && json) throw new Error("--sql and --json exclude each other");
        return true;
      }),
  async run(options, context) {
    const { settings, note, print, signal } = context;
    const services = readServices(settings.root);
    const chosen = chooseServices(services, options.app);
    const target = parseTarget(options.to);
    await ensureServer(settings, note, signal);
    const started = performance.now();
    const upgrade = { ...parseUpgradeOptions(options) };
    const prepared = await prepareUpgrade({
      url: settings.databaseUrl,
      services,
      chosen,
      target,
      withDependencies: options.withDependencies,
      requireRoles: options.requireRoles,
      lockWait: options.dryRun || options.sql ? undefined : upgrade.lockWait,
      onDatabaseCreated: (database) => note(`Created the database "${database}"`),
    });
    const roles = warnOfMissingRoles(prepared.run.plans);
    if (roles !== undefined) note(`Warning: ${roles}`);
    for (const { warnings } of prepared.run.plans)
      for (const warning of warnings) note(`Warning: ${warning}`);
    if (options.dryRun || options.sql) {
      await closeConnection(prepared.client);
      if (options.sql) print(await renderUpgradeSql(prepared, upgrade));
      else
        print(
          options.json ? JSON.stringify(describePlan(prepared.run.plans)) : renderPlan(prepared.run.plans),
        );
      return reportRefusals(prepared, context);
    }
    const progress = showProgress(prepared.run.plans, context);
    const outcomes = await runUpgrade(prepared, upgrade, { signal, emit: progress.on }).finally(progress.end);
    for (const { failure } of outcomes) if (failure) note(`\n${renderError(failure)}`);
    const summary = renderOutcomes(outcomes, performance.now() - started);
    if (options.json) print(JSON.stringify(describeOutcomes(outcomes)));
    else print(summary);
    return statusOf(outcomes, signal);
  },
});

function reportRefusals({ run }: PreparedUpgrade, { note }: Context): ExitStatus {
  const refusals = run.plans.flatMap(({ refusal }) => (refusal ? [new SchemataError(refusal)] : []));
  for (const refusal of refusals) note(renderError(refusal));
  return refusals[0]?.status ?? EXIT.done;
}

function statusOf(outcomes: readonly ServiceOutcome[], signal: AbortSignal): ExitStatus {
  if (signal.aborted) return EXIT.interrupted;
  const failures = outcomes.flatMap(({ failure }) => (failure ? [failure] : []));
  return failures.every(({ status }) => status === EXIT.usage)
    ? (failures[0]?.status ?? EXIT.done)
    : EXIT.failed;
}
