import { type Context, defineCommand } from "../command.ts";
import { EXIT, type ExitStatus } from "../core/errors.ts";
import { describeFindings } from "../core/guardView.ts";
import { type Rename, type RenameRequest, renderRename, requireRename } from "../core/rename.ts";
import { describeRevision, filesOf, type RevisionView, renderRemarks } from "../core/revisionView.ts";
import { findService, requireSound } from "../core/service.ts";
import { noteFindings } from "../findings.ts";
import { makeDraftJudge } from "../io/revision/judge.ts";
import { reviseEmpty, reviseService } from "../io/revision/revise.ts";
import { readServices } from "../io/workspace.ts";
import { jsonOption } from "../options.ts";
import { unsafeOptions } from "../unsafeOptions.ts";

export default defineCommand({
  describe: "Write the migration from a service's history to its schema file, and its reversal",
  examples: [
    ['$0 revision --app auth -m "add users"', "writes migration.sql and down.sql"],
    ['$0 revision --app auth -m "full name" --rename users.name=full_name', "a rename that keeps the data"],
    ["$0 revision --app auth --check", "exits 3 when a revision is missing"],
    ['$0 revision --app auth -m "hotfix" --from-db --stamp', "what was changed by hand in the database"],
  ],
  options: (yargs) =>
    unsafeOptions(jsonOption(yargs))
      .option("app", { type: "string", describe: "The service" })
      .option("message", { alias: "m", type: "string", describe: "What changes, in a few words" })
      .option("empty", { type: "boolean", default: false, describe: "No SQL: to be written by hand" })
      .option("sql", { type: "boolean", default: false, describe: "Print the SQL, write nothing" })
      .option("check", {
        type: "boolean",
        default: false,
        describe: "Write nothing; exit 3 if there is something to revise",
      })
      .option("rename", {
        type: "string",
        array: true,
        default: [] as string[],
        describe: "users=accounts, or users.name=full_name: a rename instead of a drop and an add",
      })
      .option("from-db", {
        type: "boolean",
        default: false,
        describe: "What someone changed by hand in the database, instead of in the schema file",
      })
      .option("stamp", {
        type: "boolean",
        default: false,
        describe: "With --from-db: record it as applied in that database, which has it; do not ask",
      })
      .option("incomplete", {
        type: "boolean",
        default: false,
        describe: "With --from-db: write it although it does not make all that was changed",
      })
      .check(({ empty, sql, check, rename, message, fromDb, stamp, incomplete }) => {
        if (empty && fromDb) throw new Error("--empty and --from-db exclude each other");
        if (!fromDb && (stamp || incomplete)) throw new Error("--stamp and --incomplete go with --from-db");
        if (stamp && (sql || check)) throw new Error("--stamp goes with neither --sql nor --check");
        if (sql && check) throw new Error("--sql and --check exclude each other");
        if (empty && (sql || check || rename.length > 0))
          throw new Error("--empty goes with none of --sql, --check and --rename");
        if (!sql && !check && !message?.trim())
          throw new Error('A message is missing: -m "what changes" (make: m="what changes")');
        return true;
      }),
  async run(options, context) {
    const { settings, note, print } = context;
    const services = readServices(settings.root);
    const service = requireSound(findService(services, options.app));
    const writes = !options.sql && !options.check;
    if (options.empty) {
      const migration = reviseEmpty(settings.root, service, options.message ?? "");
      const files = filesOf(service.name, migration);
      print(
        options.json
          ? JSON.stringify({ service: service.name, status: "written", migration, files })
          : files.join("\n"),
      );
      return EXIT.done;
    }
    if (options.fromDb) {
      const { takeOver } = await import("../takeOverVerb.ts");
      const { sql, check, json, stamp, incomplete } = options;
      const message = writes ? options.message : undefined;
      const renames = options.rename.map(requireRename);
      const confirm = (guesses: readonly Rename[]) => confirmRenames(guesses, context);
      return takeOver(
        { services, service, renames, message, sql, check, json, stamp, incomplete, confirm },
        context,
      );
    }
    const judge = makeDraftJudge({ service, services }, options);
    const revision = await reviseService({
      ...{ settings, note, signal: context.signal, service, services },
      onScript: judge.hear,
      renames: options.rename.map(requireRename),
      message: writes ? options.message : undefined,
      confirm: (guesses) => confirmRenames(guesses, context),
    });
    const view = revision && { ...revision, service: service.name };
    for (const remark of view ? renderRemarks(view) : []) note(remark);
    const judged = view && (await judge.report(view));
    if (judged) noteFindings(judged, note);
    const found = judged && describeFindings(judged.report);
    if (options.json) print(JSON.stringify({ ...describeRevision(service.name, view), ...found }));
    else if (options.sql) print(view?.sql.trimEnd() ?? "-- This is an empty migration.");
    else report(service.name, view, context);
    return statusOf(view, options.check);
  },
});

function report(service: string, view: RevisionView | undefined, { note, print }: Context): void {
  if (!view) note(`${service}: nothing to revise, the migrations lead to the schema file`);
  else if (view.migration === undefined) note(`${service}: the schema file is ahead of the migrations`);
  else print(filesOf(service, view.migration).join("\n"));
}

function statusOf(view: RevisionView | undefined, check: boolean): ExitStatus {
  return check && view ? EXIT.findings : EXIT.done;
}

/** Without a terminal nobody is asked, and nothing is renamed. */
async function confirmRenames(
  guesses: readonly Rename[],
  { ask, terminal }: Context,
): Promise<RenameRequest[]> {
  if (!terminal.interactive) return [];
  const requests: RenameRequest[] = [];
  for (const guess of guesses) {
    const answer = await ask(`Is ${describeRename(guess)} a rename, which keeps the data? [y/N] `);
    if (/^y(es)?$/i.test(answer?.trim() ?? "")) requests.push(requireRename(renderRename(guess)));
  }
  return requests;
}

function describeRename(guess: Rename): string {
  return guess.kind === "table"
    ? `the table "${guess.from}" to "${guess.to}"`
    : `the column "${guess.from}" of "${guess.table}" to "${guess.to}"`;
}
