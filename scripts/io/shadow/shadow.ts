import type { ServiceFacts } from "../../core/plan.ts";
import { breakConnection, type Client, closeConnection } from "../postgres/connect.ts";
import { rollBack } from "../postgres/send.ts";
import { openShadowDatabase, type ShadowPlace } from "./place.ts";
import { type ReplayRequest, replayHistories } from "./replay.ts";

/** The shadow database with the chosen services at head, theirs alone until the work is done. */
export interface Shadow extends ShadowPlace {
  /** Of these services and those that they refer to; migrations as they are on disk under the lock. */
  facts: ServiceFacts[];
}

/**
 * Runs `work` on the shadow database. Whatever it changes there it must undo ({@link inScratch}): the next command
 * takes the ledger's word for what is there. Other commands on the same services wait meanwhile, those on others not.
 */
export async function withShadow<T>(
  request: ReplayRequest,
  work: (shadow: Shadow) => Promise<T>,
): Promise<T> {
  const place = await openShadowDatabase(request);
  const interrupt = () => breakConnection(place.client);
  request.signal.addEventListener("abort", interrupt, { once: true });
  try {
    const facts = await replayHistories(place, request);
    return await work({ ...place, facts });
  } finally {
    request.signal.removeEventListener("abort", interrupt);
    // Its locks end with the session.
    await closeConnection(place.client);
  }
}

/** Runs `work` in a transaction that is rolled back, whatever happens: the database stays as it was, even if we are killed. */
export async function inScratch<T>(client: Client, work: () => Promise<T>): Promise<T> {
  // Just-in-time compilation costs more than it wins on queries of the catalog.
  await client.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL jit = off");
  try {
    return await work();
  } finally {
    await rollBack(client);
  }
}
