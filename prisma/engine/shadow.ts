import { randomBytes } from "node:crypto";
import { DriverAdapterError, type SqlDriverAdapter } from "@prisma/driver-adapter-utils";
import type pg from "pg";
import { EXTENSIONS_SCHEMA, renderExtensions } from "../../scripts/core/extensions.ts";
import { SHADOW_MARK } from "../../scripts/core/shadow.ts";
import { quoteIdent } from "../../scripts/core/sql.ts";
import { PRISMA_LOCK } from "../../scripts/core/transaction.ts";
import { makeAdapter, openSession, pinToSchema } from "./adapter.ts";
import { connectTarget, onDatabase, parseTarget, type Target } from "./connection.ts";
import { toAdapterError } from "./databaseErrors.ts";
import type { Visibility } from "./visibility.ts";

const PREFIX = "prisma_migrate_shadow_db_";
/** Between its creation and the first connection a shadow database looks abandoned. */
const ORPHAN_AGE_MS = 10 * 60_000;

export interface ShadowOptions {
  target: Target;
  shadowDatabaseUrl?: string | undefined;
  visibility: Visibility;
}

/**
 * Opens an empty database for replaying a history, with the target's search path: the one that `shadowDatabaseUrl`
 * names, emptied first, or one made beside the target that is dropped with the adapter.
 */
export async function openShadow({
  target,
  shadowDatabaseUrl,
  visibility,
}: ShadowOptions): Promise<SqlDriverAdapter> {
  try {
    return shadowDatabaseUrl === undefined
      ? await createShadow(target, visibility)
      : await borrowShadow(target, { ...parseTarget(shadowDatabaseUrl), schema: target.schema }, visibility);
  } catch (error) {
    throw error instanceof DriverAdapterError ? error : toAdapterError(error, target);
  }
}

async function createShadow(target: Target, visibility: Visibility): Promise<SqlDriverAdapter> {
  const name = `${PREFIX}${Date.now().toString(36)}_${randomBytes(8).toString("hex")}`;
  const admin = await connectTarget(target);
  const shadow = onDatabase(target, name);
  let client: pg.Client | undefined;
  const dispose = async () => {
    await client?.end().catch(() => {});
    await admin.query(`DROP DATABASE IF EXISTS ${quoteIdent(name)} WITH (FORCE)`);
    await dropOrphans(admin).catch(() => {});
    await admin.end().catch(() => {});
  };
  try {
    await createDatabase(admin, name);
    await copyProvisioned(admin, shadow, visibility);
    client = await openSession(shadow, visibility);
    return makeAdapter(client, { target: shadow, visibility, dispose });
  } catch (error) {
    await dispose().catch(() => {});
    throw error;
  }
}

/** What provision has made in the live database is not a history's to make, and has to be there when it is replayed. */
async function copyProvisioned(
  admin: pg.Client,
  shadow: Target,
  { extensions, provided }: Visibility,
): Promise<void> {
  if (extensions.size === 0) return;
  const { rows } = await admin.query(
    "SELECT extname AS name FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE nspname = $1 AND extname = ANY ($2)",
    [EXTENSIONS_SCHEMA, [...extensions]],
  );
  for (const { name } of rows) provided.add(name);
  await withTarget(shadow, async (client) => {
    for (const statement of renderExtensions([...provided])) await client.query(statement);
  });
}

async function createDatabase(admin: pg.Client, name: string): Promise<void> {
  const attempts = 5;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await admin.query(`CREATE DATABASE ${quoteIdent(name)}`);
      return;
    } catch (error) {
      const code = sqlState(error);
      if (code === "42501")
        throw refusal(
          "this role may not create the shadow database that histories are replayed in: grant it CREATEDB (ALTER ROLE … CREATEDB), or name an empty database in SHADOW_DATABASE_URL",
        );
      // 55006: another session is using template1, which passes.
      if (code !== "55006" || attempt === attempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * attempt));
    }
  }
}

/** Drops the shadow databases of runs that were killed: old by their name, and nobody connected. */
async function dropOrphans(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query(
    `SELECT datname FROM pg_database d
      WHERE starts_with(datname, $1) AND pg_has_role(datdba, 'MEMBER')
        AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)`,
    [PREFIX],
  );
  for (const { datname } of rows as { datname: string }[]) {
    // Without FORCE: who has connected since keeps it.
    if (isOld(datname)) await admin.query(`DROP DATABASE IF EXISTS ${quoteIdent(datname)}`);
  }
}

/** Only names that we gave tell their age; a native engine's are left to whoever made them. */
function isOld(name: string): boolean {
  const [, time] = /^([0-9a-z]{8,9})_[0-9a-f]{16}$/.exec(name.slice(PREFIX.length)) ?? [];
  return time !== undefined && Date.now() - Number.parseInt(time, 36) > ORPHAN_AGE_MS;
}

async function borrowShadow(
  target: Target,
  shadow: Target,
  visibility: Visibility,
): Promise<SqlDriverAdapter> {
  const client = await openSession(shadow, visibility);
  try {
    if ((await identify(client)) === (await withTarget(target, identify))) {
      throw refusal(
        "SHADOW_DATABASE_URL names the database itself, and a shadow database is emptied before each use",
      );
    }
    // One replay at a time; the lock ends with the connection.
    await client.query("SELECT pg_advisory_lock($1)", [PRISMA_LOCK]);
    await emptyDatabase(client, shadow.schema);
    await withTarget(target, (live) => copyProvisioned(live, shadow, visibility));
    await pinToSchema(client, visibility);
    return makeAdapter(client, {
      target: shadow,
      visibility,
      withoutLock: true,
      dispose: () => client.end(),
    });
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

async function withTarget<T>(target: Target, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connectTarget(target);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Tells two databases apart by what no address can disguise: the server's start and the database's number. */
async function identify(client: pg.Client): Promise<string> {
  const { rows } = await client.query(
    "SELECT concat(pg_postmaster_start_time(), ' ', oid, ' ', datname) AS id FROM pg_database WHERE datname = current_database()",
  );
  return rows[0].id;
}

/**
 * Drops every schema that this role may drop, but those that hold an extension, which a history may need, and the one by
 * which the tool knows a database as a shadow.
 */
async function emptyDatabase(client: pg.Client, own: string): Promise<void> {
  const { rows } = await client.query(
    `SELECT nspname AS name, EXISTS (SELECT FROM pg_extension e WHERE e.extnamespace = n.oid) AS holds_extension
       FROM pg_namespace n
      WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', '${SHADOW_MARK}') AND pg_has_role(nspowner, 'MEMBER')`,
  );
  for (const { name, holds_extension: holdsExtension } of rows as {
    name: string;
    holds_extension: boolean;
  }[]) {
    if (holdsExtension && name !== own) continue;
    if (holdsExtension)
      throw refusal(
        `the shadow database holds an extension in the schema "${own}": move it to another (ALTER EXTENSION … SET SCHEMA …)`,
      );
    await client.query(`DROP SCHEMA ${quoteIdent(name)} CASCADE`);
    if (name === "public") await client.query("CREATE SCHEMA public");
  }
}

function refusal(message: string): DriverAdapterError {
  return new DriverAdapterError({
    kind: "postgres",
    code: "42501",
    severity: "ERROR",
    message,
    detail: undefined,
    column: undefined,
    hint: undefined,
  });
}

function sqlState(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
