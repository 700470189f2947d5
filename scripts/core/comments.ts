import { nextToken } from "./lexer.ts";

/** The comments of a script, outside of strings and bodies; `offset` is a JavaScript string index. */
export function* readComments(sql: string): Generator<{ text: string; offset: number }> {
  let from = 0;
  for (;;) {
    const token = nextToken(sql, from);
    const gap = sql.slice(from, token.start);
    for (const found of gap.matchAll(/--[^\r\n]*|\/\*(?:[^*]|\*(?!\/))*\*\//g)) {
      yield { text: found[0], offset: from + found.index };
    }
    if (token.kind === "end" || token.kind === "broken") return;
    from = token.end;
  }
}
