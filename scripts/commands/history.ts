import { defineCommand } from "../command.ts";
import { EXIT, fail } from "../core/errors.ts";
import { listHistory, renderHistory } from "../core/historyView.ts";
import { readStanding } from "../io/standing.ts";
import { appsOption, jsonOption } from "../options.ts";

export default defineCommand({
  describe: "Every migration with its state, when it was applied, and how long it took",
  options: (yargs) => jsonOption(appsOption(yargs)),
  async run({ app, json }, { settings, print, note }) {
    const facts = await readStanding(settings, app, note);
    const services = facts.map(({ service, migrations, ledger, problem }) => {
      const failure = service.problem ?? problem;
      if (failure && app !== undefined) fail(failure);
      return { service: service.name, schema: service.schema, migrations: listHistory(migrations, ledger) };
    });
    if (json) print(JSON.stringify({ services }));
    else
      print(
        services.map(({ service, migrations }) => `${service}\n${renderHistory(migrations)}`).join("\n\n"),
      );
    return EXIT.done;
  },
});
