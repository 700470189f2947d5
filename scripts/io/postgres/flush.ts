import { type Client, sqlState } from "./connect.ts";
import { rollBack } from "./send.ts";

/** How often a cancellation that was meant for an earlier statement is forgiven. */
const LATE_CANCELS = 3;

/**
 * Returns when everything committed so far, by whichever connection, is on the server's disk. Commits of a run are
 * asynchronous; the log is written in their order, so one synchronous commit after them covers them all.
 */
export async function flushCommits(client: Client): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await flush(client);
    } catch (error) {
      if (sqlState(error) !== "57014" || attempt >= LATE_CANCELS) throw error;
      await rollBack(client);
    }
  }
}

async function flush(client: Client): Promise<void> {
  try {
    // A commit waits for the disk only if its transaction has written something to the log.
    await client.query(
      "BEGIN; SET LOCAL synchronous_commit TO on; SELECT pg_logical_emit_message(true, 'schemata', ''); COMMIT",
    );
  } catch (error) {
    await rollBack(client);
    if (sqlState(error) !== "42501") throw error;
    // Where the function was revoked, a table that lives until the commit writes to the log as well.
    await client.query(
      "BEGIN; SET LOCAL synchronous_commit TO on; CREATE TEMPORARY TABLE schemata_flush () ON COMMIT DROP; COMMIT",
    );
  }
}
