import { defineCommand } from "../command.ts";
import { renderLineDifference } from "../core/dependency/difference.ts";
import { EXIT } from "../core/errors.ts";
import { findService, requireSound } from "../core/service.ts";
import { syncService } from "../io/dependency/sync.ts";
import { readServices } from "../io/workspace.ts";
import { jsonOption, serviceOption } from "../options.ts";

export default defineCommand({
  describe: "Bring the models that a schema file repeats of other services in line with theirs",
  examples: [
    ["$0 sync --app billing", "rewrites what is stale in its schema file"],
    ["$0 sync --app billing --model auth.User", "repeats one more model, to be referred to"],
    ["$0 sync --app billing --dry-run", "shows the difference, and writes nothing"],
  ],
  options: (yargs) =>
    jsonOption(serviceOption(yargs))
      .option("model", {
        type: "string",
        array: true,
        default: [] as string[],
        describe: "A model to repeat, as <service>.<model>; may be given more than once",
      })
      .option("dry-run", {
        type: "boolean",
        default: false,
        describe: "Show the difference, and write nothing",
      }),
  async run({ app, model, dryRun, json }, { settings, note, print }) {
    const services = readServices(settings.root);
    const service = requireSound(findService(services, app));
    const { changes, before, after } = await syncService({ service, services, models: model, dryRun });
    const { name, schemaFile } = service;
    const difference = renderLineDifference(before, after);
    const status = before === after ? "unchanged" : dryRun ? "changed" : "written";
    if (json) print(JSON.stringify({ service: name, status, file: schemaFile, changes, difference }));
    else if (status === "unchanged") note(`${name}: what it repeats of other services is up to date`);
    else {
      for (const change of changes) note(`${name}: ${change}`);
      print(dryRun ? difference : schemaFile);
    }
    return EXIT.done;
  },
});
