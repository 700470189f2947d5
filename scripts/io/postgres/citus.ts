import { fail, SchemataError } from "../../core/errors.ts";
import type { Service } from "../../core/service.ts";
import { quoteIdent, quoteLiteral } from "../../core/sql.ts";
import type { Client } from "./connect.ts";

/** How a server takes part in a Citus cluster. */
export interface CitusFacts {
  /** The node that all schema changes go through. */
  coordinator: boolean;
  /** Each schema lives on one node of the cluster: `citus.enable_schema_based_sharding`. */
  distributesSchemas: boolean;
}

/** Asks a server with the extension; the caller knows that it is there. */
export async function readCitusFacts(client: Client): Promise<CitusFacts> {
  const { rows } = await client.query(`
    SELECT (SELECT groupid = 0 FROM pg_catalog.pg_dist_local_group) AS coordinator,
           coalesce(current_setting('citus.enable_schema_based_sharding', true), 'off') = 'on' AS distributes`);
  return { coordinator: rows[0]?.coordinator !== false, distributesSchemas: rows[0]?.distributes === true };
}

/** Refuses a worker: it would answer every schema change with `operation is not allowed on this node`. */
export function requireCoordinator({ coordinator }: CitusFacts, server: string): void {
  if (coordinator) return;
  fail({
    fact: `The server at ${server} is a worker of a Citus cluster`,
    why: "schema changes and their locks go through the coordinator",
    fix: "point DATABASE_URL at the coordinator",
  });
}

/**
 * Sees that a schema is distributed and distributes it where it is not: CREATE SCHEMA in a transaction, or before the
 * setting was on, silently leaves it on the coordinator.
 */
export async function ensureDistributed(client: Client, { name, schema }: Service): Promise<void> {
  // Citus refuses to distribute it.
  if (schema === "public") return;
  const { rowCount } = await client.query(
    `SELECT FROM pg_catalog.pg_dist_schema WHERE schemaid = ${quoteLiteral(quoteIdent(schema))}::regnamespace`,
  );
  if (rowCount !== 0) return;
  try {
    await client.query(`SELECT citus_schema_distribute(${quoteLiteral(quoteIdent(schema))}::regnamespace)`);
  } catch (error) {
    throw new SchemataError({
      fact: `${name}: the schema "${schema}" stayed on the coordinator`,
      why: error instanceof Error ? error.message : String(error),
      fix: `let its owner or an administrator run: SELECT citus_schema_distribute(${quoteLiteral(schema)});`,
      cause: error,
    });
  }
}

/** Tables of a distributed schema that are local to the coordinator, as those made inside a DO block are. */
export async function readLocalTables(client: Client, schema: string): Promise<string[]> {
  const { rows } = await client.query(`
    SELECT c.relname AS name FROM pg_class c
     WHERE c.relnamespace = ${quoteLiteral(quoteIdent(schema))}::regnamespace AND c.relkind IN ('r', 'p')
       AND EXISTS (SELECT FROM pg_catalog.pg_dist_schema s WHERE s.schemaid = c.relnamespace)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_dist_partition p WHERE p.logicalrelid = c.oid)
     ORDER BY 1`);
  return rows.map(({ name }) => name);
}
