import { OPAQUE } from "../schemaText.ts";

/** A block of a schema file as it stands there, from its keyword to its closing brace. */
export interface Piece {
  kind: string;
  name: string;
  text: string;
}

const TOKEN = new RegExp(`${OPAQUE}|[{}]`, "gu");
const COMMENT = /\/\/[^\r\n]*|\/\*[\s\S]*?\*\//g;
const HEAD = /^\s*(\w+)\s+([\p{L}\p{N}_-]+)\s*$/u;

/**
 * Cuts a schema file into its blocks, without reading what they hold: a file of a hundred models takes a millisecond.
 * `undefined` where anything else than blocks and comments stands in it, a brace is missing, or a name comes twice.
 */
export function cutIntoPieces(text: string): Piece[] | undefined {
  const pieces: Piece[] = [];
  const names = new Set<string>();
  let depth = 0;
  let end = 0;
  let head: RegExpExecArray | null = null;
  let start = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === "{") {
      if (depth === 0) {
        const before = blankComments(text.slice(end, index));
        head = HEAD.exec(before);
        if (!head) return undefined;
        start = end + before.search(/\S/);
      }
      depth += 1;
    } else if (token === "}") {
      depth -= 1;
      if (depth < 0) return undefined;
      if (depth > 0) continue;
      const [, kind = "", name = ""] = head ?? [];
      if (names.has(name)) return undefined;
      names.add(name);
      end = index + 1;
      pieces.push({ kind, name, text: text.slice(start, end) });
    }
  }
  return depth === 0 && blankComments(text.slice(end)).trim() === "" ? pieces : undefined;
}

/** As long as before, so that places stay what they are. */
function blankComments(text: string): string {
  return text.replaceAll(COMMENT, (comment) => " ".repeat(comment.length));
}
