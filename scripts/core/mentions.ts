import { nextToken, type Token } from "./lexer.ts";

/** A name with a schema before it, somewhere in a script. */
export interface Mention {
  schema: string;
  name: string;
  /** It follows REFERENCES. */
  referenced: boolean;
}

/** Every `schema.name` in a script, comments and strings left out, the bodies of functions and DO blocks not. */
export function findMentions(sql: string): Mention[] {
  const mentions: Mention[] = [];
  let before: Token | undefined;
  for (let token = nextToken(sql, 0); token.kind !== "end" && token.kind !== "broken"; ) {
    let next = nextToken(sql, token.end);
    if (token.kind === "body") {
      const [tag = ""] = /^\$[^$]*\$/.exec(sql.slice(token.start, token.end)) ?? [];
      mentions.push(...findMentions(sql.slice(token.start + tag.length, token.end - tag.length)));
    } else if (isName(token) && sql.slice(next.start, next.end) === ".") {
      const named = nextToken(sql, next.end);
      if (isName(named)) {
        const referenced =
          before?.kind === "word" && /^references$/i.test(sql.slice(before.start, before.end));
        mentions.push({ schema: readName(sql, token), name: readName(sql, named), referenced });
        // A third part is a column of it.
        token = named;
        next = nextToken(sql, named.end);
      }
    }
    before = token;
    token = next;
  }
  return mentions;
}

function isName({ kind }: Token): boolean {
  return kind === "word" || kind === "name";
}

/** As the database knows it: what is not quoted is folded. */
function readName(sql: string, { kind, start, end }: Token): string {
  const text = sql.slice(start, end);
  return kind === "name" ? text.slice(1, -1).replaceAll('""', '"') : text.toLowerCase();
}
