import { type Context, defineCommand } from "../command.ts";
import { renderLineDifference } from "../core/dependency/difference.ts";
import { EXIT } from "../core/errors.ts";
import { type RenameRequest, requireRename } from "../core/rename.ts";
import { quoteForShell } from "../core/revisionView.ts";
import { findService, requireSound } from "../core/service.ts";
import { syncService } from "../io/dependency/sync.ts";
import { readServices } from "../io/workspace.ts";
import { jsonOption, serviceOption } from "../options.ts";

export default defineCommand({
  describe: "Bring the models that a schema file repeats of other services in line with theirs",
  examples: [
    ["$0 sync --app billing", "rewrites what is stale in its schema file"],
    ["$0 sync --app billing --model auth.User", "repeats one more model, to be referred to"],
    [
      "$0 sync --app billing --rename users.name=full_name",
      "keeps a field whose column has another name now",
    ],
    ["$0 sync --app billing --dry-run", "shows the difference, and writes nothing"],
  ],
  options: (yargs) =>
    jsonOption(serviceOption(yargs))
      .option("model", {
        type: "string",
        array: true,
        default: [] as string[],
        describe: "A model to repeat, as <service>.<model>; may be given more than once",
      })
      .option("rename", {
        type: "string",
        array: true,
        default: [] as string[],
        describe: "users.name=full_name: a column that its owner has renamed; may be given more than once",
      })
      .option("dry-run", {
        type: "boolean",
        default: false,
        describe: "Show the difference, and write nothing",
      }),
  async run({ app, model, rename, dryRun, json }, context) {
    const { settings, note, print } = context;
    const services = readServices(settings.root);
    const service = requireSound(findService(services, app));
    const renames = rename.map(requireRename);
    const confirm = (likely: readonly string[]) => confirmRenames(likely, context);
    const request = { service, services, models: model, renames, confirm, dryRun };
    const { changes, before, after, likely } = await syncService(request);
    const { name, schemaFile } = service;
    const difference = renderLineDifference(before, after);
    const status = before === after ? "unchanged" : dryRun ? "changed" : "written";
    if (json) print(JSON.stringify({ service: name, status, file: schemaFile, changes, likely, difference }));
    else if (status === "unchanged") note(`${name}: what it repeats of other services is up to date`);
    else {
      for (const change of changes) note(`${name}: ${change}`);
      const back = dryRun ? "" : `git checkout ${schemaFile}, then `;
      for (const one of likely)
        note(`${name}: if it was renamed: ${back}make sync app=${name} rename=${quoteForShell(one)}`);
      print(dryRun ? difference : schemaFile);
    }
    return EXIT.done;
  },
});

/** Without a terminal nobody is asked, and nothing is renamed. */
async function confirmRenames(
  likely: readonly string[],
  { ask, terminal }: Context,
): Promise<RenameRequest[]> {
  if (!terminal.interactive) return [];
  const requests: RenameRequest[] = [];
  for (const one of likely) {
    const answer = await ask(`Has its owner renamed ${one.replace("=", " to ")}? [y/N] `);
    if (/^y(es)?$/i.test(answer?.trim() ?? "")) requests.push(requireRename(one));
  }
  return requests;
}
