import type { Node } from "libpg-query";

/** One statement of a script, as PostgreSQL's own parser sees it. */
export interface ParsedStatement {
  /** The parse node's name, such as `CreateStmt`. */
  kind: string;
  node: Node;
  /** JavaScript string index of the first token. */
  start: number;
  /** JavaScript string index behind the last token; the semicolon is left out. */
  end: number;
  /** The body of a DO block or of a PL/pgSQL procedure holds COMMIT or ROLLBACK. */
  endsTransactions: boolean;
}

/** What the parser makes of a script: its statements, or the one place where it stops understanding. */
export type ParsedScript =
  | {
      ok: true;
      statements: ParsedStatement[];
      /** Turns a parse node's `location`, a UTF-8 byte offset, into a JavaScript string index. */
      indexOf(location: number): number;
    }
  | { ok: false; error: ScriptError };

/** Why a script cannot be parsed; `offset` is a JavaScript string index. */
export interface ScriptError {
  kind: "syntax" | "too-complex" | "nul";
  /** Postgres' own words where it has any. */
  message: string;
  offset: number;
}

/** PostgreSQL's own parsers, as io lends them; both answer at once. */
export interface SqlParser {
  parseSql(text: string): ParsedScript;
  /** Takes the whole text of a CREATE FUNCTION, CREATE PROCEDURE or DO statement. */
  parsePlpgsql(statement: string): { tree: unknown } | { error: string };
}
