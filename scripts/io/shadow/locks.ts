import { fail } from "../../core/errors.ts";
import { byName } from "../../core/history.ts";
import { SHADOW_LOCK } from "../../core/shadow.ts";
import { quoteLiteral } from "../../core/sql.ts";
import { PRISMA_LOCK } from "../../core/transaction.ts";
import { type Client, sqlState } from "../postgres/connect.ts";

/** How a command holds a service's schema in the shadow database: to look at it, or to change it. */
export type ShadowHold = "shared" | "exclusive";

const FIRST_WAIT_MS = 1_000;
const WAIT_MS = 120_000;

/**
 * Takes the turn on some schemas of the shadow database for the rest of the session, in the one order that everybody
 * keeps. With `whole`, nobody else is in the database at all. What was held before is let go.
 */
export async function holdSchemas(
  client: Client,
  holds: ReadonlyMap<string, ShadowHold>,
  { note, whole = false }: { note(text: string): void; whole?: boolean },
): Promise<void> {
  const shared = whole ? "" : "_shared";
  const calls = [
    // Shared on Prisma's own key: a stock command that empties its shadow database takes that one for itself.
    `pg_advisory_lock${shared}(${PRISMA_LOCK})`,
    ...[...holds]
      .sort(([a], [b]) => byName(a, b))
      .map(
        ([schema, hold]) =>
          `pg_advisory_lock${hold === "shared" ? "_shared" : ""}(${SHADOW_LOCK}, hashtext(${quoteLiteral(schema)}))`,
      ),
  ];
  const take = (wait: number) =>
    client.query(
      `SELECT pg_advisory_unlock_all(); SET lock_timeout = ${wait}; SELECT ${calls.join(", ")}; RESET lock_timeout`,
    );
  try {
    await take(FIRST_WAIT_MS);
  } catch (error) {
    if (sqlState(error) !== "55P03") throw error;
    note("Waiting for another command that uses the shadow database");
    await take(WAIT_MS).catch((later: unknown) => failWaiting(later));
  }
}

function failWaiting(error: unknown): never {
  if (sqlState(error) !== "55P03") throw error;
  return fail({
    fact: `The shadow database was not free within ${WAIT_MS / 1000} s`,
    why: "another command, or a stock prisma migrate, works on the same service there",
    fix: "wait for it, or end it, and run the command again",
    cause: error,
  });
}
