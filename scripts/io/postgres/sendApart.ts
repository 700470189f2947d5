import pg from "pg";
import { indexOfPosition } from "../../core/locate.ts";
import { parseSql } from "../parser.ts";
import type { Client } from "./connect.ts";
import { sendScript } from "./send.ts";

/**
 * As {@link sendScript}, with each statement in a message of its own: Citus refuses many schema changes in a message
 * of several (42601, `cannot insert multiple commands into a prepared statement`). Positions of errors are as if all
 * had been one message.
 */
export async function sendApart(
  client: Client,
  sql: string,
  onCommand: (tag: string) => void,
): Promise<void> {
  const parsed = await parseSql(sql);
  // What the parser rejects, the server explains better, and runs nothing of.
  if (!parsed.ok) return sendScript(client, sql, onCommand);
  for (const { start, end } of parsed.statements) {
    const text = sql.slice(start, end);
    try {
      await sendScript(client, text, onCommand);
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.position !== undefined) {
        const index = start + indexOfPosition(text, Number(error.position));
        error.position = String(Array.from(sql.slice(0, index)).length + 1);
      }
      throw error;
    }
  }
}
