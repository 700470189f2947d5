import { readTokens, type SchemaToken, type Span, unquoteString, wholeLines } from "./schemaText.ts";

/** One argument of an attribute: `fields: [a, b]` is named, `[a, b]` is not. */
export interface SchemaArgument extends Span {
  name: string | undefined;
  /** Its tokens without blanks and comments, so that equal values have equal texts. */
  value: string;
}

/** `@map("x")`, `@db.VarChar(64)`, `@@id([a, b])`: `name` is what stands behind the @ signs. */
export interface SchemaAttribute extends Span {
  name: string;
  arguments: SchemaArgument[];
}

/** What a block holds: a field, a value of an enum, a block's attribute, or a property such as `schemas = […]`. */
export interface SchemaMember extends Span {
  kind: "field" | "attribute" | "property";
  name: string;
  /** Of a field: its type without arity, such as `String` or `Unsupported("box")`. A value of an enum has none. */
  type: string | undefined;
  arity: "" | "?" | "[]";
  /** Of a field: name, type and each attribute have a span of their own, to be aligned. */
  typeSpan: Span | undefined;
  /** Of a block's attribute: itself. */
  attributes: SchemaAttribute[];
  /** Of a property: where its value stands. */
  value: Span | undefined;
}

/** A `model`, `enum`, `datasource` or the like; from its keyword to its closing brace. */
export interface SchemaBlock extends Span {
  kind: string;
  name: string;
  /** Between the braces. */
  body: Span;
  members: SchemaMember[];
}

/**
 * The blocks of a schema file with the place of everything in them, so that an edit can leave all else as it is.
 * Nothing is judged: what Prisma would refuse is skipped or read as far as it goes.
 */
export function readBlocks(text: string): SchemaBlock[] {
  const tokens = readTokens(text);
  const blocks: SchemaBlock[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const [keyword, name, brace] = tokens.slice(index, index + 3);
    if (keyword?.kind !== "word" || name?.kind !== "word" || brace?.text !== "{") continue;
    const { members, next } = readMembers(tokens, index + 3);
    const close = tokens[next] ?? { start: text.length, end: text.length };
    blocks.push({
      kind: keyword.text,
      name: name.text,
      start: keyword.start,
      end: close.end,
      body: { start: brace.end, end: close.start },
      members,
    });
    index = next;
  }
  return blocks;
}

/** Members end with their line, unless a bracket is open; `next` is the closing brace. */
function readMembers(
  tokens: readonly SchemaToken[],
  from: number,
): { members: SchemaMember[]; next: number } {
  const members: SchemaMember[] = [];
  let line: SchemaToken[] = [];
  let depth = 0;
  const finish = () => {
    const member = readMember(line);
    if (member) members.push(member);
    line = [];
  };
  let next = from;
  for (; next < tokens.length; next++) {
    const token = tokens[next] as SchemaToken;
    if (token.kind === "comment") continue;
    if (token.kind === "newline") {
      if (depth === 0) finish();
      continue;
    }
    if (token.kind === "symbol") {
      if (token.text === "}" && depth === 0) break;
      if ("([{".includes(token.text)) depth += 1;
      if (")]}".includes(token.text)) depth = Math.max(0, depth - 1);
    }
    line.push(token);
  }
  finish();
  return { members, next };
}

function readMember(line: readonly SchemaToken[]): SchemaMember | undefined {
  const [first, second] = line;
  const last = line.at(-1);
  if (!first || !last) return undefined;
  const empty = { type: undefined, arity: "", typeSpan: undefined, value: undefined } as const;
  const span = { start: first.start, end: last.end };
  if (first.text === "@" && second?.text === "@") {
    const [attribute] = readAttributes(line, 0);
    return (
      attribute && { ...span, ...empty, kind: "attribute", name: attribute.name, attributes: [attribute] }
    );
  }
  if (first.kind !== "word") return undefined;
  if (second?.text === "=") {
    const value = { start: line[2]?.start ?? second.end, end: last.end };
    return { ...span, ...empty, kind: "property", name: first.text, attributes: [], value };
  }
  if (second?.kind !== "word")
    return { ...span, ...empty, kind: "field", name: first.text, attributes: readAttributes(line, 1) };
  const typeEnd = line[2]?.text === "(" ? closingOf(line, 2) + 1 : 2;
  const { text: mark, end: markEnd } = line[typeEnd] ?? second;
  const optional = typeEnd < line.length && mark === "?";
  const list = typeEnd < line.length && mark === "[" && line[typeEnd + 1]?.text === "]";
  const end = list ? line[typeEnd + 1]?.end : optional ? markEnd : line[typeEnd - 1]?.end;
  return {
    ...span,
    kind: "field",
    name: first.text,
    type: joinTokens(line.slice(1, typeEnd)),
    arity: list ? "[]" : optional ? "?" : "",
    typeSpan: { start: second.start, end: end ?? second.end },
    attributes: readAttributes(line, typeEnd),
    value: undefined,
  };
}

function readAttributes(line: readonly SchemaToken[], from: number): SchemaAttribute[] {
  const attributes: SchemaAttribute[] = [];
  for (let index = from; index < line.length; index++) {
    const first = line[index];
    if (first?.text !== "@") continue;
    if (line[index + 1]?.text === "@") index += 1;
    const parts: SchemaToken[] = [];
    while (line[index + 1]?.kind === "word" || line[index + 1]?.text === ".") {
      index += 1;
      parts.push(line[index] as SchemaToken);
    }
    const opening = line[index + 1]?.text === "(" ? index + 1 : undefined;
    const closing = opening === undefined ? index : closingOf(line, opening);
    attributes.push({
      start: first.start,
      end: line[closing]?.end ?? first.end,
      name: joinTokens(parts),
      arguments: opening === undefined ? [] : readArguments(line.slice(opening + 1, closing)),
    });
    index = closing;
  }
  return attributes;
}

function readArguments(tokens: readonly SchemaToken[]): SchemaArgument[] {
  const found: SchemaToken[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === "symbol" && "([{".includes(token.text)) depth += 1;
    if (token.kind === "symbol" && ")]}".includes(token.text)) depth -= 1;
    if (depth === 0 && token.text === ",") found.push([]);
    else found.at(-1)?.push(token);
  }
  return found.flatMap((part) => {
    const [first, second] = part;
    const last = part.at(-1);
    if (!first || !last) return [];
    const isNamed = first.kind === "word" && second?.text === ":";
    const value = joinTokens(isNamed ? part.slice(2) : part);
    return [{ name: isNamed ? first.text : undefined, value, start: first.start, end: last.end }];
  });
}

/** The index of the bracket that closes the one at `opening`, or the last token. */
function closingOf(line: readonly SchemaToken[], opening: number): number {
  let depth = 0;
  for (let index = opening; index < line.length; index++) {
    const { kind, text } = line[index] as SchemaToken;
    if (kind !== "symbol") continue;
    if ("([{".includes(text)) depth += 1;
    if (")]}".includes(text)) depth -= 1;
    if (depth === 0) return index;
  }
  return line.length - 1;
}

function joinTokens(tokens: readonly SchemaToken[]): string {
  return tokens.map(({ text }) => text).join("");
}

/** The attribute of that name of a field or value, or of a whole block. */
export function findAttribute(
  { attributes, members }: { attributes?: readonly SchemaAttribute[]; members?: readonly SchemaMember[] },
  name: string,
): SchemaAttribute | undefined {
  const all =
    attributes ?? (members ?? []).flatMap((member) => (member.kind === "attribute" ? member.attributes : []));
  return all.find((attribute) => attribute.name === name);
}

/** The argument of that name, or, since Prisma lets most do without a name, the first that has none. */
export function findArgument(
  attribute: SchemaAttribute | undefined,
  name: string,
): SchemaArgument | undefined {
  const list = attribute?.arguments ?? [];
  return list.find((one) => one.name === name) ?? list.find((one) => one.name === undefined);
}

/** The text in `@map("text")` or `@@schema("text")`. */
export function readName(attribute: SchemaAttribute | undefined): string | undefined {
  const value = findArgument(attribute, "name")?.value;
  return value?.startsWith('"') ? unquoteString(value) : undefined;
}

/** A block with the comments that stand on the lines right above it, as whole lines: what to take out, or to put elsewhere. */
export function blockLines(text: string, { start, end }: Span): Span {
  const lines = wholeLines(text, { start, end });
  const above = readTokens(text.slice(0, lines.start));
  let first = lines.start;
  while (above.at(-1)?.kind === "newline") {
    const comment = above.at(-2);
    const before = above.at(-3);
    if (comment?.kind !== "comment" || (before && before.kind !== "newline")) break;
    first = wholeLines(text, comment).start;
    above.splice(-2);
  }
  return { start: first, end: lines.end };
}
