import { nextToken } from "../lexer.ts";
import { languageOf, selectedExpression } from "./dynamic.ts";
import { type BodyPart, readBody } from "./plpgsql.ts";
import { type Reading, readNested, runText, standsAt, unreadable } from "./reading.ts";
import { nameParts, stringOf, unwrap } from "./tree.ts";
import type { Source } from "./unit.ts";

/** Reads the body of a DO block or function in whatever language it has. */
export function readCode(options: ReadonlyMap<string, unknown>, source: Source, reading: Reading): void {
  const code = options.get("as");
  const body = stringOf(code) ?? nameParts(code)?.[0];
  // A body of parsed statements (BEGIN ATOMIC, RETURN) is part of the statement's own tree.
  if (body === undefined) return;
  const language = languageOf(options) ?? "plpgsql";
  const inner = bodySource(source, body);
  if (language === "plpgsql") readPlpgsql(source.text, inner, reading);
  else if (language === "sql") readNested(body, { prefix: 0, base: inner.start }, inner, reading);
  else if (language !== "c" && language !== "internal") {
    unreadable(inner, `the body is written in ${language}, which the guard cannot read`, reading);
  }
}

/** The body's place in the file: exact where it stands there verbatim, else its opening quote. */
function bodySource(source: Source, body: string): Source {
  const { file, start, end } = source;
  const exact = body === "" ? -1 : file.indexOf(body, start);
  if (exact >= 0 && exact < end) return { ...source, start: exact, end: exact + body.length, text: body };
  for (
    let token = nextToken(file, start);
    token.kind !== "end" && token.start < end;
    token = nextToken(file, token.end)
  ) {
    if (token.kind === "string") return { ...source, start: token.start, end: token.end, text: body };
  }
  return { ...source, text: body };
}

function readPlpgsql(statement: string, body: Source, reading: Reading): void {
  const parsed = reading.parser.parsePlpgsql(statement);
  if ("error" in parsed) {
    unreadable(body, `PL/pgSQL's parser stops in the body: ${parsed.error}`, reading);
    return;
  }
  for (const part of readBody(parsed.tree)) readPart(part, body, reading);
}

function readPart(part: BodyPart, body: Source, reading: Reading): void {
  const base = placeOf(part, body);
  switch (part.kind) {
    case "statement":
      readNested(part.text, { prefix: 0, base }, body, reading);
      break;
    case "expression":
      readNested(`SELECT ${part.text}`, { prefix: 7, base }, body, reading);
      break;
    case "assignment":
      readAssignment(part.text, base, body, reading);
      break;
    case "type":
      readType(part.text, base, body, reading);
      break;
    case "transaction-end":
      if (body.origin !== "do") return;
      reading.found.remarks.push({
        rule: "transaction-control",
        offset: base,
        message: `the block runs ${part.text}`,
      });
      return;
    case "dynamic": {
      const sql = `SELECT ${part.text}`;
      readNested(sql, { prefix: 7, base }, body, reading);
      const parsed = reading.parser.parseSql(sql);
      const fields = parsed.ok ? unwrap(parsed.statements[0]?.node, "SelectStmt") : undefined;
      runText(
        fields && selectedExpression(fields),
        { source: body, offset: base, what: "EXECUTE runs" },
        reading,
      );
    }
  }
}

/** Where a part of a body begins in the file: PL/pgSQL tells its line, and its text stands there. */
function placeOf({ text, line }: BodyPart, { file, start, end }: Source): number {
  let from = start;
  for (let left = line - 1; left > 0; left--) {
    const next = file.indexOf("\n", from) + 1;
    if (next === 0 || next >= end) break;
    from = next;
  }
  const [word = ""] = /^[^\s%]*/.exec(text) ?? [];
  for (
    let at = file.indexOf(word, from);
    word !== "" && at >= 0 && at < end;
    at = file.indexOf(word, at + 1)
  ) {
    if (standsAt(text, file, at)) return at;
  }
  return file.slice(from, end).search(/\S/) + from;
}

function readAssignment(text: string, base: number, body: Source, reading: Reading): void {
  for (
    let token = nextToken(text, 0);
    token.kind !== "end" && token.kind !== "broken";
    token = nextToken(text, token.end)
  ) {
    const sign = text[token.start] === ":" && text[token.end] === "=" ? 2 : text[token.start] === "=" ? 1 : 0;
    if (token.kind !== "symbol" || sign === 0) continue;
    const value = token.start + sign;
    readNested(`SELECT ${text.slice(value)}`, { prefix: 7, base: base + value }, body, reading);
    if (text.slice(0, token.start).includes("(")) {
      readNested(`SELECT ${text.slice(0, token.start)}`, { prefix: 7, base }, body, reading);
    }
    return;
  }
}

/** `schema.type`, `schema.table%ROWTYPE`, `schema.table.column%TYPE`; `variable%TYPE` and `table.column%TYPE` name no schema. */
function readType(text: string, base: number, body: Source, reading: Reading): void {
  const [, name = text, suffix = ""] = /^(.*?)%\s*((?:row)?type)/is.exec(text) ?? [];
  const column = suffix.toLowerCase() === "type";
  const parts = splitName(name);
  const type = column ? parts.slice(0, -1) : parts;
  if (type.length > 1) readNested(`SELECT NULL::${type.join(".")}`, { prefix: 13, base }, body, reading);
}

/** The parts of a dotted name, still quoted. */
function splitName(name: string): string[] {
  return name.match(/"(?:[^"]|"")*"|[^."]+/g)?.map((part) => part.trim()) ?? [];
}
