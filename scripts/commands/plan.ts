import { defineCommand } from "../command.ts";
import { describeFindings } from "../core/guardView.ts";
import { renderPlanLocks } from "../core/planLocksView.ts";
import { describePlan } from "../core/planView.ts";
import { chooseServices } from "../core/service.ts";
import { noteFindings } from "../findings.ts";
import { readPlanLocks } from "../io/planLocks.ts";
import { closeConnection } from "../io/postgres/connect.ts";
import { ensureServer } from "../io/server/server.ts";
import { prepareUpgrade } from "../io/upgrade/upgrade.ts";
import { readServices } from "../io/workspace.ts";
import { appsOption, jsonOption } from "../options.ts";
import { planningOptions, reportRefusals } from "../upgradeVerb.ts";

export default defineCommand({
  describe: "What upgrade-head would do, in order, with the lock that each statement takes",
  examples: [["$0 plan --app billing --with-dependencies", "one service and what it waits for"]],
  options: (yargs) => jsonOption(planningOptions(appsOption(yargs))),
  async run({ app, json, withDependencies, requireRoles, ...judge }, { settings, note, print, signal }) {
    const services = readServices(settings.root);
    const chosen = chooseServices(services, app);
    await ensureServer(settings, note, signal);
    const prepared = await prepareUpgrade({
      url: settings.databaseUrl,
      services,
      chosen,
      target: "head",
      withDependencies,
      requireRoles,
      judge,
      lockWait: undefined,
      onDatabaseCreated: (database) => note(`Created the database "${database}"`),
    });
    const { plans } = prepared.run;
    const migrations = await readPlanLocks(prepared).finally(() => closeConnection(prepared.client));
    for (const { warnings } of plans) for (const warning of warnings) note(`Warning: ${warning}`);
    noteFindings(prepared.judged, note);
    const answer = { ...describePlan(plans), order: migrations, ...describeFindings(prepared.judged.report) };
    print(json ? JSON.stringify(answer) : renderPlanLocks(migrations));
    return reportRefusals(plans, note);
  },
});
