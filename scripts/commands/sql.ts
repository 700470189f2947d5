import { defineCommand } from "../command.ts";
import { EXIT, fail } from "../core/errors.ts";
import { parseRange } from "../core/range.ts";
import { findService, requireSound } from "../core/service.ts";
import { planOffline } from "../io/offline.ts";
import { renderUpgradeSql } from "../io/upgrade/upgrade.ts";
import { readServices } from "../io/workspace.ts";
import { serviceOption } from "../options.ts";
import { lockOptions, parseUpgradeOptions } from "../upgradeOptions.ts";

export default defineCommand({
  describe: "The SQL between two points of a service's history, ready for psql; asks no database",
  examples: [
    ["$0 sql --app auth > auth.sql", "all of it"],
    ["$0 sql --app auth -r add_users:head", "from add_users, which is applied, to head"],
    ["$0 sql --app auth -r head:add_users", "back down to add_users, by down.sql"],
  ],
  options: (yargs) =>
    lockOptions(serviceOption(yargs))
      .option("range", {
        alias: "r",
        type: "string",
        nargs: 1,
        default: "base:head",
        describe: "a:b, from a, which is applied, to b; down where b is older",
      })
      .option("as-owner", {
        type: "boolean",
        default: false,
        describe: "Run as the schema's owner role, where make provision has made it",
      }),
  async run(options, { settings, print }) {
    const services = readServices(settings.root);
    const service = requireSound(findService(services, options.app));
    const range = parseRange(options.range);
    if ("problem" in range) return fail(range.problem);
    const plan = await planOffline(service, { range, asOwner: options.asOwner, services });
    const run = { plans: [plan], stateOf: () => "applied" as const };
    const upgrade = parseUpgradeOptions({ ...options, jobs: 1 });
    print(await renderUpgradeSql({ run, server: { citus: false } }, upgrade));
    return EXIT.done;
  },
});
