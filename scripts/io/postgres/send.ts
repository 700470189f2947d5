import type { EventEmitter } from "node:events";
import pg from "pg";
import type { Client } from "./connect.ts";

/**
 * Sends a text of one or more statements as one message of the simple query protocol and reports each statement as
 * it completes, by its command tag. Postgres may hold reports back until the message is done.
 */
export async function sendScript(
  client: Client,
  sql: string,
  onCommand: (tag: string) => void,
): Promise<void> {
  const { connection } = client as unknown as { connection: EventEmitter };
  const listener = (message: { text: string }) => onCommand(message.text);
  connection.on("commandComplete", listener);
  try {
    await client.query({ text: sql, rowMode: "array" });
  } finally {
    connection.off("commandComplete", listener);
  }
}

/** Ends an open transaction after an error; on a broken connection the server has done so. */
export async function rollBack(client: Client): Promise<void> {
  await client.query("ROLLBACK").catch(() => {});
}

/**
 * Asks the server to cancel what a connection is running, over a connection of its own, in the way that poolers pass
 * on too. Whether anything was running shows in the running query's outcome.
 */
export function cancelRunning(client: Client, url: string): void {
  const running = client as unknown as { activeQuery: unknown };
  if (!running.activeQuery) return;
  const canceller = new pg.Client({ connectionString: url }) as unknown as {
    cancel(client: Client, query: unknown): void;
    connection: EventEmitter;
  };
  canceller.connection.on("error", () => {});
  canceller.cancel(client, running.activeQuery);
}
