/** One token of SQL text; `start` and `end` are JavaScript string indices, `end` exclusive. */
export interface Token {
  /** `broken`: a string, quoted name, dollar quote or comment that never ends. */
  kind: "word" | "name" | "string" | "body" | "symbol" | "broken" | "end";
  start: number;
  end: number;
}

const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const NUMBER = /\d[\w.]*/y;

/** The token at or after an index, past white space and comments (which nest in Postgres); `end` at the text's end. */
export function nextToken(sql: string, from: number): Token {
  const start = skipBlank(sql, from);
  if (start < 0) return { kind: "broken", start: from, end: sql.length };
  if (start >= sql.length) return { kind: "end", start: sql.length, end: sql.length };
  const char = sql[start];
  if (char === "'") return { kind: "string", start, ...closing(sql, start, "'", false) };
  if (char === '"') return { kind: "name", start, ...closing(sql, start, '"', false) };
  if (char === "$") return dollarToken(sql, start);
  const word = match(WORD, sql, start);
  if (word > start) {
    const escapes = word - start === 1 && (char === "e" || char === "E") && sql[word] === "'";
    if (escapes) return { kind: "string", start, ...closing(sql, word, "'", true) };
    return { kind: "word", start, end: word };
  }
  const number = match(NUMBER, sql, start);
  return { kind: "symbol", start, end: number > start ? number : start + 1 };
}

/** Where the last token of `sql.slice(from, to)` ends: leaves out trailing white space and comments. */
export function lastTokenEnd(sql: string, from: number, to: number): number {
  const text = sql.slice(from, to);
  let end = 0;
  for (let token = nextToken(text, 0); token.kind !== "end"; token = nextToken(text, token.end)) {
    end = token.end;
    if (token.kind === "broken") break;
  }
  return from + end;
}

/** The index of the first character that is neither white space nor comment; -1 when a comment never ends. */
function skipBlank(sql: string, from: number): number {
  let at = from;
  for (;;) {
    const code = sql.charCodeAt(at);
    if (code === 32 || (code >= 9 && code <= 13) || code === 0xfeff) at++;
    else if (code === 45 && sql.charCodeAt(at + 1) === 45) {
      while (at < sql.length && sql[at] !== "\n" && sql[at] !== "\r") at++;
    } else if (code === 47 && sql.charCodeAt(at + 1) === 42) {
      at = commentEnd(sql, at);
      if (at < 0) return -1;
    } else return at;
  }
}

function commentEnd(sql: string, from: number): number {
  let depth = 0;
  const fence = /\/\*|\*\//g;
  fence.lastIndex = from;
  for (let found = fence.exec(sql); found; found = fence.exec(sql)) {
    depth += found[0] === "/*" ? 1 : -1;
    if (depth === 0) return fence.lastIndex;
  }
  return -1;
}

/** From an opening quote to its closing one; a doubled quote stands for itself, a backslash too where it escapes. */
function closing(
  sql: string,
  open: number,
  quote: string,
  backslash: boolean,
): Partial<Token> & { end: number } {
  for (let at = open + 1; at < sql.length; at++) {
    if (backslash && sql[at] === "\\") at++;
    else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return { end: at + 1 };
      at++;
    }
  }
  return { kind: "broken", end: sql.length };
}

function dollarToken(sql: string, start: number): Token {
  const open = match(DOLLAR_QUOTE, sql, start);
  if (open === start) return { kind: "symbol", start, end: start + 1 };
  const tag = sql.slice(start, open);
  const close = sql.indexOf(tag, open);
  if (close < 0) return { kind: "broken", start, end: sql.length };
  return { kind: "body", start, end: close + tag.length };
}

function match(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : at;
}
