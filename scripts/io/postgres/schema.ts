import { SchemataError } from "../../core/errors.ts";
import type { Service } from "../../core/service.ts";
import { quoteIdent } from "../../core/sql.ts";
import { type Client, isConnectionLost, sqlState } from "./connect.ts";

/**
 * Creates a service's schema, alone and outside of any transaction: only so does Citus distribute it. Two runs may
 * do it at once.
 */
export async function ensureSchema(client: Client, { name, schema }: Service): Promise<void> {
  try {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdent(schema)}`);
  } catch (error) {
    // IF NOT EXISTS looks before it leaps: of two at once, one may still collide (23505, 42P06).
    if (["23505", "42P06"].includes(sqlState(error) ?? "")) return;
    if (isConnectionLost(error)) {
      throw new SchemataError({
        fact: `${name}: the connection to the server broke before the schema "${schema}" was created`,
        why: error instanceof Error ? error.message : String(error),
        fix: `see that the server is up, then make upgrade-head app=${name}`,
        cause: error,
      });
    }
    throw new SchemataError({
      fact: `${name}: the schema "${schema}" does not exist and could not be created`,
      why: error instanceof Error ? error.message : String(error),
      fix: `let an administrator run: CREATE SCHEMA ${quoteIdent(schema)} AUTHORIZATION CURRENT_USER;`,
      cause: error,
    });
  }
}
