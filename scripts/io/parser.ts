import type { Node, RawStmt } from "libpg-query";
import { lastTokenEnd } from "../core/lexer.ts";
import type { ParsedScript, ParsedStatement, ScriptError, SqlParser } from "../core/parse.ts";

type Parser = typeof import("libpg-query");

let loading: Promise<Parser> | undefined;

/** Parses a script by PostgreSQL 18's own grammar; the parser (1.7 MB of WebAssembly) is loaded at the first call. */
export async function parseSql(text: string): Promise<ParsedScript> {
  return readSql(await loadParser(), text);
}

/** Loads both of PostgreSQL's parsers for whoever has much to ask of them. */
export async function loadSqlParser(): Promise<SqlParser> {
  const parser = await loadParser();
  return {
    parseSql: (text) => readSql(parser, text),
    parsePlpgsql: (statement) => readPlpgsql(parser, statement),
  };
}

function loadParser(): Promise<Parser> {
  loading ??= import("libpg-query").then(async (parser) => {
    await parser.loadModule();
    return parser;
  });
  return loading;
}

function readSql(parser: Parser, text: string): ParsedScript {
  const bom = text.startsWith("\uFEFF") ? 1 : 0;
  const sql = bom ? text.slice(1) : text;
  const nul = sql.indexOf("\0");
  if (nul >= 0) {
    const message = "the script holds a NUL character: is the file UTF-16 instead of UTF-8?";
    return { ok: false, error: { kind: "nul", message, offset: nul + bom } };
  }
  if (sql === "") return { ok: true, statements: [], indexOf: (location) => location + bom };
  const indexIn = byteIndex(sql);
  const indexOf = (location: number) => indexIn(location) + bom;
  try {
    const { stmts = [] } = parser.parseSync(sql);
    return {
      ok: true,
      statements: stmts.flatMap((raw) => readStatement(raw, text, indexOf, parser)),
      indexOf,
    };
  } catch (error) {
    return { ok: false, error: scriptError(error, sql, bom) };
  }
}

function readPlpgsql(parser: Parser, statement: string): { tree: unknown } | { error: string } {
  try {
    return { tree: parser.parsePlPgSQLSync(statement) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function readStatement(
  raw: RawStmt,
  text: string,
  indexOf: (byte: number) => number,
  parser: Parser,
): ParsedStatement[] {
  const node = raw.stmt;
  if (!node) return [];
  const start = indexOf(raw.stmt_location ?? 0);
  const limit = raw.stmt_len ? indexOf((raw.stmt_location ?? 0) + raw.stmt_len) : text.length;
  const end = lastTokenEnd(text, start, limit);
  const endsTransactions = findTransactionEnd(node, text.slice(start, end), parser);
  return [{ kind: Object.keys(node)[0] ?? "", node, start, end, endsTransactions }];
}

/** Whether a DO block or procedure commits or rolls back, as PL/pgSQL's parser sees it; unparsable bodies count as they read. */
function findTransactionEnd(node: Node, text: string, parser: Parser): boolean {
  const code =
    "DoStmt" in node || ("CreateFunctionStmt" in node && node.CreateFunctionStmt.is_procedure === true);
  if (!code || !/commit|rollback/i.test(text)) return false;
  const read = readPlpgsql(parser, text);
  if ("error" in read) return /\b(?:commit|rollback)\s*(?:;|and\b)/i.test(text);
  return /"PLpgSQL_stmt_(?:commit|rollback)"/.test(JSON.stringify(read.tree));
}

function scriptError(error: unknown, sql: string, bom: number): ScriptError {
  const details = (error as { sqlDetails?: { message: string; cursorPosition: number } }).sqlDetails;
  if (details) {
    // Unlike locations in the tree, the cursor counts code points.
    const before = Array.from(sql).slice(0, details.cursorPosition).join("");
    return { kind: "syntax", message: details.message, offset: before.length + bom };
  }
  if (error instanceof RangeError || (error as Error).name === "RuntimeError") {
    return { kind: "too-complex", message: "the script nests too deeply for the parser", offset: bom };
  }
  throw error;
}

/** Converts UTF-8 byte offsets of a text to JavaScript string indices; cheap when the text is all ASCII. */
function byteIndex(text: string): (byte: number) => number {
  const first = text.search(/[^\0-\x7f]/);
  if (first < 0) return (byte) => byte;
  const bytes = Buffer.from(text);
  let knownByte = first;
  let knownIndex = first;
  return (byte) => {
    if (byte <= first) return byte;
    if (byte < knownByte) {
      knownByte = first;
      knownIndex = first;
    }
    knownIndex += bytes.toString("utf8", knownByte, byte).length;
    knownByte = byte;
    return knownIndex;
  };
}
