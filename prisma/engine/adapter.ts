import {
  DriverAdapterError,
  type SqlDriverAdapter,
  type SqlQuery,
  type SqlResultSet,
} from "@prisma/driver-adapter-utils";
import type pg from "pg";
import { renderSearchPathSql } from "../../scripts/core/extensions.ts";
import { LEDGER_TABLE } from "../../scripts/core/ledger.ts";
import { ownerRole, renderOwnership } from "../../scripts/core/roles.ts";
import { quoteIdent } from "../../scripts/core/sql.ts";
import { PRISMA_LOCK } from "../../scripts/core/transaction.ts";
import { type Answers, keyOf } from "./ahead.ts";
import { connectTarget, type Target } from "./connection.ts";
import { toAdapterError } from "./databaseErrors.ts";
import { withRights } from "./rights.ts";
import { SCRIPT_BREAK } from "./scriptBreak.ts";
import { RAW_TYPES, toResultSet } from "./values.ts";
import { hideForeign, type Visibility } from "./visibility.ts";

/** A little longer than the engine waits, so that its own message comes first and no wait outlives it by much. */
const LOCK_WAIT_MS = 11_000;

export interface AdapterOptions {
  target: Target;
  /** Leave out the advisory lock, as PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK asks. */
  withoutLock?: boolean;
  visibility: Visibility;
  /** Whether a script is to run with the rights of the login, and so of several owner roles. Default: none is. */
  lends?: ((script: string) => Promise<boolean>) | undefined;
  /** Answers of the catalog kept from one query to the next; whoever passes it knows that nothing changes meanwhile. */
  memory?: Answers;
  /** Whether the database may be asked what the memory does not hold. Default: it may. */
  maySend?: () => boolean;
  onAnswer?: (query: SqlQuery, how: { remembered: boolean }) => void;
  dispose(): Promise<void>;
}

/** Connects and pins the search path: the engine's unqualified names then mean the target's schema. */
export async function openSession(target: Target, visibility: Visibility): Promise<pg.Client> {
  const client = await connectTarget(target);
  try {
    await pinToSchema(client, visibility);
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

/**
 * Makes unqualified names mean the schema, and acts as its owner role where that owns it, so that what the engine makes
 * has the same owner as what we make; inside a transaction, until its end if it is rolled back. Tells whether it acts so.
 */
export async function pinToSchema(
  client: pg.Client,
  { own: schema, extensions }: Visibility,
): Promise<boolean> {
  // After connecting, since poolers refuse start-up parameters.
  const { rows } = await client.query(
    `SELECT set_config('search_path', ${renderSearchPathSql("$3::text[]")}, false), (
       SELECT set_config('role', r.rolname, false) FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
        WHERE n.nspname = $1 AND r.rolname = $2 AND pg_has_role(session_user, r.oid, 'MEMBER')) AS role`,
    [schema, ownerRole(schema), [...extensions]],
  );
  return rows[0]?.role !== null;
}

/** Serves one connection to the schema engine. */
export function makeAdapter(client: pg.Client, options: AdapterOptions): SqlDriverAdapter {
  const { target, memory } = options;
  const spared = new Set<string>();
  const guard = async <T>(work: () => Promise<T>, script?: string): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw error instanceof DriverAdapterError ? error : toAdapterError(error, target, script);
    }
  };
  const readRows = async ({ sql, args }: SqlQuery): Promise<SqlResultSet> => {
    if (options.maySend?.() === false)
      throw new Error(`the engine asks anew of a database that has changed: ${sql}`);
    if (isLockRequest(sql)) await takeLock(client, options);
    if (options.visibility.withoutLedger && sql.includes(`"${LEDGER_TABLE}"`)) throw ledgerMissing();
    const result = await client.query({ text: sql, values: args, rowMode: "array", types: RAW_TYPES });
    return toResultSet(result);
  };
  return {
    provider: "postgres",
    adapterName: "schemata",
    queryRaw: (query) =>
      guard(async () => {
        const key = keyOf(query);
        const known = await memory?.get(key);
        const answer = known ?? (await readRows(query));
        if (!known) memory?.set(key, Promise.resolve(answer));
        options.onAnswer?.(query, { remembered: known !== undefined });
        return hideForeign(answer, options.visibility);
      }),
    executeRaw: ({ sql, args }) =>
      guard(async () => {
        if (isLockRequest(sql)) return takeLock(client, options);
        memory?.clear();
        // The set-up of a shadow database comes this way, not as a script.
        if (sql.includes(SCRIPT_BREAK)) return runScript(client, sql, options.visibility);
        const onSchema = ON_SCHEMA.exec(sql.trim());
        if (onSchema) return changeSchema(client, onSchema, { visibility: options.visibility, spared });
        return (await client.query(sql, args)).rowCount ?? 0;
      }),
    executeScript: (script) =>
      guard(async () => {
        memory?.clear();
        const { visibility } = options;
        await withRights(client, { script, visibility }, async () => {
          if (await options.lends?.(script)) await client.query("RESET ROLE");
          await runScript(client, script, visibility);
        });
      }, script),
    startTransaction: () => Promise.reject(new Error("the schema engine opens no transactions")),
    getConnectionInfo: () => ({ schemaName: target.schema, supportsRelationJoins: true }),
    dispose: options.dispose,
  };
}

/** Whole, by the simple protocol, since any splitting would cut function bodies and strings; but for our own breaks. */
async function runScript(client: pg.Client, script: string, visibility: Visibility): Promise<number> {
  for (const part of script.split(`\n${SCRIPT_BREAK}\n`)) await client.query(part);
  // A script such as pg_dump's may leave no search path, and the engine its ledger unfound.
  await pinToSchema(client, visibility);
  return 0;
}

function isLockRequest(sql: string): boolean {
  return sql.includes(`pg_advisory_lock(${PRISMA_LOCK})`);
}

/**
 * The engine asks for one lock for the whole database. Sharing it, with a lock of the schema beside it, keeps services
 * out of each other's way, and still excludes a native engine and two runs of one service.
 */
async function takeLock(client: pg.Client, { target, withoutLock }: AdapterOptions): Promise<number> {
  if (withoutLock) return 0;
  await client.query("SELECT set_config('lock_timeout', $1, false)", [String(LOCK_WAIT_MS)]);
  await client.query("SELECT pg_advisory_lock_shared($1)", [PRISMA_LOCK]);
  await client.query("SELECT pg_advisory_lock($1::integer, hashtext($2))", [PRISMA_LOCK, target.schema]);
  await client.query("RESET lock_timeout");
  return 1;
}

/** What the engine does to a whole schema; it puts the name between quotes without doubling those in it. */
const ON_SCHEMA = /^(CREATE|DROP) SCHEMA "([\s\S]+)"( CASCADE)?$/;

/**
 * Creates or drops the own schema, with its name quoted. A reset drops and creates every schema listed, and those after
 * the first belong to other services: `spared` remembers whose drop was left out, so that its creation is too.
 */
async function changeSchema(
  client: pg.Client,
  [statement, verb, name = "", cascade = ""]: RegExpExecArray,
  { visibility, spared }: { visibility: Visibility; spared: Set<string> },
): Promise<number> {
  const { own } = visibility;
  if (name !== own) {
    if (verb === "DROP") spared.add(name);
    if (!spared.has(name)) await client.query(statement);
    return 0;
  }
  if (verb === "DROP" && (await pinToSchema(client, visibility))) spared.add(own);
  // An owner role owns its schema and may not make another.
  await client.query("RESET ROLE");
  await client.query(`${verb} SCHEMA ${quoteIdent(own)}${cascade}`);
  if (verb === "CREATE" && spared.has(own)) {
    for (const grant of renderOwnership(own)) await client.query(grant);
  }
  await pinToSchema(client, visibility);
  return 0;
}

function ledgerMissing(): DriverAdapterError {
  return new DriverAdapterError({ kind: "TableDoesNotExist", table: LEDGER_TABLE });
}
