import { type Context, defineCommand } from "../command.ts";
import { requireTyped, YES_OPTION } from "../confirm.ts";
import { EXIT, fail } from "../core/errors.ts";
import { findService, requireSound, type Service } from "../core/service.ts";
import { isEmptyChange } from "../core/stamp.ts";
import { describeStamp, renderStamp } from "../core/stampView.ts";
import { closeConnection } from "../io/postgres/connect.ts";
import { ensureServer } from "../io/server/server.ts";
import { prepareStamp, runStamp, type StampTarget } from "../io/stamp.ts";
import { readServices } from "../io/workspace.ts";
import { jsonOption, readTarget, serviceOption, targetOption } from "../options.ts";
import { lockOptions, parseUpgradeOptions } from "../upgradeOptions.ts";

export default defineCommand({
  positionals: "[target]",
  describe: "Record migrations as applied or not, without running them",
  examples: [
    ["$0 stamp --app auth head", "everything on disk counts as applied"],
    ["$0 stamp --app auth base", "nothing counts as applied"],
    ["$0 stamp --app auth --edited", "files that were edited after being applied count as they are now"],
  ],
  options: (yargs) =>
    targetOption(
      jsonOption(lockOptions(serviceOption(yargs))),
      "A migration (also a unique part of its name), head or base: what is up to it counts as applied, what is above does not",
    )
      .option("edited", {
        type: "boolean",
        default: false,
        describe: "Record the present checksums of applied files that were edited",
      })
      .option("dry-run", { type: "boolean", default: false, describe: "Print what would be recorded" })
      .option("yes", YES_OPTION),
  async run(options, context) {
    const { settings, note, print, signal } = context;
    const service = requireSound(findService(readServices(settings.root), options.app));
    const target = chooseTarget(service, readTarget(options), options.edited);
    const upgrade = parseUpgradeOptions({ ...options, jobs: 1 });
    await ensureServer(settings, note, signal);
    const prepared = await prepareStamp(settings.databaseUrl, {
      service,
      target,
      lockWait: options.dryRun ? undefined : upgrade.lockWait,
      onDatabaseCreated: (database) => note(`Created the database "${database}"`),
    });
    const { client, change, becomes: current } = prepared;
    const command = `schemata stamp --app ${service.name} ${target === "edited" ? "--edited" : target.to}`;
    const empty = isEmptyChange(change);
    try {
      if (!empty && !options.dryRun) {
        if (!options.yes) await confirm(renderStamp(service.name, change), { service, command }, context);
        await runStamp(prepared, { options: upgrade, command });
      }
    } finally {
      await closeConnection(client);
    }
    const done = !empty && !options.dryRun;
    if (options.json) print(JSON.stringify(describeStamp(service.name, change, { done, current })));
    else if (options.dryRun && !empty) print(renderStamp(service.name, change));
    else
      print(`${service.name}: ${done ? "recorded" : "nothing to record"}; current is ${current ?? "base"}`);
    return EXIT.done;
  },
});

function chooseTarget({ name }: Service, to: string | undefined, edited: boolean): StampTarget {
  if (edited && to === undefined) return "edited";
  if (!edited && to !== undefined && to !== "") return { to };
  return fail({
    fact: edited
      ? `${name}: --edited leaves open no choice of a migration, and "${to}" names one`
      : `${name}: up to which migration?`,
    fix: edited
      ? `schemata stamp --app ${name} --edited`
      : `schemata stamp --app ${name} head, or base, or a migration`,
    status: EXIT.usage,
  });
}

async function confirm(
  shown: string,
  { service, command }: { service: Service; command: string },
  context: Context,
): Promise<void> {
  context.note(shown);
  await requireTyped(context, {
    word: service.name,
    question: "Nothing of this is checked against the database.",
    command,
  });
}
