import { defineCommand } from "../command.ts";
import { EXIT, fail } from "../core/errors.ts";
import { chooseServices, requireSound } from "../core/service.ts";
import { capturePrisma } from "../io/prisma.ts";
import { readServices } from "../io/workspace.ts";
import { appsOption } from "../options.ts";

export default defineCommand({
  describe: "Generate the typed Prisma clients",
  options: appsOption,
  async run({ app }, { settings, env, note, signal }) {
    for (const service of chooseServices(readServices(settings.root), app).map(requireSound)) {
      const call = { args: ["generate", "--no-hints"], service, settings, env, signal };
      const { status, stdout, stderr } = await capturePrisma(call);
      if (signal.aborted) return EXIT.interrupted;
      if (status !== 0) {
        fail({
          fact: `${service.name}: prisma generate failed`,
          why: stderr.trim() || stdout.trim(),
          fix: `correct ${service.schemaFile}, then make generate app=${service.name}`,
        });
      }
      const [done] = /Generated .+/.exec(stdout) ?? ["no generator in its schema file"];
      note(`${service.name}: ${done}`);
    }
    return EXIT.done;
  },
});
