import type { Context } from "./command.ts";
import { renderPendingReport, renderUnlooked } from "./core/guardView.ts";
import type { JudgedReport } from "./io/guard.ts";

/** Says what was found in scripts before they are applied, and why that may not be all. */
export function noteFindings({ report, problem }: JudgedReport, note: Context["note"]): void {
  if (problem) note(renderUnlooked(problem));
  const text = renderPendingReport(report);
  if (text !== undefined) note(text);
}
