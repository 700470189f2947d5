import { defineCommand } from "../command.ts";
import { EXIT, fail, renderError, SchemataError } from "../core/errors.ts";
import type { ServiceFacts } from "../core/plan.ts";
import { findService, requireSound } from "../core/service.ts";
import { renderShow } from "../core/showView.ts";
import { readShow } from "../io/show.ts";
import { readStanding } from "../io/standing.ts";
import { readServices } from "../io/workspace.ts";
import { jsonOption, serviceOption } from "../options.ts";

export default defineCommand({
  positionals: "[migration]",
  describe: "All there is to know of one migration: files, state, ledger rows, SQL up and down",
  options: (yargs) =>
    jsonOption(serviceOption(yargs)).positional("migration", {
      type: "string",
      describe: "head, or a migration (also a unique part of its name)",
    }),
  async run({ app, json, migration }, { settings, print, note }) {
    const service = requireSound(findService(readServices(settings.root), app));
    if (!migration) {
      return fail({
        fact: `${service.name}: which migration?`,
        fix: `schemata show --app ${service.name} head, or a name: make history app=${service.name}`,
        status: EXIT.usage,
      });
    }
    let facts: ServiceFacts | undefined;
    try {
      [facts] = await readStanding(settings, [service.name], note);
    } catch (error) {
      // The files can be shown without a database.
      if (!(error instanceof SchemataError)) throw error;
      note(renderError(error));
    }
    const view = await readShow(service, migration, facts);
    print(json ? JSON.stringify(view) : renderShow(view));
    return EXIT.done;
  },
});
