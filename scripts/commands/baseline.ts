import { type Context, defineCommand } from "../command.ts";
import { requireTyped, YES_OPTION } from "../confirm.ts";
import { EXIT, fail } from "../core/errors.ts";
import { type BaselineDraft, draftBaseline } from "../io/baseline/draft.ts";
import { type Existing, readExisting } from "../io/baseline/read.ts";
import { chooseTarget } from "../io/baseline/target.ts";
import { writeBaseline } from "../io/baseline/write.ts";
import { closeConnection } from "../io/postgres/connect.ts";
import { ensureServer } from "../io/server/server.ts";
import { prepareStamp, runStamp } from "../io/stamp.ts";
import { readServices } from "../io/workspace.ts";
import { jsonOption, serviceOption } from "../options.ts";
import { lockOptions, parseUpgradeOptions } from "../upgradeOptions.ts";

export default defineCommand({
  describe:
    "Adopt a schema that exists already: its schema file, a first migration that makes it, and a ledger",
  examples: [
    ["$0 baseline --app crm", "the schema crm becomes the service crm"],
    ["$0 baseline --app crm --schema public --sql", "the migration, for a look; nothing is written"],
  ],
  options: (yargs) =>
    jsonOption(lockOptions(serviceOption(yargs)))
      .option("schema", { type: "string", describe: "The schema, where it is not called like the service" })
      .option("sql", { type: "boolean", default: false, describe: "Print the migration, write nothing" })
      .option("incomplete", {
        type: "boolean",
        default: false,
        describe: "Go on although the migration does not make all that is there",
      })
      .option("yes", YES_OPTION),
  async run(options, context) {
    const { settings, note, print, signal } = context;
    const services = readServices(settings.root);
    const target = chooseTarget(settings.root, { services, app: options.app, schema: options.schema });
    const { service } = target;
    await ensureServer(settings, note, signal);
    const existing = await readExisting(settings.databaseUrl, target);
    const draft = await draftBaseline({ settings, note, signal, services, target, existing });
    tell(service.name, { draft, existing }, context);
    if (options.sql) {
      print(draft.up.trimEnd());
      return EXIT.done;
    }
    if (draft.missing.length > 0 && !options.incomplete) refuseIncomplete(service.name, draft);
    if (!options.yes) {
      const question = `services/${service.name} is written, and the schema "${service.schema}" gets a ledger; nothing else in it changes.`;
      const command = `schemata baseline --app ${service.name}${options.schema === undefined ? "" : ` --schema ${options.schema}`}`;
      await requireTyped(context, { word: service.name, question, command });
    }
    const files = writeBaseline(settings.root, target, draft);
    const upgrade = parseUpgradeOptions({ ...options, jobs: 1 });
    const prepared = await prepareStamp(settings.databaseUrl, {
      service,
      target: { to: "head" },
      lockWait: upgrade.lockWait,
      onDatabaseCreated: () => {},
    });
    await runStamp(prepared, {
      options: upgrade,
      command: `make stamp app=${service.name} to=head`,
    }).finally(() => closeConnection(prepared.client));
    const { proven, by, missing } = draft;
    if (options.json)
      print(JSON.stringify({ service: service.name, schema: service.schema, files, by, proven, missing }));
    else print(files.join("\n"));
    note(`${service.name}: adopted; current is ${prepared.becomes}`);
    return EXIT.done;
  },
});

function tell(
  service: string,
  { draft, existing }: { draft: BaselineDraft; existing: Existing },
  { note }: Pick<Context, "note">,
): void {
  if (existing.warnings !== undefined) note(`${service}: ${existing.warnings.trim()}`);
  if (draft.by === "catalog")
    note(
      `${service}: Prisma's own script would lose ${list(draft.lost)}, so the migration is written from the catalog`,
    );
  if (existing.grantees.length > 0)
    note(
      `Warning: ${service}: rights of ${existing.grantees.join(", ")} are not in the migration, since other databases may not have these roles`,
    );
  for (const flaw of draft.flaws) note(`Warning: ${service}: down.sql ${flaw}`);
  if (draft.unexpressed !== "")
    note(
      `Warning: ${service}: the schema file does not say the same as the database, so the next revision would hold:\n${draft.unexpressed}`,
    );
}

function refuseIncomplete(service: string, { missing }: BaselineDraft): never {
  return fail({
    fact: `${service}: the migration would not make all that is there:\n${missing.map((what) => `  ${what}`).join("\n")}`,
    why: "a database that is built from it would lack these; nothing was written",
    fix: `run it again with --incomplete, add them to services/${service}/migrations/0_init/migration.sql by hand, then schemata stamp --app ${service} --edited`,
  });
}

function list(phrases: readonly string[]): string {
  const shown = phrases.slice(0, 5).join(", ");
  return phrases.length > 5 ? `${shown} and ${phrases.length - 5} more` : shown;
}
