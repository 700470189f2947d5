import { SchemataError } from "../../core/errors.ts";
import { type Client, closeConnection, connect, isConnectionLost, sqlState } from "../postgres/connect.ts";

/** Lends connections, at most `jobs` at once, opened when first needed. */
export interface Connections {
  /** Runs work on a connection of its own, as soon as one is free. */
  use<T>(work: (client: Client) => Promise<T>): Promise<T>;
  /** Whether the server ended one of them: it may have crashed, and with it commits that it had only promised to write. */
  lost(): boolean;
  close(): Promise<void>;
}

/**
 * Starts with the connection that read the facts. Where the server grants no more, fewer jobs do the work; a
 * connection that broke is replaced by a new one.
 */
export function makeConnections(
  first: Client,
  { url, jobs, onFewer }: { url: string; jobs: number; onFewer: (jobs: number) => void },
): Connections {
  const idle: Client[] = [];
  const waiting: (() => void)[] = [];
  const broken = new WeakSet<Client>();
  let limit = Math.max(1, jobs);
  let open = 0;
  let lost = false;

  const adopt = (client: Client): Client => {
    open += 1;
    client.on("end", () => broken.add(client));
    client.on("error", () => broken.add(client));
    return client;
  };
  idle.push(adopt(first));

  const take = async (): Promise<Client> => {
    for (;;) {
      const free = idle.pop();
      if (free) return free;
      if (open < limit) {
        const client = await openOne();
        if (client) return client;
      }
      if (idle.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  const openOne = async (): Promise<Client | undefined> => {
    open += 1;
    try {
      return adopt(await connect(url));
    } catch (error) {
      const full = error instanceof SchemataError && sqlState(error.cause) === "53300";
      if (!full || open === 1) {
        // Nobody will give back what was never had: let the next in the queue find out for itself.
        waiting.shift()?.();
        throw error;
      }
      limit = open - 1;
      onFewer(limit);
      return undefined;
    } finally {
      open -= 1;
    }
  };
  const give = (client: Client): void => {
    if (broken.has(client)) open -= 1;
    else idle.push(client);
    waiting.shift()?.();
  };
  return {
    use: async (work) => {
      const client = await take();
      try {
        return await work(client);
      } catch (error) {
        // What failed work leaves in a session (locks, a statement's late cancellation) ends with the connection.
        lost ||= broken.has(client) || isLoss(error);
        broken.add(client);
        await closeConnection(client);
        throw error;
      } finally {
        give(client);
      }
    },
    lost: () => lost || idle.some((client) => broken.has(client)),
    close: async () => {
      await Promise.all(idle.map(closeConnection));
    },
  };
}

/** The lost connection may be what the error was made of. */
function isLoss(error: unknown): boolean {
  return (
    isConnectionLost(error) || (error instanceof Error && error.cause !== undefined && isLoss(error.cause))
  );
}
