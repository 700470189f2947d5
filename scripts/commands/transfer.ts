import { defineCommand } from "../command.ts";
import { EXIT } from "../core/errors.ts";
import { describeTransfer, renderFiles } from "../core/transfer/view.ts";
import { chooseTransfer } from "../io/transfer/choose.ts";
import { draftTransfer } from "../io/transfer/draft.ts";
import { filesOfTransfer, writeTransfer } from "../io/transfer/write.ts";
import { readServices } from "../io/workspace.ts";
import { jsonOption } from "../options.ts";

export default defineCommand({
  describe:
    "Move a table to another service, with its data: a migration for each of the two, proven up and down",
  examples: [
    ["$0 transfer --table auth.profile --to billing", "the table profile of auth becomes billing's"],
    [
      "$0 transfer --table auth.Profile --to billing --dry-run",
      "the same by its model; print all files, write none",
    ],
  ],
  options: (yargs) =>
    jsonOption(yargs)
      .option("table", {
        type: "string",
        describe: "Service or schema, and the table or its model: auth.profile",
      })
      .option("to", { type: "string", describe: "The service that gets it" })
      .option("message", { alias: "m", type: "string", describe: "What to call the migrations" })
      .option("dry-run", { type: "boolean", default: false, describe: "Print all files, write none" }),
  async run(options, { settings, note, print, signal }) {
    const services = readServices(settings.root);
    const choice = chooseTransfer(services, options);
    const { message, dryRun, json } = options;
    const draft = await draftTransfer({ settings, note, signal, services, choice, message }, (proven) => {
      if (!dryRun) writeTransfer(settings.root, proven);
    });
    for (const warning of draft.warnings) note(`Warning: ${warning}`);
    const files = filesOfTransfer(draft);
    if (json) print(JSON.stringify(describeTransfer(draft, { files, done: !dryRun })));
    else if (dryRun) print(renderFiles(files));
    else {
      print(files.map(({ path }) => path).join("\n"));
      const { arrival, departure } = draft;
      note(
        `${departure.service.name}: "${choice.table}" goes to ${arrival.service.name} with the next make upgrade-head; deploy both programs with it`,
      );
    }
    return EXIT.done;
  },
});
