import { availableParallelism } from "node:os";
import { defineCommand } from "../command.ts";
import { findService } from "../core/service.ts";
import { parseTarget } from "../core/target.ts";
import { readServices } from "../io/workspace.ts";
import { readTarget, serviceOption, targetOption } from "../options.ts";
import { lockOptions, parseUpgradeOptions } from "../upgradeOptions.ts";
import { planningOptions, showingOptions, upgradeServices } from "../upgradeVerb.ts";

export default defineCommand({
  positionals: "[target]",
  describe: "Apply one service's migrations up to a point",
  examples: [
    ["$0 upgrade --app auth +1", "the next migration"],
    ["$0 upgrade --app auth add_users", "up to the migration that has add_users in its name"],
  ],
  options: (yargs) =>
    targetOption(
      planningOptions(showingOptions(lockOptions(serviceOption(yargs)))),
      "+N, a migration (also a unique part of its name), or head",
    ),
  async run(options, context) {
    const services = readServices(context.settings.root);
    const chosen = [findService(services, options.app)];
    const target = parseTarget(readTarget(options));
    // With its dependencies there may be several.
    const upgrade = parseUpgradeOptions({ ...options, jobs: availableParallelism() });
    return upgradeServices({ ...options, services, chosen, target, upgrade }, context);
  },
});
