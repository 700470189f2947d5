import { type Failure, maskPasswords } from "./errors.ts";
import { renderCount } from "./table.ts";

/** `broken` stops something from working; `warning` is worth a look; `skipped` could not be looked at. */
export type DiagnosisState = "ok" | "warning" | "broken" | "skipped";

/** What was found of one thing. */
export interface Diagnosis {
  area: "tools" | "files" | "server" | "shadow database" | "services";
  state: DiagnosisState;
  /** A short fact, with the value that was found. */
  fact: string;
  why?: string;
  /** What to type or change, wherever it is not ok. */
  fix?: string;
}

/** A failure as a diagnosis. */
export function diagnoseFailure(area: Diagnosis["area"], { fact, why, fix }: Failure): Diagnosis {
  return {
    area,
    state: "broken",
    fact,
    ...(why !== undefined && { why }),
    ...(fix !== undefined && { fix }),
  };
}

/** The report: areas with a line for each thing, and under those that are not ok what to do. */
export function renderDiagnoses(diagnoses: readonly Diagnosis[]): string {
  const areas = [...new Set(diagnoses.map(({ area }) => area))];
  const blocks = areas.map((area) =>
    [area, ...diagnoses.filter((one) => one.area === area).flatMap(renderDiagnosis)].join("\n"),
  );
  const count = (state: DiagnosisState) => diagnoses.filter((one) => one.state === state).length;
  const [broken, warnings] = [count("broken"), count("warning")];
  const summary =
    broken + warnings === 0 ? "Nothing is wrong" : `${broken} broken, ${renderCount(warnings, "warning")}`;
  return maskPasswords([...blocks, summary].join("\n\n"));
}

function renderDiagnosis({ state, fact, why, fix }: Diagnosis): string[] {
  const rest = (label: string, text: string) =>
    `           ${label}: ${text.trimEnd().replaceAll("\n", `\n${" ".repeat(13 + label.length)}`)}`;
  return [
    `  ${state.padEnd(7)}  ${fact.replaceAll("\n", `\n${" ".repeat(11)}`)}`,
    ...(why === undefined ? [] : [rest("Why", why)]),
    ...(fix === undefined ? [] : [rest("Fix", fix)]),
  ];
}
