import type { ParsedStatement } from "./parse.ts";

/** A place in a file as editors count: both from 1, columns in code points. */
export interface Location {
  line: number;
  column: number;
}

/** A place in a script with the statement it lies in, cut to a few lines; outside of all statements `text` is empty. */
export interface LocatedStatement extends Location {
  text: string;
}

/**
 * Finds the place of a failure for its message: `index` counts the script's statements from 0, `offset` is a
 * JavaScript string index.
 */
export function locateStatement(
  sql: string,
  statements: readonly ParsedStatement[],
  at: { index: number } | { offset: number },
): LocatedStatement {
  const found = "index" in at ? statements[at.index] : statements.findLast(({ start }) => start <= at.offset);
  const offset = "offset" in at ? at.offset : (found?.start ?? 0);
  return { ...locate(sql, offset), text: found ? shorten(sql.slice(found.start, found.end)) : "" };
}

/** Line and column of a JavaScript string index; a byte order mark counts for nothing. */
export function locate(sql: string, offset: number): Location {
  const before = sql.slice(0, offset).replace(/^\uFEFF/, "");
  const lines = before.split(/\r\n|\n|\r/);
  return { line: lines.length, column: Array.from(lines.at(-1) ?? "").length + 1 };
}

/** The line that an index lies in, cut to a width for people: for a script that the parser cannot divide. */
export function lineAt(sql: string, offset: number): string {
  const before =
    sql
      .slice(0, offset)
      .split(/\r\n|\n|\r/)
      .at(-1) ?? "";
  const after = sql.slice(offset).split(/\r\n|\n|\r/, 1)[0] ?? "";
  return shorten((before + after).trim());
}

/**
 * The JavaScript string index of Postgres' `position`, which counts code points from 1 in the text that was
 * sent; add the index in the script at which that text begins.
 */
export function indexOfPosition(sent: string, position: number): number {
  let index = 0;
  for (let left = position - 1; left > 0 && index < sent.length; left--) {
    index += (sent.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  return index;
}

function shorten(text: string): string {
  const lines = text.split(/\r\n|\n|\r/);
  const shown = lines.slice(0, 5).map((line) => (line.length > 160 ? `${line.slice(0, 159)}…` : line));
  return lines.length > 5 ? [...shown, "…"].join("\n") : shown.join("\n");
}
