import type { Failure } from "../../core/errors.ts";
import type { ServerPlace } from "./place.ts";
import { describeListener } from "./process.ts";

/** Who else answers on the port: a workspace's path, or that it is some other Postgres server or program. */
export type Stranger = { workspace: string } | "postgres" | "other";

/** Why the embedded server cannot have its port, and what to do. */
export function portTaken({ port }: Pick<ServerPlace, "port">, stranger: Stranger | undefined): Failure {
  const listener = describeListener(port);
  const who = listener ? ` (${listener})` : "";
  const otherPort = `DB_PORT=${port === 65_535 ? port - 1 : port + 1} make start-db   # or write it into .env`;
  if (typeof stranger === "object")
    return {
      fact: `port ${port} is taken by the embedded server of another workspace: ${stranger.workspace}`,
      why: "each workspace has a server of its own, and a port serves one",
      fix: `${otherPort}; or stop that one: make -C ${stranger.workspace} stop-db`,
    };
  if (stranger === "postgres")
    return {
      fact: `port ${port} is taken by a PostgreSQL server that start-db did not start${who}`,
      fix: `${otherPort}; to use that server, set DATABASE_URL`,
    };
  return { fact: `port ${port} is taken by another program${who}`, fix: otherPort };
}
