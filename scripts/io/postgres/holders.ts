import { quoteLiteral } from "../../core/sql.ts";
import { PRISMA_LOCK } from "../../core/transaction.ts";
import type { Client } from "./connect.ts";
import type { LockHolder } from "./events.ts";

/** Whose waiting is asked about. */
export interface Waiter {
  /** Its backend; undefined where a pooler hides which one that is. */
  pid: number | undefined;
  /** Its transactions' name. */
  applicationName?: string;
  /** The schema of the service that it works on. */
  schema: string;
}

/**
 * Who keeps a backend waiting or, behind a pooler, any backend of that name; there also who holds the locks that the
 * service's turn needs.
 */
export async function readHolders(
  client: Client,
  { pid, applicationName, schema }: Waiter,
): Promise<LockHolder[]> {
  const advisory = `SELECT l.pid FROM pg_locks l
      WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.classid = 0 AND l.objid = ${PRISMA_LOCK} AND l.objsubid = 1 AND l.mode = 'ExclusiveLock'
          OR l.classid = ${PRISMA_LOCK} AND l.objid = (hashtext(${quoteLiteral(schema)})::bigint & 4294967295)::oid AND l.objsubid = 2)`;
  const named = `SELECT unnest(pg_blocking_pids(a.pid)) FROM pg_stat_activity a
      WHERE a.datname = current_database() AND a.application_name = ${quoteLiteral(applicationName ?? "")}`;
  const unknown = applicationName === undefined ? advisory : `${named} UNION ${advisory}`;
  const { rows } = await client.query(`
    SELECT pid, application_name, coalesce(state, '') AS state,
           extract(epoch FROM clock_timestamp() - coalesce(xact_start, backend_start))::float8 AS age, left(query, 200) AS query
      FROM pg_stat_activity
     WHERE pid <> pg_backend_pid() AND pid IN (${pid === undefined ? unknown : `SELECT unnest(pg_blocking_pids(${pid}))`})
     ORDER BY age DESC LIMIT 5`);
  return rows.map((row) => ({
    pid: row.pid,
    applicationName: row.application_name,
    state: row.state,
    age: row.age,
    query: row.query,
  }));
}

/** One line on a session that is in the way. */
export function renderHolder({ pid, applicationName, state, age, query }: LockHolder): string {
  const name = applicationName === "" ? "" : ` (${applicationName})`;
  const text = query.replaceAll(/\s+/g, " ").trim().slice(0, 120);
  return `held by pid ${pid}${name}, ${state || "active"} for ${Math.round(age)} s: ${text}`;
}
