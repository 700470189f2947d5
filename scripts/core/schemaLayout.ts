import type { SchemaBlock, SchemaMember } from "./schemaBlocks.ts";
import { lineBreakOf, type Span, type TextEdit, wholeLines } from "./schemaText.ts";

/**
 * The fields of a block in runs: lines that follow each other, comments among them. `prisma format` aligns each run
 * for itself.
 */
export function fieldRuns(text: string, { members, body }: SchemaBlock): SchemaMember[][] {
  const runs: SchemaMember[][] = [];
  let end = body.start;
  for (const member of members) {
    const parted = /(?:\r?\n|\r(?!\n))[^\S\r\n]*(?:\r?\n|\r(?!\n))/.test(text.slice(end, member.start));
    end = member.end;
    if (member.kind !== "field") continue;
    if (parted || runs.length === 0) runs.push([]);
    runs.at(-1)?.push(member);
  }
  return runs;
}

/** The edits that bring a run into columns as `prisma format` does: names, types, attributes. Only blanks change. */
export function alignRun(text: string, run: readonly SchemaMember[]): TextEdit[] {
  const names = Math.max(...run.map(({ name }) => name.length));
  const types = Math.max(...run.map(({ typeSpan }) => lengthOf(typeSpan)));
  return run.flatMap((member) => {
    const { start, name, typeSpan, attributes } = member;
    const nameEnd = start + name.length;
    const first = attributes[0]?.start;
    const gap = names - name.length + 1;
    if (!typeSpan) return first === undefined ? [] : setBlanks(text, { start: nameEnd, end: first }, gap);
    return [
      ...setBlanks(text, { start: nameEnd, end: typeSpan.start }, gap),
      ...(first === undefined
        ? []
        : setBlanks(text, { start: typeSpan.end, end: first }, types - lengthOf(typeSpan) + 1)),
    ];
  });
}

function lengthOf(span: Span | undefined): number {
  return span ? span.end - span.start : 0;
}

function setBlanks(text: string, span: Span, count: number): TextEdit[] {
  const wanted = " ".repeat(count);
  const present = text.slice(span.start, span.end);
  return present === wanted || present.trim() !== "" ? [] : [{ ...span, text: wanted }];
}

/** The lines of a field or value, with the `///` comments above them, which are about it. */
export function fieldLines(text: string, member: Span): Span {
  const lines = wholeLines(text, member);
  let { start } = lines;
  for (;;) {
    const above = start === 0 ? undefined : wholeLines(text, { start: start - 1, end: start - 1 });
    if (!above || !/^\s*\/\/\//.test(text.slice(above.start, above.end))) return { start, end: lines.end };
    start = above.start;
  }
}

/** The blanks that the lines of a block begin with. */
export function indentOf(text: string, { members }: SchemaBlock): string {
  const [first] = members;
  if (!first) return "  ";
  const [indent = ""] = /^[^\S\r\n]*/.exec(text.slice(wholeLines(text, first).start)) ?? [];
  return indent;
}

/** The index of the line behind a field or value; without one, of the first line of the block. */
export function placeAfter(text: string, block: SchemaBlock, member: SchemaMember | undefined): number {
  return member
    ? wholeLines(text, member).end
    : wholeLines(text, { start: block.body.start, end: block.body.start }).end;
}

/** Inserts a line at the beginning of another. */
export function insertLine(text: string, at: number, line: string): TextEdit {
  return { start: at, end: at, text: line + lineBreakOf(text) };
}

/** Takes a span out. */
export function remove(span: Span): TextEdit {
  return { start: span.start, end: span.end, text: "" };
}
