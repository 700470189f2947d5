import { defineCommand } from "../command.ts";
import { EXIT, fail } from "../core/errors.ts";
import { compareHistory } from "../core/history.ts";
import { type HistoryView, listHistory, renderHistory } from "../core/historyView.ts";
import type { ServiceFacts } from "../core/plan.ts";
import { parseRange, type Range, resolveRange } from "../core/range.ts";
import { readStanding } from "../io/standing.ts";
import { appsOption, jsonOption } from "../options.ts";

export default defineCommand({
  describe: "Every migration with its state, when it was applied, and how long it took",
  examples: [
    ["$0 history --app auth -r current:", "from where the database stands to head"],
    ["$0 history --app auth -r -3:current -i", "the three below it, marked"],
  ],
  options: (yargs) =>
    jsonOption(appsOption(yargs))
      .option("range", {
        alias: "r",
        type: "string",
        nargs: 1,
        describe: "a:b, both included: base, head, current, a migration, or steps from one (current+2, -3)",
      })
      .option("indicate-current", {
        alias: "i",
        type: "boolean",
        default: false,
        describe: "Mark current and head",
      }),
  async run({ app, json, range, indicateCurrent }, { settings, print, note }) {
    const parsed = range === undefined ? undefined : parseRange(range);
    if (parsed && "problem" in parsed) return fail(parsed.problem);
    const facts = await readStanding(settings, app, note);
    const services = facts.map((one) => {
      const failure = one.service.problem ?? one.problem;
      if (failure && app !== undefined) fail(failure);
      const { head, current } = compareHistory(one.migrations, one.ledger);
      const marks = indicateCurrent ? { head, current } : undefined;
      return {
        service: one.service.name,
        schema: one.service.schema,
        ...marks,
        migrations: cut(one, parsed),
        text: (views: HistoryView[]) => renderHistory(views, marks),
      };
    });
    if (json) print(JSON.stringify({ services }));
    else
      print(services.map(({ service, migrations, text }) => `${service}\n${text(migrations)}`).join("\n\n"));
    return EXIT.done;
  },
});

/** The part of a service's history that lies in the range, both ends included. */
function cut({ service, migrations, ledger }: ServiceFacts, range: Range | undefined): HistoryView[] {
  const views = listHistory(migrations, ledger);
  if (!range) return views;
  const names = views.map(({ migration }) => migration);
  const { current } = compareHistory(migrations, ledger);
  const found = resolveRange(range, { service: service.name, names, current });
  if ("problem" in found) return fail(found.problem);
  return views.slice(Math.max(0, found.from), found.to + 1);
}
