import { defineCommand } from "../command.ts";
import { EXIT, renderError, SchemataError } from "../core/errors.ts";
import { type HeadView, renderHeads } from "../core/headsView.ts";
import { chooseServices, requireSound, type Service } from "../core/service.ts";
import { readMigrations, readServices } from "../io/workspace.ts";
import { appsOption, jsonOption } from "../options.ts";

export default defineCommand({
  describe: "The newest migration of each service on disk; asks no database",
  options: (yargs) => jsonOption(appsOption(yargs)),
  async run({ app, json }, { settings, print, note }) {
    const views = chooseServices(readServices(settings.root), app).map(viewHead);
    print(json ? JSON.stringify({ services: views }) : renderHeads(views));
    for (const { error } of views) if (error !== undefined) note(error);
    return views.some(({ error }) => error !== undefined) ? EXIT.failed : EXIT.done;
  },
});

function viewHead(service: Service): HeadView {
  const { name, schema } = service;
  try {
    const migrations = readMigrations(requireSound(service));
    return { service: name, schema, head: migrations.at(-1)?.name ?? null, migrations: migrations.length };
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    return { service: name, schema, head: null, migrations: 0, error: renderError(error) };
  }
}
