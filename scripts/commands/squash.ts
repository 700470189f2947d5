import { type Context, defineCommand } from "../command.ts";
import { EXIT, fail } from "../core/errors.ts";
import { filesOf } from "../core/revisionView.ts";
import { findService, type Service } from "../core/service.ts";
import { renderCount } from "../core/table.ts";
import { findUnkept } from "../io/squash/git.ts";
import { prepareSquash } from "../io/squash/prepare.ts";
import { runSquash, type Squash } from "../io/squash/squash.ts";
import { finishSquash } from "../io/squash/write.ts";
import { readServices } from "../io/workspace.ts";
import { jsonOption, serviceOption } from "../options.ts";

export default defineCommand({
  describe: "Replace the first migrations of a service by one that is proven to make the same",
  examples: [
    ["$0 squash --app auth", "all of them"],
    ["$0 squash --app auth --to add_users", "those up to add_users"],
    ["$0 squash --app auth --dry-run", "prove it and print it, and write nothing"],
  ],
  options: (yargs) =>
    jsonOption(serviceOption(yargs))
      .option("to", {
        type: "string",
        describe: "The last one that goes into it, or a unique part of its name (default: head)",
      })
      .option("message", { alias: "m", type: "string", describe: "What to call it (default: squashed)" })
      .option("dry-run", { type: "boolean", default: false, describe: "Print the SQL, and write nothing" })
      .option("yes", {
        type: "boolean",
        default: false,
        describe: "Even if git does not hold the files that go",
      }),
  async run(options, context) {
    const { settings, note, print, signal } = context;
    const services = readServices(settings.root);
    const service = findService(services, options.app);
    if (await finishSquash(settings.root, service))
      note(`${service.name}: completed a squash that had been interrupted`);
    const { to, message, dryRun } = options;
    const request = { settings, note, signal, service, services, to, message };
    const prepared = await prepareSquash(request);
    if (!prepared) {
      note(`${service.name}: nothing to squash, there are not two migrations`);
      if (options.json)
        print(JSON.stringify({ service: service.name, done: false, migration: null, replaces: [] }));
      return EXIT.done;
    }
    if (!dryRun && !options.yes) await requireKept(service, context);
    const squash = await runSquash(prepared, { ...request, dryRun });
    const replaces = prepared.sources.map(({ name }) => name);
    const { name } = prepared;
    for (const remark of renderRemarks(service.name, squash)) note(remark);
    if (options.json) print(JSON.stringify(describe(service, { name, replaces, squash, done: !dryRun })));
    else if (dryRun) print(squash.up.trimEnd());
    else {
      print(filesOf(service.name, name).join("\n"));
      note(
        `${service.name}: ${renderCount(replaces.length, "migration")} became one, proven to make the same; databases that have them record it with make upgrade-head`,
      );
    }
    return EXIT.done;
  },
});

async function requireKept(service: Service, { env }: Context): Promise<void> {
  const unkept = await findUnkept(service, env);
  if (unkept === undefined) return;
  fail({
    fact: `${service.name}: the migrations that would go could not be brought back`,
    why: unkept,
    fix: `git add services/${service.name}/migrations && git commit, or do without: schemata squash --app ${service.name} --yes`,
  });
}

function describe(
  { name: service }: Service,
  { name, replaces, squash, done }: { name: string; replaces: string[]; squash: Squash; done: boolean },
): object {
  const { way, because = null, up, down } = squash;
  return {
    ...{ service, done, migration: name, replaces, way, because, sql: up, down: down.sql },
    reversible: down.proven && down.differences.length === 0,
    notRestored: down.differences,
  };
}

function renderRemarks(service: string, { because, down }: Squash): string[] {
  const failed = down.notes.filter((note) => note.startsWith("NOT PROVEN"));
  return [
    ...(because === undefined ? [] : [`${service}: the scripts were joined as they are: ${because}`]),
    ...failed.map((note) => `Warning: ${service}: down.sql: ${note}`),
    ...down.differences.map((what) => `Warning: ${service}: down.sql does not restore: ${what}`),
  ];
}
