import type { ApplyJob } from "./apply.ts";
import { type Client, closeConnection, connect } from "./connect.ts";
import type { ApplyEvent, LockHolder } from "./events.ts";
import { readHolders } from "./holders.ts";

/** A transaction that takes longer than this may be waiting for somebody. */
const FIRST_LOOK_MS = 1_000;
const NEXT_LOOK_MS = 2_000;
const SOONEST_LOOK_MS = 20;

/** Looks, over a connection of its own, at what keeps running transactions waiting. */
export interface Watch {
  /** Watches what is about to be sent until the returned function is called. */
  (client: Client, running: { job: ApplyJob; migration: () => string | undefined }): () => void;
  /** Who was last seen in a connection's way; empty where nobody was. */
  lastHolders(client: Client): LockHolder[];
  close(): Promise<void>;
}

/** Opens its connection only when a transaction has run for a while. `pidOf` is undefined behind a pooler. */
export function makeWatch({
  url,
  pidOf,
  emit,
}: {
  url: string;
  pidOf: (client: Client) => number | undefined;
  emit: (event: ApplyEvent) => void;
}): Watch {
  let opened: Promise<Client> | undefined;
  const seen = new WeakMap<Client, LockHolder[]>();
  const look = async (client: Client, { job, migration }: Parameters<Watch>[1]): Promise<void> => {
    opened ??= connect(url, { applicationName: "schemata watch" });
    const holders = await readHolders(await opened, { pid: pidOf(client), ...job.rules });
    const before = seen.get(client);
    seen.set(client, holders);
    const isNews = holders.length > 0 && before?.[0]?.pid !== holders[0]?.pid;
    if (isNews) emit({ kind: "waiting", service: job.service.name, migration: migration() ?? "", holders });
  };
  const watch = (client: Client, running: Parameters<Watch>[1]) => {
    seen.delete(client);
    let timer: NodeJS.Timeout;
    let stopped = false;
    const shortest = shortestWait(running.job.rules);
    const next = (delay: number) => {
      timer = setTimeout(() => {
        // Without a connection to look through, waiting is only less well explained.
        look(client, running)
          .catch(() => {})
          .finally(() => stopped || next(Math.min(NEXT_LOOK_MS, shortest)));
      }, delay);
    };
    next(Math.min(FIRST_LOOK_MS, shortest));
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  };
  return Object.assign(watch, {
    lastHolders: (client: Client) => seen.get(client) ?? [],
    close: async () => {
      const client = await opened?.catch(() => undefined);
      if (client) await closeConnection(client);
    },
  });
}

/** Half of what a transaction waits at least before it gives up: looking that often sees whom it waited for. */
function shortestWait({ lockWait, lockTimeout }: ApplyJob["rules"]): number {
  const limits = [lockWait, lockTimeout].filter((limit) => limit > 0);
  return Math.max(SOONEST_LOOK_MS, Math.min(...limits) / 2);
}
