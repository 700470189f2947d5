import { defineCommand } from "../command.ts";
import { EXIT } from "../core/errors.ts";
import { renderGuardReport, renderUnlooked } from "../core/guardView.ts";
import { chooseServices } from "../core/service.ts";
import { mergeVerdict } from "../core/unsafe/report.ts";
import { lintServicesForCitus } from "../io/citusLint.ts";
import { guardServices } from "../io/guard.ts";
import { readServices } from "../io/workspace.ts";
import { appsOption, jsonOption } from "../options.ts";
import { unsafeOptions } from "../unsafeOptions.ts";

export default defineCommand({
  describe: "Read every migration as Postgres does and report what reaches beyond its service",
  examples: [
    ["$0 guard --app billing", "one service's migrations; exits 3 on errors"],
    ["$0 guard --strict --json", "all services, for CI: exits 3 on warnings too"],
  ],
  options: (yargs) =>
    unsafeOptions(jsonOption(appsOption(yargs)), "off")
      .option("strict", {
        type: "boolean",
        default: false,
        describe: "Exit 3 on warnings too",
      })
      .option("citus", {
        type: "boolean",
        default: false,
        describe: "Also report what a Citus cluster refuses, though the shadow database does not",
      }),
  async run({ app, json, strict, unsafe, rows, citus }, { settings, note, print }) {
    const services = readServices(settings.root);
    const chosen = chooseServices(services, app);
    const { report: guarded, problem } = await guardServices(chosen, services, { unsafe, rows });
    if (problem) note(renderUnlooked(problem));
    const report = citus ? mergeVerdict(guarded, await lintServicesForCitus(chosen, services)) : guarded;
    print(json ? JSON.stringify(report) : renderGuardReport(report));
    const counts = report.findings.some(({ severity }) => strict || severity === "error");
    return counts ? EXIT.findings : EXIT.done;
  },
});
