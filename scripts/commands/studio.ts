import { defineCommand } from "../command.ts";
import { EXIT, fail } from "../core/errors.ts";
import { chooseServices, requireSound } from "../core/service.ts";
import { followPrisma } from "../io/prisma.ts";
import { ensureServer } from "../io/server/server.ts";
import { actAsApp } from "../io/studio.ts";
import { readServices } from "../io/workspace.ts";

export default defineCommand({
  describe: "Browse the data in Prisma Studio, opened on one service's schema, as its app role, or on all",
  options: (yargs) =>
    yargs
      .option("app", { type: "string", describe: "A service (default: all)" })
      .option("port", { type: "number", describe: "Default: the first that is free from 51212 on" })
      .option("browser", { type: "string", default: "none", describe: "Program to open it in" }),
  async run({ app, port, browser }, { settings, env, note, print, signal }) {
    const all = readServices(settings.root);
    const shown = chooseServices(all, app === undefined ? undefined : [app]);
    const services = app === undefined ? shown.filter(({ problem }) => !problem) : shown.map(requireSound);
    const [service] = services;
    if (!service) return fail({ fact: "This workspace has no service to show", fix: "schemata current" });
    await ensureServer(settings, note, signal);
    const args = ["studio", "--browser", browser, ...(port === undefined ? [] : ["--port", String(port)])];
    const acting = app === undefined ? undefined : await actAsApp(settings.databaseUrl, service);
    const own = acting === undefined ? settings : { ...settings, databaseUrl: acting };
    const status = await followPrisma({ args, service, settings: own, env, signal }, (line) => {
      const [address] = /http:\/\/localhost:\d+/.exec(line) ?? [];
      if (address === undefined) return;
      for (const { name, schema } of services) {
        print(`${name}  ${address}/#schema=${encodeURIComponent(schema)}&view=table`);
      }
    });
    if (signal.aborted) return EXIT.interrupted;
    return status === 0 ? EXIT.done : EXIT.failed;
  },
});
