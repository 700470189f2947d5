import { defineCommand } from "../command.ts";
import { EXIT } from "../core/errors.ts";
import { findService, requireSound } from "../core/service.ts";
import { runPrisma } from "../io/prisma.ts";
import { ensureServer } from "../io/server/server.ts";
import { readServices } from "../io/workspace.ts";
import { prismaArguments, readPrismaArguments, serviceOption } from "../options.ts";

export default defineCommand({
  positionals: "[args..]",
  describe: "Run stock `prisma migrate dev` on one service",
  examples: [["$0 dev --app auth -- --name add_users --create-only", "options of the CLI go after --"]],
  options: (yargs) => prismaArguments(serviceOption(yargs)),
  async run(options, { settings, env, note, signal }) {
    const service = requireSound(findService(readServices(settings.root), options.app));
    await ensureServer(settings, note, signal);
    const status = await runPrisma({
      args: ["migrate", "dev", ...readPrismaArguments(options)],
      service,
      settings,
      env,
      signal,
    });
    if (signal.aborted) return EXIT.interrupted;
    return status === 0 ? EXIT.done : EXIT.failed;
  },
});
