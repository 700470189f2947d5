import { fail } from "../../core/errors.ts";
import {
  declaredExtensions,
  EXTENSIONS_SCHEMA,
  type InstalledExtensions,
  renderExtensions,
} from "../../core/extensions.ts";
import { INIT_LOCK } from "../../core/initSql.ts";
import type { Service } from "../../core/service.ts";
import type { Client } from "../postgres/connect.ts";
import { readMigrations, readScript } from "../workspace.ts";

/**
 * Makes the extensions that services declare, which provision makes in the shared database, before their histories are
 * replayed; but for those that a migration insists on making itself. Returns what there is.
 */
export async function ensureExtensions(
  client: Client,
  services: readonly Service[],
): Promise<InstalledExtensions> {
  const declared = declaredExtensions(services);
  if (declared.length === 0) return { schemas: {}, provisioned: false };
  const there = await readExtensions(client);
  const missing = declared.filter((name) => !Object.hasOwn(there.schemas, name));
  const wanted = missing.filter((name) => !services.some((service) => makesItself(service, name)));
  if (wanted.length === 0) return there;
  try {
    await client.query(`SELECT pg_advisory_lock(${INIT_LOCK})`);
    for (const statement of renderExtensions(wanted)) await client.query(statement);
  } catch (error) {
    fail({
      fact: `The shadow database lacks the extension ${wanted.map((name) => `"${name}"`).join(", ")}, and it cannot be made there`,
      why: error instanceof Error ? error.message : String(error),
      fix: `let an administrator run in it: ${renderExtensions(wanted).join(" ")}\nor set SHADOW_DATABASE_URL to an empty database that has them`,
      cause: error,
    });
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${INIT_LOCK})`);
  }
  return readExtensions(client);
}

async function readExtensions(client: Client): Promise<InstalledExtensions> {
  const { rows } = await client.query(
    `SELECT to_regnamespace($1) IS NOT NULL AS provisioned,
            (SELECT json_object_agg(extname, nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace) AS schemas`,
    [EXTENSIONS_SCHEMA],
  );
  return { schemas: rows[0].schemas ?? {}, provisioned: rows[0].provisioned };
}

/** Whether a migration would fail on an extension that is there already. */
export function makesItself(service: Service, name: string): boolean {
  const plain = new RegExp(`create\\s+extension\\s+"?${name.replaceAll(/\W/g, "\\$&")}\\b`, "i");
  return readMigrations(service).some((migration) => plain.test(readScript(service, migration)));
}
