import { defineCommand } from "../command.ts";
import { EXIT } from "../core/errors.ts";
import { compareHistory } from "../core/history.ts";
import { type CurrentView, renderCurrent } from "../core/historyView.ts";
import type { ServiceFacts } from "../core/plan.ts";
import { readStanding } from "../io/standing.ts";
import { appsOption, jsonOption } from "../options.ts";

export default defineCommand({
  describe: "Where each service stands: applied, pending, and what does not fit",
  options: (yargs) =>
    jsonOption(appsOption(yargs)).option("exit-code", {
      type: "boolean",
      default: false,
      describe: "Exit 3 when something is pending or does not fit (for readiness probes)",
    }),
  async run({ app, json, exitCode }, { settings, print, note }) {
    const views = (await readStanding(settings, app, note)).map(viewCurrent);
    print(json ? JSON.stringify({ services: views }) : renderCurrent(views));
    if (views.some(({ error }) => error !== undefined)) {
      for (const { error } of views) if (error !== undefined) note(error);
      return EXIT.failed;
    }
    return exitCode && views.some(needsAttention) ? EXIT.findings : EXIT.done;
  },
});

function viewCurrent({ service, migrations, ledger, problem }: ServiceFacts): CurrentView {
  const { applied, ...standing } = compareHistory(migrations, ledger);
  const failure = service.problem ?? problem;
  return {
    service: service.name,
    schema: service.schema,
    ...standing,
    applied: applied.length,
    ...(failure ? { error: failure.fix ? `${failure.fact}\n  Fix: ${failure.fix}` : failure.fact } : {}),
  };
}

function needsAttention({ pending, missing, edited, failed }: CurrentView): boolean {
  return [pending, missing, edited, failed].some(({ length }) => length > 0);
}
