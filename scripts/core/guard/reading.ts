import type { SqlParser } from "../parse.ts";
import { foldText } from "./dynamic.ts";
import type { Remark, Source, Unit } from "./unit.ts";

/** A script taken apart: its statements, those in the bodies of its blocks and functions, and what could not be read. */
export interface ReadScript {
  units: Unit[];
  remarks: Remark[];
}

/** What reading needs beside the text. */
export interface ReadContext {
  parser: SqlParser;
  ownSchema: string;
  otherSchemas: readonly string[];
}

/** A reading under way. */
export interface Reading extends ReadContext {
  found: ReadScript;
  /** How many bodies it is inside of. */
  depth: number;
  /** Reads a statement found in a body, bodies of its own included. */
  readStatement(node: unknown, source: Source, reading: Reading): void;
}

/** Where a nested text begins: `prefix` characters of it are ours, and the rest stands in the file at `base`. */
interface Nesting {
  prefix: number;
  base: number;
}

/** Reads SQL that stands in a body. */
export function readNested(sql: string, { prefix, base }: Nesting, around: Source, reading: Reading): void {
  const parsed = reading.parser.parseSql(sql);
  if (!parsed.ok) {
    unreadable(
      { ...around, start: base },
      `a statement of the body cannot be parsed: ${parsed.error.message}`,
      reading,
    );
    return;
  }
  const verbatim = standsAt(sql.slice(prefix), around.file, base);
  for (const { node, start, end } of parsed.statements) {
    const at = (location: number) =>
      verbatim ? base + Math.max(0, parsed.indexOf(location) - prefix) : base;
    const text = sql.slice(start, end);
    reading.readStatement(node, { ...around, start: base, text, at }, reading);
  }
}

interface Running {
  source: Source;
  offset: number;
  /** What runs the text, for the message. */
  what: string;
}

/**
 * Whether a text of PL/pgSQL's parser stands at a place of the file: it blanks INTO clauses with spaces, folds
 * `%ROWTYPE`, and what differs further on does not matter for finding it.
 */
export function standsAt(text: string, file: string, at: number): boolean {
  const length = Math.min(text.length, 60);
  if (at + length > file.length) return false;
  for (let index = 0; index < length; index++) {
    const char = text[index];
    if (char !== " " && char?.toLowerCase() !== file[at + index]?.toLowerCase()) return false;
  }
  return true;
}

/** Reads SQL that is put together as text: as far as it is known, and saying so where it is not. */
export function runText(expression: unknown, { source, offset, what }: Running, reading: Reading): void {
  const folded = foldText(expression, reading.ownSchema);
  if (!folded.certain) {
    reading.found.remarks.push({
      rule: "dynamic-sql",
      offset,
      message: `${what} SQL that only the run knows`,
    });
  }
  const parsed = reading.parser.parseSql(folded.text);
  if (!parsed.ok) {
    if (folded.certain)
      unreadable(
        { ...source, start: offset },
        `${what} SQL that cannot be parsed: ${parsed.error.message}`,
        reading,
      );
    findSchemas(folded.text, offset, reading);
    return;
  }
  for (const { node, start, end } of parsed.statements) {
    const text = folded.text.slice(start, end);
    reading.readStatement(node, { ...source, start: offset, end: offset, text, at: () => offset }, reading);
  }
}

/** Remarks that a body cannot be read, and still looks for the names of other services in it. */
export function unreadable(source: Source, message: string, reading: Reading): void {
  reading.found.remarks.push({ rule: "unreadable-body", offset: source.start, message });
  findSchemas(source.text, source.start, reading);
}

/** In a text that cannot be parsed, another service's schema before a dot is telling enough. */
function findSchemas(text: string, offset: number, reading: Reading): void {
  for (const schema of reading.otherSchemas) {
    const pattern = new RegExp(`(?<![\\w$.])"?${schema.replaceAll(/[^\w]/g, "\\$&")}"?\\s*\\.`, "i");
    if (!pattern.test(text)) continue;
    reading.found.remarks.push({
      rule: "foreign-schema",
      offset,
      message: `the text names the schema "${schema}"`,
    });
  }
}
