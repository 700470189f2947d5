import { type Context, defineCommand } from "../command.ts";
import { requireTyped, YES_OPTION } from "../confirm.ts";
import { EXIT, fail } from "../core/errors.ts";
import { type Diagnosis, renderDiagnosis, renderWay, type Way } from "../core/repair.ts";
import { findService, requireSound, type Service } from "../core/service.ts";
import { closeConnection } from "../io/postgres/connect.ts";
import { prepareRepair, runRepair } from "../io/repair/repair.ts";
import { ensureServer } from "../io/server/server.ts";
import { readServices } from "../io/workspace.ts";
import { jsonOption, serviceOption } from "../options.ts";
import { lockOptions, parseUpgradeOptions } from "../upgradeOptions.ts";

export default defineCommand({
  describe: "Say what an unfinished migration has done, and go on with it or back",
  examples: [
    ["$0 repair --app auth", "look, and choose"],
    ["$0 repair --app auth --on --yes", "go on, for scripts"],
  ],
  options: (yargs) =>
    jsonOption(lockOptions(serviceOption(yargs)))
      .option("on", { type: "boolean", default: false, describe: "Forward: until the migration is done" })
      .option("back", { type: "boolean", default: false, describe: "Back: as if it had not been begun" })
      .option("yes", YES_OPTION)
      .check(({ on, back }) => {
        if (on && back) throw new Error("--on and --back exclude each other");
        return true;
      }),
  async run(options, context) {
    const { settings, note, print, signal } = context;
    const services = readServices(settings.root);
    const service = requireSound(findService(services, options.app));
    const upgrade = parseUpgradeOptions({ ...options, jobs: 1 });
    await ensureServer(settings, note, signal);
    const { lockWait } = upgrade;
    const prepared = await prepareRepair(settings.databaseUrl, { services, service, lockWait });
    try {
      const found = prepared.unfinished?.diagnosis;
      if (options.json) print(JSON.stringify({ service: service.name, unfinished: found ?? null }));
      else print(found ? renderDiagnosis(service.name, found) : `${service.name}: nothing to repair`);
      if (!found) return EXIT.done;
      const way = await chooseWay(found, { service, options }, context);
      if (!options.yes) await confirm(renderWay(way, found), { service, options }, context);
      const command = `schemata repair --app ${service.name}`;
      await runRepair(prepared, way, { options: upgrade, command, signal, emit: () => {} });
      note(`${service.name}: done; where things stand now: make current app=${service.name}`);
      return EXIT.done;
    } finally {
      await closeConnection(prepared.client);
    }
  },
});

interface Choice {
  service: Service;
  options: { on: boolean; back: boolean };
}

async function chooseWay(
  found: Diagnosis,
  { service: { name }, options }: Choice,
  { ask }: Context,
): Promise<Way> {
  const { on, back, migration } = found;
  if (!on && !back) {
    return fail({
      fact: `${name}: what became of ${migration} cannot be told from here`,
      why: found.reached.join("\n"),
      fix: `look at the database, then say it: schemata stamp --app ${name} ${migration} where it was applied, or schemata stamp --app ${name} with the one before it (or base) where it was not`,
    });
  }
  const words = [...(on ? ["on"] : []), ...(back ? ["back"] : [])];
  const said = options.on ? "on" : options.back ? "back" : (await ask(`${words.join(" or ")}? `))?.trim();
  const way = said === "on" ? on : said === "back" ? back : undefined;
  if (way) return way;
  const asked = said === "on" || said === "back";
  return fail({
    fact: asked
      ? `${name}: there is no way ${said} from here`
      : `${name}: ${words.join(" or ")}? nothing was chosen`,
    why: asked ? "part of it is done, and nothing says how to undo that part" : "nothing was done",
    fix: words.map((word) => `schemata repair --app ${name} --${word} --yes`).join("\n"),
    status: EXIT.usage,
  });
}

async function confirm(what: string, { service, options }: Choice, context: Context): Promise<void> {
  const way = options.on ? "--on" : "--back";
  await requireTyped(context, {
    word: service.name,
    question: `This will ${what}.`,
    command: `schemata repair --app ${service.name} ${way}`,
  });
}
