import { defineCommand } from "../command.ts";
import { EXIT, type ExitStatus, fail } from "../core/errors.ts";
import { findService, requireSound } from "../core/service.ts";
import { runPrisma } from "../io/prisma.ts";
import { ensureServer } from "../io/server/server.ts";
import { readServices } from "../io/workspace.ts";
import { prismaArguments, readPrismaArguments, serviceOption } from "../options.ts";

/** The commands of the CLI that talk to a database; the others need none. */
const ON_DATABASE = ["migrate", "db", "studio"];

export default defineCommand({
  positionals: "[args..]",
  describe: "Run any command of the stock Prisma CLI on one service",
  examples: [["$0 prisma --app auth -- migrate status", "options of the CLI go after --"]],
  options: (yargs) => prismaArguments(serviceOption(yargs)),
  async run(options, { settings, env, note, signal }) {
    const service = requireSound(findService(readServices(settings.root), options.app));
    const args = readPrismaArguments(options);
    const [command] = args;
    if (command === undefined) {
      return fail({
        fact: `${service.name}: which command of Prisma?`,
        fix: `schemata prisma --app ${service.name} -- migrate status`,
        status: EXIT.usage,
      });
    }
    if (ON_DATABASE.includes(command)) await ensureServer(settings, note, signal);
    // The CLI's own exit status, which scripts of its users know.
    return (await runPrisma({ args, service, settings, env, signal })) as ExitStatus;
  },
});
