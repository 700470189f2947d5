import displayWidth from "./displayWidth.ts";

/** Aligns rows of cells in columns, two spaces apart; the first row is the heading. Numbers align to the right. */
export function renderTable(rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map(String));
  const widths = cells.reduce<number[]>(
    (most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, displayWidth(cell))),
    [],
  );
  const isNumeric = widths.map((_, column) => rows.slice(1).every((row) => typeof row[column] === "number"));
  return cells
    .map((row) => {
      const line = row.map((cell, column) => {
        const gap = " ".repeat((widths[column] ?? 0) - displayWidth(cell));
        return isNumeric[column] ? gap + cell : cell + gap;
      });
      return line.join("  ").trimEnd();
    })
    .join("\n");
}

/** A duration in milliseconds, for people. */
export function renderDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}

/** `1 migration`, `2 migrations`. */
export function renderCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
