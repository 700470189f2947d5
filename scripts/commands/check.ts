import { type Context, defineCommand } from "../command.ts";
import { type CheckReport, renderAnnotations, renderCheck } from "../core/check/view.ts";
import { EXIT, type ExitStatus } from "../core/errors.ts";
import { chooseServices } from "../core/service.ts";
import { runCheck } from "../io/check/check.ts";
import { readServices } from "../io/workspace.ts";
import { appsOption, jsonOption } from "../options.ts";
import { unsafeOptions } from "../unsafeOptions.ts";

export default defineCommand({
  describe:
    "One answer for CI: schema files, migrations, reversals, ledgers and database held against each other",
  examples: [
    ["$0 check", "all services; exits 3 when something is not as it should be"],
    ["$0 check --format github", "annotations beside the files of a pull request"],
    ["$0 check --offline", "what the files alone tell"],
  ],
  options: (yargs) =>
    unsafeOptions(jsonOption(appsOption(yargs)))
      .option("format", {
        choices: ["text", "github"] as const,
        default: "text" as const,
        describe: "github: workflow commands, which GitHub shows beside the files",
      })
      .option("offline", {
        type: "boolean",
        default: false,
        describe: "Ask no database; says what it leaves out",
      })
      .option("strict", { type: "boolean", default: false, describe: "Exit 3 on warnings too" })
      .check(({ json, format }) => {
        if (json && format === "github") throw new Error("--json and --format github exclude each other");
        return true;
      }),
  async run({ app, json, format, offline, strict, unsafe, rows }, context) {
    const { settings, note, signal } = context;
    const services = readServices(settings.root);
    const chosen = chooseServices(services, app);
    const { report, incomplete } = await runCheck({
      ...{ settings, note, signal, services, chosen, offline },
      unsafe: { unsafe, rows },
    });
    signal.throwIfAborted();
    show(report, json ? "json" : format, context);
    if (report.findings.some(({ severity }) => strict || severity === "error")) return EXIT.findings;
    return closeIncomplete(incomplete, context);
  },
});

function show(report: CheckReport, format: "text" | "github" | "json", { print, note }: Context): void {
  if (format === "json") print(JSON.stringify(report));
  else if (format === "text") print(renderCheck(report));
  else {
    const lines = renderAnnotations(report);
    if (lines !== "") print(lines);
    note(renderCheck({ ...report, findings: [], exceptions: [] }));
  }
}

/** What was not looked at cannot be called sound, unless that was asked for. */
function closeIncomplete(incomplete: boolean, { note }: Context): ExitStatus {
  if (!incomplete) return EXIT.done;
  note(
    "Nothing was found, but not everything could be looked at: see what was left out, or leave it out with --offline",
  );
  return EXIT.failed;
}
