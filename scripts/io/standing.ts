import type { ServiceFacts } from "../core/plan.ts";
import { chooseServices } from "../core/service.ts";
import type { Settings } from "../core/settings.ts";
import { withConnection } from "./postgres/connect.ts";
import { ensureServer } from "./server/server.ts";
import { gatherFacts } from "./upgrade/gather.ts";
import { readServices } from "./workspace.ts";

/** Files and ledgers of the services named, or of all; starts the workspace's own server where it is meant. */
export async function readStanding(
  settings: Settings,
  apps: readonly string[] | undefined,
  note: (text: string) => void,
): Promise<ServiceFacts[]> {
  const chosen = chooseServices(readServices(settings.root), apps);
  await ensureServer(settings, note);
  return withConnection(settings.databaseUrl, (client) => gatherFacts(client, chosen));
}
