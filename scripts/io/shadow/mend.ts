import type { SchemataError } from "../../core/errors.ts";
import { quoteIdent } from "../../core/sql.ts";
import { type Client, withConnection } from "../postgres/connect.ts";
import { holdSchemas } from "./locks.ts";
import type { ShadowPlace, ShadowSurroundings } from "./place.ts";
import { emptyDatabase } from "./schemas.ts";

/** Something was there already, or is needed by what another history left: gone in an empty database. */
const LEFTOVER = new Set(["42710", "42P06", "42P07", "42723", "2BP01", "42P16", "23505"]);
/** A type, function, schema or the like that no history makes: an extension of the shared database may bring it. */
const UNKNOWN = new Set(["42704", "42883", "3F000", "42P01", "42725"]);
const MOST_ROLES = 100;

/**
 * Puts right what a shadow database may lack or have too much of, so that a replay which failed for it is worth another
 * try: tells whether it is. Each remedy is used once, but for roles, of which each is made once.
 */
export function mendShadow(
  place: ShadowPlace,
  { settings, note }: ShadowSurroundings,
): (failure: SchemataError) => Promise<boolean> {
  const roles = new Set<string>();
  let emptied = false;
  let extended = false;
  return async ({ details }) => {
    const sqlState = String(details?.sqlState ?? "");
    const role = /^role "(.*)" does not exist$/s.exec(String(details?.message ?? ""))?.[1];
    if (role !== undefined && place.apart && !roles.has(role) && roles.size < MOST_ROLES) {
      roles.add(role);
      return createRole(place.client, role);
    }
    if (UNKNOWN.has(sqlState) && role === undefined && !extended && place.url !== settings.databaseUrl) {
      extended = true;
      return copyExtensions(settings.databaseUrl, place.client);
    }
    if (LEFTOVER.has(sqlState) && !emptied) {
      emptied = true;
      await holdSchemas(place.client, new Map(), { note, whole: true });
      await emptyDatabase(place.client);
      return true;
    }
    return false;
  };
}

/** A role that cannot log in, for GRANTs to name. */
async function createRole(client: Client, role: string): Promise<boolean> {
  return succeeds(client, `CREATE ROLE ${quoteIdent(role)} NOLOGIN`);
}

/** Installs what the shared database has installed, as far as the login may; tells whether anything was new. */
async function copyExtensions(from: string, client: Client): Promise<boolean> {
  const wanted = await withConnection(from, async (shared) => {
    const { rows } = await shared.query(
      `SELECT extname AS name, nspname AS schema
         FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql'`,
    );
    return rows as { name: string; schema: string }[];
  }).catch(() => []);
  const { rows } = await client.query("SELECT extname AS name FROM pg_extension");
  const known = new Set(rows.map(({ name }) => name));
  let some = false;
  for (const { name, schema } of wanted.filter(({ name: one }) => !known.has(one))) {
    // pg_catalog and the like are everywhere already.
    if (!schema.startsWith("pg_"))
      await succeeds(client, `CREATE SCHEMA IF NOT EXISTS ${quoteIdent(schema)}`);
    const made = await succeeds(
      client,
      `CREATE EXTENSION IF NOT EXISTS ${quoteIdent(name)} SCHEMA ${quoteIdent(schema)} CASCADE`,
    );
    some ||= made;
  }
  return some;
}

/** What cannot be made is missed by the next try, which says so. */
async function succeeds(client: Client, sql: string): Promise<boolean> {
  return client.query(sql).then(
    () => true,
    () => false,
  );
}
