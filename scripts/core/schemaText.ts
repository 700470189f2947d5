/** A stretch of a text by JavaScript string indices; `end` lies behind it. */
export interface Span {
  start: number;
  end: number;
}

/** A piece of a schema file that means something; comments are kept, blanks are not. */
export interface SchemaToken extends Span {
  kind: "word" | "string" | "symbol" | "newline" | "comment";
  text: string;
}

/** A comment or a string, in which nothing means what it means elsewhere; a pattern's source. */
export const OPAQUE = /\/\/[^\r\n]*|\/\*[\s\S]*?\*\/|"(?:\\[^\r\n]|[^"\\\r\n])*"?/u.source;

const TOKEN = new RegExp(`\\r\\n|\\n|\\r|${OPAQUE}|[\\p{L}\\p{N}_][\\p{L}\\p{N}_-]*|\\S`, "gu");

/** The tokens of a schema file: a brace in a comment or a string is none. */
export function readTokens(text: string): SchemaToken[] {
  return [...eachToken(text)];
}

/** The same one by one, for whoever needs only the first of them: large files have many. */
export function* eachToken(text: string): Generator<SchemaToken> {
  for (const { 0: found, index } of text.matchAll(TOKEN)) {
    yield { kind: kindOf(found), text: found, start: index, end: index + found.length };
  }
}

function kindOf(token: string): SchemaToken["kind"] {
  const [first = ""] = token;
  if (first === "\n" || first === "\r") return "newline";
  if (first === '"') return "string";
  if (first === "/" && token.length > 1) return "comment";
  return /^[\p{L}\p{N}_]/u.test(token) ? "word" : "symbol";
}

/** The text that a string token stands for; where Prisma would refuse it, what lies between its quotes. */
export function unquoteString(token: string): string {
  try {
    return JSON.parse(token) as string;
  } catch {
    return token.slice(1, -1);
  }
}

/** A replacement in a text; an empty span inserts. */
export interface TextEdit extends Span {
  text: string;
}

/** The text after edits that do not overlap, in any order; what they don't name stays byte for byte. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  let position = 0;
  let result = "";
  for (const edit of [...edits].sort((a, b) => a.start - b.start || a.end - b.end)) {
    result += text.slice(position, edit.start) + edit.text;
    position = edit.end;
  }
  return result + text.slice(position);
}

/** The whole lines that a span lies in, their last line break included. */
export function wholeLines(text: string, { start, end }: Span): Span {
  // The line feed of a pair belongs to the line that the pair ends.
  const from = text.startsWith("\r\n", start - 1) ? start - 1 : start;
  const before = Math.max(text.lastIndexOf("\n", from - 1), text.lastIndexOf("\r", from - 1));
  const rest = /\r\n|\n|\r/g;
  rest.lastIndex = end;
  const found = rest.exec(text);
  return { start: from <= 0 ? 0 : before + 1, end: found ? found.index + found[0].length : text.length };
}

/** The line break that a text uses; the first one decides. */
export function lineBreakOf(text: string): string {
  return /\r\n|\n|\r/.exec(text)?.[0] ?? "\n";
}
