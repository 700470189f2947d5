import { type Failure, fail, maskPasswords, SchemataError } from "../../core/errors.ts";
import { DEFAULT_LOGIN, type Settings } from "../../core/settings.ts";
import { SHADOW_MARK, shadowDatabaseName } from "../../core/shadow.ts";
import { quoteIdent } from "../../core/sql.ts";
import {
  type Client,
  closeConnection,
  connect,
  connectCreating,
  databaseName,
  sqlState,
  withConnection,
} from "../postgres/connect.ts";

/** The shadow database, open. */
export interface ShadowPlace {
  client: Client;
  url: string;
  /** Its server is not the shared database's, so that roles may be made there. */
  apart: boolean;
  /** `server_version_num`. */
  version: number;
}

export interface ShadowSurroundings {
  settings: Settings;
  note(text: string): void;
  signal: AbortSignal;
}

/** Of the session that holds the schemas. */
export const SHADOW_SESSION = { applicationName: "schemata shadow", pipeline: true } as const;

const OTHER_WAYS =
  "let an administrator run: ALTER ROLE … CREATEDB; or set SHADOW_DATABASE_URL to an empty database; or unset DATABASE_URL to use the workspace's own server";

/**
 * Opens the workspace's shadow database, making it where it is missing: the one that SHADOW_DATABASE_URL names, else
 * one beside the shared database, else, where that cannot be, one on the workspace's embedded server.
 */
export async function openShadowDatabase(surroundings: ShadowSurroundings): Promise<ShadowPlace> {
  const { settings, note, signal } = surroundings;
  const { shadowDatabaseUrl, databaseUrl } = settings;
  if (shadowDatabaseUrl !== undefined) return openNamed(shadowDatabaseUrl, databaseUrl);
  if (settings.databaseFrom === "embedded") {
    const { ensureServer } = await import("../server/server.ts");
    await ensureServer(settings, note, signal);
    return { ...(await openBeside(databaseUrl)), apart: true };
  }
  try {
    return { ...(await openBeside(databaseUrl)), apart: false };
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    return openEmbedded(surroundings, error);
  }
}

/** The last resort; where it fails too, both reasons are told. */
async function openEmbedded(
  { settings, note, signal }: ShadowSurroundings,
  refusal: SchemataError,
): Promise<ShadowPlace> {
  const { loginUrl } = await import("../server/embedded.ts");
  const { ensureServer } = await import("../server/server.ts");
  const own: Settings = {
    ...settings,
    databaseFrom: "embedded",
    databaseUrl: loginUrl(settings.dbPort, DEFAULT_LOGIN.database),
  };
  try {
    await ensureServer(own, note, signal);
    const place = await openBeside(own.databaseUrl, shadowDatabaseName(databaseName(settings.databaseUrl)));
    note(`The shadow database is on the workspace's own server, since ${explain(refusal)}`);
    return { ...place, apart: true };
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    return fail({
      fact: "The shadow database, where histories are replayed, cannot be made",
      why: `${explain(refusal)}\nand on the workspace's own server: ${explain(error)}`,
      fix: OTHER_WAYS,
      cause: error,
    });
  }
}

/** Fact and reason in one line. */
function explain({ message: fact, why }: SchemataError): string {
  const text = why === undefined ? fact : `${fact}: ${why}`;
  return maskPasswords(text.replaceAll(/\s*\n\s*/g, " "));
}

async function openBeside(
  url: string,
  name = shadowDatabaseName(databaseName(url)),
): Promise<Omit<ShadowPlace, "apart">> {
  const shadow = onDatabase(url, name);
  const client = await connectOrCreate(shadow, url, name);
  return requireShadow({ client, url: shadow, name: `the database "${name}"` });
}

async function connectOrCreate(shadow: string, url: string, name: string): Promise<Client> {
  try {
    return await connect(shadow, SHADOW_SESSION);
  } catch (error) {
    if (!(error instanceof SchemataError) || sqlState(error.cause) !== "3D000") throw error;
  }
  await createDatabase(url, name);
  return connect(shadow, SHADOW_SESSION);
}

/** From the shared database itself, or, where that does not exist yet, from the one that every server has. */
async function createDatabase(url: string, name: string): Promise<void> {
  // template0 has nobody connected, and nothing of this server's own in it.
  const create = (client: Client) => client.query(`CREATE DATABASE ${quoteIdent(name)} TEMPLATE template0`);
  try {
    await withConnection(url, create).catch((error: unknown) => {
      if (!(error instanceof SchemataError) || sqlState(error.cause) !== "3D000") throw error;
      return withConnection(onDatabase(url, "postgres"), create);
    });
  } catch (error) {
    // 42P04, 23505: another run has just created it.
    if (["42P04", "23505"].includes(sqlState(error) ?? "")) return;
    if (error instanceof SchemataError) throw error;
    fail({
      fact: `The shadow database "${name}" cannot be made beside the shared one`,
      why:
        sqlState(error) === "42501"
          ? `the login "${decodeURIComponent(new URL(url).username)}" lacks the right CREATEDB`
          : message(error),
      fix: OTHER_WAYS,
      cause: error,
    });
  }
}

async function openNamed(url: string, databaseUrl: string): Promise<ShadowPlace> {
  if (address(url) === address(databaseUrl)) return fail(isShared());
  const client = await connectCreating(url, () => {}, SHADOW_SESSION).catch((error: unknown) => {
    if (!(error instanceof SchemataError)) throw error;
    return fail({
      fact: `The shadow database in SHADOW_DATABASE_URL cannot be used: ${error.message}`,
      why: error.why,
      fix: "correct SHADOW_DATABASE_URL, or unset it: then one is made beside the shared database, or on the workspace's own server",
      cause: error,
    });
  });
  const place = await requireShadow({
    client,
    url,
    name: "the database in SHADOW_DATABASE_URL",
    beforeMarking: async () => {
      if (await isSameDatabase(client, databaseUrl)) fail(isShared());
    },
  });
  return { ...place, apart: new URL(url).host !== new URL(databaseUrl).host };
}

function isShared(): Failure {
  return {
    fact: "SHADOW_DATABASE_URL names the shared database itself",
    why: "schemas in the shadow database are dropped and made again",
    fix: "set it to another, empty database, or unset it",
  };
}

interface Candidate {
  client: Client;
  url: string;
  /** As messages call it. */
  name: string;
  beforeMarking?(): Promise<void>;
}

/** Lets through only a database that we have marked, or one that is empty, which is marked now. */
async function requireShadow(candidate: Candidate): Promise<Omit<ShadowPlace, "apart">> {
  const { client, url, name } = candidate;
  try {
    const { rows } = await client.query(
      `SELECT pg_has_role(n.nspowner, 'MEMBER') AS ours, has_database_privilege(current_database(), 'CREATE') AS creates,
              pg_backend_pid() AS pid, current_setting('server_version_num')::integer AS version
         FROM (VALUES (1)) one LEFT JOIN pg_namespace n ON n.nspname = '${SHADOW_MARK}'`,
    );
    const { ours, creates, pid, version } = rows[0];
    if (pid !== (client as Client & { processID?: number }).processID) {
      fail({
        fact: `${name} is reached through a connection pooler`,
        why: "the shadow database needs a session of its own for its locks",
        fix: "set SHADOW_DATABASE_URL to a database on the server itself",
      });
    }
    if (ours === false || !creates) {
      fail({
        fact: `${name} belongs to another role`,
        why: creates ? "that role made the shadow database first" : "this login lacks the right CREATE on it",
        fix: `set SHADOW_DATABASE_URL to an empty database of your own, or ask its owner to drop it`,
      });
    }
    if (ours === null) await mark(candidate);
    return { client, url, version };
  } catch (error) {
    await closeConnection(client);
    throw error;
  }
}

async function mark({ client, name, beforeMarking }: Candidate): Promise<void> {
  const { rows } = await client.query(`
    SELECT c.oid::regclass::text AS something FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
     LIMIT 1`);
  if (rows[0]) {
    fail({
      fact: `${name} is not empty: it holds ${rows[0].something}`,
      why: "this tool has not made it, and schemas in a shadow database are dropped and made again",
      fix: "name an empty database in SHADOW_DATABASE_URL, or drop this one if nobody needs it",
    });
  }
  await beforeMarking?.();
  try {
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdent(SHADOW_MARK)}`);
  } catch (error) {
    // 23505, 42P06: another run has just done so.
    if (!["23505", "42P06"].includes(sqlState(error) ?? "")) throw error;
  }
}

/** Tells two databases apart by what no address can disguise; one that does not answer is another. */
async function isSameDatabase(client: Client, url: string): Promise<boolean> {
  const identify = async (one: Client): Promise<string> => {
    const { rows } = await one.query(
      "SELECT concat(pg_postmaster_start_time(), ' ', oid) AS id FROM pg_database WHERE datname = current_database()",
    );
    return rows[0].id;
  };
  const own = await identify(client);
  return withConnection(url, identify).then(
    (other) => own === other,
    () => false,
  );
}

function address(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname === "localhost" ? "127.0.0.1" : hostname}:${port || 5432}/${databaseName(url)}`;
}

function onDatabase(url: string, name: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${encodeURIComponent(name)}`;
  return parsed.href;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
