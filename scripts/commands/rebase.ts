import { defineCommand } from "../command.ts";
import { requireTyped, YES_OPTION } from "../confirm.ts";
import { EXIT } from "../core/errors.ts";
import { renderMoves } from "../core/rebase.ts";
import { findService } from "../core/service.ts";
import { prepareRebase } from "../io/rebase/prepare.ts";
import type { ProvenRebase } from "../io/rebase/prove.ts";
import { runRebase } from "../io/rebase/rebase.ts";
import { readServices } from "../io/workspace.ts";
import { jsonOption, serviceOption } from "../options.ts";

export default defineCommand({
  describe: "After a merge: put unapplied migrations last, under a new time, and prove that they still apply",
  examples: [
    ["$0 rebase --app auth", "those that are older than current, or have the same time as another"],
    ["$0 rebase --app auth --migration add_users", "the one named; no ledger needs to be asked"],
    ["$0 rebase --app auth --dry-run", "prove it, and rename nothing"],
  ],
  options: (yargs) =>
    jsonOption(serviceOption(yargs))
      .option("migration", {
        type: "string",
        array: true,
        default: [] as string[],
        describe: "What is to come last, applied nowhere: a migration, or a unique part of its name",
      })
      .option("dry-run", { type: "boolean", default: false, describe: "Prove it, and rename nothing" })
      .option("yes", YES_OPTION),
  async run(options, context) {
    const { settings, note, print, signal } = context;
    const services = readServices(settings.root);
    const service = findService(services, options.app);
    const request = { settings, note, signal, service, services, named: options.migration };
    const prepared = await prepareRebase(request);
    const { moves, dependents } = prepared;
    const edited = dependents.map((one) => `services/${one.service.name}/migrations/${one.migration.name}`);
    if (moves.length === 0) {
      note(`${service.name}: nothing to rebase, the migrations are in order`);
      if (options.json) print(JSON.stringify({ service: service.name, moves: [], done: false }));
      return EXIT.done;
    }
    if (!options.dryRun && !options.yes) {
      note([renderMoves(service.name, moves), ...edited.map((file) => `  ${file} names them`)].join("\n"));
      await requireTyped(context, {
        word: service.name,
        question: "They must not be applied anywhere: a database that has them would get them again.",
        command: `schemata rebase --app ${service.name}`,
      });
    }
    const proven = await runRebase(prepared, { ...request, dryRun: options.dryRun });
    for (const remark of renderRemarks(service.name, proven)) note(remark);
    const done = !options.dryRun;
    if (options.json) {
      const { revisionMissing = null } = proven;
      const shown = proven.moves.map(({ from, to, proof }) => ({ from, to, proven: proof?.proven ?? null }));
      print(JSON.stringify({ service: service.name, done, moves: shown, edited, revisionMissing }));
    } else {
      print(renderMoves(service.name, moves));
      for (const file of edited) print(`  ${file} names them as they are called ${done ? "now" : "then"}`);
    }
    return EXIT.done;
  },
});

function renderRemarks(service: string, { moves, revisionMissing }: ProvenRebase): string[] {
  const unproven = moves.filter(({ proof }) => proof && !proof.proven);
  return [
    ...unproven.map(
      ({ to }) => `Warning: ${service}: down.sql of ${to} fails in its new place; its head says why`,
    ),
    ...(revisionMissing
      ? [`${service}: the schema file is ahead of the migrations: make revision app=${service} m="…"`]
      : []),
    ...(revisionMissing === undefined
      ? [
          `Warning: ${service}: the schema file could not be compared with the migrations: make revision app=${service} says why`,
        ]
      : []),
  ];
}
