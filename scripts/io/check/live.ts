import type { CatalogLike } from "../../core/catalog.ts";
import { DRIFT_KINDS, splitCatalog } from "../../core/check/drift.ts";
import { dependentsOf } from "../../core/dependents.ts";
import type { Dependent } from "../../core/drops.ts";
import { isUnfinished } from "../../core/history.ts";
import type { ServiceFacts } from "../../core/plan.ts";
import type { Service } from "../../core/service.ts";
import type { Settings } from "../../core/settings.ts";
import { readCatalog } from "../postgres/catalog.ts";
import { type Client, withConnection } from "../postgres/connect.ts";
import { readDependents } from "../postgres/dependents.ts";
import { rollBack } from "../postgres/send.ts";
import { ensureServer } from "../server/server.ts";
import { gatherFacts, settleUnfinished } from "../upgrade/gather.ts";

/** How the shared database stands, all of it at one moment. */
export interface Live {
  /** `server_version_num`. */
  version: number;
  facts: ServiceFacts[];
  /** By schema; what migrations decide of it. */
  catalogs: Map<string, CatalogLike>;
  /** By schema, of services that others depend on: what of other schemas stands on its tables. */
  dependents: Map<string, Dependent[]>;
}

/** How long to wait for somebody in the middle of a migration, before it counts as failed. */
const SETTLE_MS = 5_000;

/** Reads ledgers and catalogs of some services. Changes nothing. */
export async function readLive(
  settings: Settings,
  services: readonly Service[],
  {
    note,
    signal,
    services: all,
  }: { note(text: string): void; signal: AbortSignal; services: readonly Service[] },
): Promise<Live> {
  await ensureServer(settings, note, signal);
  return withConnection(settings.databaseUrl, async (client) => {
    const live = await look(client, { services, all });
    if (!live.facts.some(({ ledger }) => ledger.some(isUnfinished))) return live;
    const settled = await settleUnfinished(client, live.facts, SETTLE_MS);
    const again = await look(client, { services, all });
    return { ...again, facts: again.facts.map((one, index) => ({ ...one, ...problemOf(settled[index]) })) };
  });
}

function problemOf(facts: ServiceFacts | undefined): Pick<ServiceFacts, "problem"> {
  return facts?.problem ? { problem: facts.problem } : {};
}

/** One snapshot, so that a run that commits meanwhile is seen as a whole or not at all. */
async function look(
  client: Client,
  { services, all }: { services: readonly Service[]; all: readonly Service[] },
): Promise<Live> {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off");
  try {
    const { rows } = await client.query("SELECT current_setting('server_version_num')::integer AS version");
    const facts = await gatherFacts(client, services);
    const schemas = facts.filter(({ schemaExists }) => schemaExists).map(({ service }) => service.schema);
    const catalog = schemas.length === 0 ? {} : await readCatalog(client, schemas, DRIFT_KINDS);
    const dependents = new Map<string, Dependent[]>();
    for (const service of services) {
      if (dependentsOf(service, all).length > 0)
        dependents.set(service.schema, await readDependents(client, service.schema));
    }
    return { version: rows[0].version, facts, catalogs: splitCatalog(catalog, schemas), dependents };
  } finally {
    await rollBack(client);
  }
}
