import type { Measurement, Result, Target } from "./measurement.ts";

/** All results of a run as one table; a ratio is against the first line of its measurement. */
export function renderTable(measured: readonly (readonly [Measurement, readonly Result[]])[]): string {
  const head = [
    "",
    "services",
    "jobs",
    "median s",
    "from - to",
    "scaled s",
    "ratio",
    "CPU s",
    "server's",
    "peak MB",
  ];
  const rows = measured.flatMap(([{ title }, results]) => [
    [title],
    ...results.map((one) => row(one, results[0])),
  ]);
  return alignColumns([head, ...rows]);
}

function row(result: Result, first: Result | undefined): string[] {
  const { contestant, ms, fastest, slowest, scaledMs, cpuMs, serverCpuMs, peakMb } = result;
  return [
    `  ${contestant.label}`,
    String(contestant.services),
    String(contestant.jobs),
    seconds(ms),
    `${seconds(fastest)} - ${seconds(slowest)}`,
    scaledMs === ms ? "" : seconds(scaledMs),
    first ? (scaledMs / first.scaledMs).toFixed(2) : "",
    seconds(cpuMs),
    Number.isNaN(serverCpuMs) ? "" : seconds(serverCpuMs),
    peakMb.toFixed(0),
  ];
}

/** Each promise with what was measured and whether it is met. */
export function renderTargets(targets: readonly Target[]): string {
  const rows = targets.map(({ promise, measured, met }) => [promise, measured, met ? "met" : "NOT MET"]);
  return alignColumns([["target", "measured", ""], ...rows]);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(ms < 10_000 ? 3 : 1);
}

/** The first column to the left, the others to the right; rows of one cell are headings. */
function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const cells of rows.filter(({ length }) => length > 1))
    for (const [index, cell] of cells.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  const pad = (cell: string, index: number) =>
    index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0);
  return rows.map((cells) => cells.map(pad).join("  ").trimEnd()).join("\n");
}
