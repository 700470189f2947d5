import { fail } from "../../core/errors.ts";
import { indexOfPosition, locate } from "../../core/locate.ts";
import { parseSql } from "../parser.ts";
import { type Client, sqlState } from "./connect.ts";

/**
 * Runs a script statement by statement, each committed for itself, as psql does: not every statement may run in a
 * transaction. A failure names `file` with line and column, and `fix`.
 */
export async function runScript(
  client: Client,
  sql: string,
  { file, fix }: { file: string; fix: string },
): Promise<void> {
  const failAt = (offset: number, message: string, why: string): never => {
    const { line, column } = locate(sql, offset);
    return fail({ fact: `${file}:${line}:${column}: ${message}`, why, fix });
  };
  const parsed = await parseSql(sql);
  if (!parsed.ok) {
    const { message, offset } = parsed.error;
    return failAt(offset, message, "it is read as plain SQL; psql's commands with a backslash are none");
  }
  for (const { start, end } of parsed.statements) {
    const text = sql.slice(start, end);
    try {
      await client.query(text);
    } catch (error) {
      const position = Number((error as { position?: string }).position ?? 1);
      const message = `${error instanceof Error ? error.message : error} (SQLSTATE ${sqlState(error) ?? "unknown"})`;
      const why = `the statement\n${text.split("\n").slice(0, 6).join("\n")}`;
      failAt(start + indexOfPosition(text, position), message, why);
    }
  }
}
