import { defineCommand } from "../command.ts";
import { chooseServices } from "../core/service.ts";
import { parseTarget } from "../core/target.ts";
import { readServices } from "../io/workspace.ts";
import { appsOption } from "../options.ts";
import { parseUpgradeOptions, upgradeOptions } from "../upgradeOptions.ts";
import { planningOptions, showingOptions, upgradeServices } from "../upgradeVerb.ts";

export default defineCommand({
  describe: "Apply every pending migration, of one service or of all",
  examples: [
    ["$0 upgrade-head", "every service, side by side"],
    ["$0 upgrade-head --app billing --to +1", "the next migration of one service"],
    ["$0 upgrade-head --sql > upgrade.sql", "the exact SQL, for psql"],
  ],
  options: (yargs) =>
    planningOptions(showingOptions(upgradeOptions(appsOption(yargs)))).option("to", {
      type: "string",
      describe:
        "How far: head, +N (of several services: at most), or a migration (also a unique part of its name)",
    }),
  async run(options, context) {
    const services = readServices(context.settings.root);
    const chosen = chooseServices(services, options.app);
    const to = parseTarget(options.to);
    // Histories differ in length: so many steps are right for one service, and for several a limit.
    const target = typeof to === "object" && "steps" in to ? { ...to, atMost: chosen.length > 1 } : to;
    const upgrade = parseUpgradeOptions(options);
    return upgradeServices({ ...options, services, chosen, target, upgrade }, context);
  },
});
