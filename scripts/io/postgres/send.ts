import type { EventEmitter } from "node:events";
import pg from "pg";
import { parseTarget } from "../../../prisma/engine/connection.ts";
import type { Client } from "./connect.ts";

/** What of node-postgres' client a request to cancel needs. */
interface Cancellable {
  connection: EventEmitter & {
    connect(port: number | string, host?: string): void;
    cancel(processID: number, secretKey: number): void;
  };
  host: string;
  port: number;
  processID: number;
  secretKey: number;
  _activeQuery: unknown;
}

/** What of node-postgres' connection a query of our own needs. */
interface Wire {
  query(sql: string): void;
  sendCopyFail(reason: string): void;
}

/**
 * Sends a text of one or more statements as one message of the simple query protocol and reports each statement as
 * it completes, by its command tag. Postgres may hold reports back until the message is done. Rows are dropped as
 * they arrive: a script's answers interest nobody, and there may be many.
 */
export function sendScript(client: Client, sql: string, onCommand: (tag: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const query = {
      submit: (connection: Wire) => connection.query(sql),
      handleRowDescription: () => {},
      handleDataRow: () => {},
      handlePortalSuspended: () => {},
      handleEmptyQuery: () => {},
      handleCommandComplete: ({ text }: { text: string }) => onCommand(text),
      handleCopyInResponse: (connection: Wire) =>
        connection.sendCopyFail("a migration has no data to copy from"),
      handleCopyData: () => {},
      // After an error the client forgets the query; what is sent next waits for the server to be ready again.
      handleError: reject,
      handleReadyForQuery: () => resolve(),
    };
    client.query(query as unknown as pg.Submittable);
  });
}

/** What is sent and not waited for yet: a failure is heard by whoever waits for it then, and by nobody before. */
export function inFlight<T>(sent: Promise<T>): Promise<T> {
  sent.catch(() => {});
  return sent;
}

/** Ends an open transaction after an error, and runs `then`; on a broken connection the server has done so. */
export async function rollBack(client: Client, then = ""): Promise<void> {
  await client.query(`ROLLBACK;\n${then}`).catch(() => {});
}

/**
 * Asks the server to cancel what a connection is running, over a connection of its own, in the way that poolers pass
 * on too. Whether anything was running shows in the running query's outcome.
 */
export function cancelRunning(client: Client, url: string): void {
  const { _activeQuery, processID, secretKey } = client as unknown as Cancellable;
  if (!_activeQuery) return;
  const { connection, host, port } = new pg.Client(parseTarget(url).config) as unknown as Cancellable;
  // node-postgres' own way to cancel knows no encrypted connections, and warns of itself.
  const cancel = () => connection.cancel(processID, secretKey);
  connection.on("error", () => {});
  connection.once("connect", cancel);
  connection.once("sslconnect", cancel);
  if (host.startsWith("/")) connection.connect(`${host}/.s.PGSQL.${port}`);
  else connection.connect(port, host);
}
