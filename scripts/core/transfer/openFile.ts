import { readDefinitions } from "../models.ts";
import { blockLines, findAttribute, readBlocks, readName, type SchemaMember } from "../schemaBlocks.ts";
import { applyEdits, lineBreakOf, type TextEdit, wholeLines } from "../schemaText.ts";

/** A service's schema file. */
export interface SchemaFile {
  /** The service's name. */
  name: string;
  schema: string;
  /** Its path, for messages. */
  file: string;
  text: string;
}

/** A member of a block with its whole lines, and the blank and comment lines above them. */
export interface Part {
  member: SchemaMember;
  text: string;
  /** Where the member's type stands in `text`; -1: it has none. */
  typeAt: number;
}

/** A model or enum that may be changed. */
export interface OpenBlock {
  kind: "model" | "enum";
  name: string;
  schema: string;
  inDatabase: string;
  /** From the comments above it to the opening brace. */
  head: string;
  parts: Part[];
  /** From the last member to the closing brace and its line's end. */
  tail: string;
}

/** A schema file that is being changed; what nobody touches stays byte for byte. */
export interface OpenFile {
  file: SchemaFile;
  blocks: OpenBlock[];
  finish(): string;
}

/** Opens a schema file; `finish` gives its text after all changes to `blocks`, with the schemas that these lie in. */
export function openFile(file: SchemaFile): OpenFile {
  const lineBreak = lineBreakOf(file.text);
  const plain = file.text.replaceAll("\r\n", "\n");
  const text = plain.endsWith("\n") ? plain : `${plain}\n`;
  const places = new Map<OpenBlock, { start: number; end: number; was: string }>();
  for (const { kind, name, schema, inDatabase, block } of readDefinitions(text, file.schema)) {
    const { start, end } = blockLines(text, block);
    const parts: Part[] = [];
    let from = wholeLines(text, { start: block.body.start, end: block.body.start }).end;
    const head = text.slice(start, from);
    for (const member of block.members) {
      const lines = wholeLines(text, member);
      const typeAt = member.typeSpan ? member.typeSpan.start - from : -1;
      parts.push({ member, text: text.slice(from, lines.end), typeAt });
      from = lines.end;
    }
    const opened: OpenBlock = { kind, name, schema, inDatabase, head, parts, tail: text.slice(from, end) };
    places.set(opened, { start, end, was: renderBlock(opened) });
  }
  const blocks = [...places.keys()];
  const finish = () => {
    const edits: TextEdit[] = [...places].flatMap(([block, { was, ...span }]) => {
      if (!blocks.includes(block)) return [{ ...withGap(text, span), text: "" }];
      return renderBlock(block) === was ? [] : [{ ...span, text: renderBlock(block) }];
    });
    edits.push(...listSchemas(text, file.schema, blocks));
    const added = blocks
      .filter((block) => !places.has(block))
      .map((block) => `\n${renderBlock(block).trimStart()}`);
    return (applyEdits(text, edits).replace(/\n+$/, "\n") + added.join("")).replaceAll("\n", lineBreak);
  };
  return { file, blocks, finish };
}

function renderBlock({ head, parts, tail }: OpenBlock): string {
  return head + parts.map((part) => part.text).join("") + tail;
}

/** A block to be taken out, with the empty lines below it. */
function withGap(
  text: string,
  { start, end }: { start: number; end: number },
): { start: number; end: number } {
  const [gap = ""] = /^\n*/.exec(text.slice(end)) ?? [];
  return { start, end: end + gap.length };
}

/** The datasource's `schemas`, where they are no longer those that the blocks lie in. */
function listSchemas(text: string, own: string, blocks: readonly OpenBlock[]): TextEdit[] {
  const datasource = readBlocks(text).find(({ kind }) => kind === "datasource");
  const value = datasource?.members.find(({ name }) => name === "schemas")?.value;
  if (!value) return [];
  const listed = [...text.slice(value.start, value.end).matchAll(/"(?:\\.|[^"\\\n])*"/g)].map(
    ([quoted]) => JSON.parse(quoted) as string,
  );
  const used = new Set([own, ...blocks.map(({ schema }) => schema)]);
  const wanted = [
    ...listed.filter((schema) => used.has(schema)),
    ...[...used].filter((schema) => !listed.includes(schema)),
  ];
  if (wanted.join("\0") === listed.join("\0")) return [];
  return [{ ...value, text: `[${wanted.map((schema) => JSON.stringify(schema)).join(", ")}]` }];
}

/** The name in `@relation("name", …)`, and whether the field holds the columns. */
export function relationOf({ member }: Part): { name: string | undefined; owning: boolean } {
  const attribute = findAttribute(member, "relation");
  return {
    name: readName(attribute),
    owning: attribute?.arguments.some(({ name }) => name === "fields") ?? false,
  };
}

/** The fields of a block. */
export function fieldParts({ parts }: OpenBlock): Part[] {
  return parts.filter(({ member }) => member.kind === "field");
}

export function removeField(block: OpenBlock, name: string): void {
  block.parts = block.parts.filter(({ member }) => member.kind !== "field" || member.name !== name);
}

/** A member without the blank and comment lines above it. */
export function bare(part: Part): Part {
  const lines = part.text.split("\n");
  const first = lines.findIndex((line) => !/^\s*(?:\/\/.*)?$/.test(line));
  const cut = lines.slice(0, Math.max(0, first)).join("\n").length + (first > 0 ? 1 : 0);
  return { ...part, text: part.text.slice(cut), typeAt: part.typeAt === -1 ? -1 : part.typeAt - cut };
}

/** Puts fields behind those that there are. */
export function addFields(block: OpenBlock, fields: readonly Part[]): void {
  const last = block.parts.findLastIndex(({ member }) => member.kind === "field");
  block.parts.splice(last + 1, 0, ...fields.map(bare));
}

/** The field with another type, arity and all else as it was. */
export function withType(part: Part, type: string): Part {
  const { member, text, typeAt } = part;
  if (typeAt === -1) return part;
  const after = text.slice(typeAt + (member.type ?? "").length);
  return { member: { ...member, type }, text: text.slice(0, typeAt) + type + after, typeAt };
}

/** Puts a block into another schema. */
export function setSchema(block: OpenBlock, schema: string): void {
  block.schema = schema;
  const others = block.parts.filter(({ member }) => member.kind !== "attribute" || member.name !== "schema");
  const known = block.parts.find(({ member }) => member.kind === "attribute" && member.name === "schema");
  const text = `  @@schema(${JSON.stringify(schema)})\n`;
  const member: SchemaMember = known?.member ?? {
    ...{ start: 0, end: 0, kind: "attribute", name: "schema", type: undefined, arity: "" },
    ...{ typeSpan: undefined, attributes: [], value: undefined },
  };
  const first = !others.some((part) => part.member.kind === "attribute");
  const [gap = ""] = /^\n*/.exec(known?.text ?? (first ? "\n" : "")) ?? [];
  block.parts = [...others, { member, text: gap + text, typeAt: -1 }];
}
