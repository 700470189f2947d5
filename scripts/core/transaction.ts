import { CITUS_PROPAGATION } from "./citus/session.ts";
import type { Direction } from "./direction.ts";
import { ledgerName } from "./ledger.ts";
import { appRole } from "./roles.ts";
import { quoteIdent, quoteLiteral } from "./sql.ts";

/** The key of Prisma's own advisory lock: it takes this one, exclusively, for the whole database. */
export const PRISMA_LOCK = 72_707_369;

/** What every transaction of a service begins with. Times are milliseconds; 0 means without limit. */
export interface SessionRules {
  schema: string;
  /** Schemas searched after the service's own, such as the one of extensions. */
  searchPathTail: readonly string[];
  /** The role that owns the service's objects, where the database has one. */
  role?: string | undefined;
  applicationName: string;
  /** The server is the coordinator of a Citus cluster. */
  citus?: boolean | undefined;
  /** How long to wait for the service's turn. */
  lockWait: number;
  /** How long one attempt at it waits inside the server; absent: all of that at once. */
  turnSlice?: number;
  /** How long one statement may wait for a lock, and so make others queue behind it. */
  lockTimeout: number;
}

/** One migration as it is sent. */
export interface ScriptToApply {
  name: string;
  direction: Direction;
  checksum: string;
  sql: string;
  /** Rows that make way for this one, which is then recorded without being run. */
  recognises?: { names: readonly string[]; rows: number } | undefined;
  /** Statements of ours on other services' schemas, as their owners: rights granted before the script, taken back after it. */
  rights?: ForeignRights | undefined;
  /** The migration that the ledger must hold just before, where there is one; what is undone must be its newest. */
  previous: string | undefined;
  /** How many live rows the ledger must hold just before. */
  expectedRows: number;
  /** The script runs as the login, which has the rights of every owner role, instead of as one of them. */
  lends?: boolean | undefined;
}

/** Statements that change rights on other schemas; each may leave another role set. */
export interface ForeignRights {
  grants: readonly string[];
  releases: readonly string[];
}

/** A message that carries one or more whole transactions, and where each script lies in it. */
export interface TransactionText {
  sql: string;
  /** Offset of the script in `sql`, in UTF-16 units. */
  scriptStart: number;
  /** How many statements of ours come before the script's first. */
  statementsBefore: number;
}

/** The text by which a transaction says that the ledger is no longer as it was when the plan was made. */
export const LEDGER_CHANGED = "schemata: the ledger has changed";

/** Creates the ledger in exactly the form in which Prisma's engine does; the service's program has no part in it. */
export function renderCreateLedger({ schema, role }: Pick<SessionRules, "schema" | "role">): string[] {
  const create = `CREATE TABLE IF NOT EXISTS ${ledgerName(schema)} (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)`;
  return role === undefined
    ? [create]
    : [create, `REVOKE ALL ON ${ledgerName(schema)} FROM ${quoteIdent(appRole(schema))}`];
}

/** The value of `search_path` for a service. */
export function renderSearchPath({
  schema,
  searchPathTail,
}: Pick<SessionRules, "schema" | "searchPathTail">): string {
  return [schema, ...searchPathTail].map(quoteIdent).join(", ");
}

/**
 * The calls that take a service's turn: shared on Prisma's key, so that a stock `migrate deploy` and we exclude each
 * other, and exclusive on the service's own, so that two services never wait for each other.
 */
export function renderLockCalls(schema: string, scope: "transaction" | "session"): string[] {
  const xact = scope === "transaction" ? "xact_" : "";
  return [
    `pg_advisory_${xact}lock_shared(${PRISMA_LOCK})`,
    `pg_advisory_${xact}lock(${PRISMA_LOCK}, hashtext(${quoteLiteral(schema)}))`,
  ];
}

/**
 * How long one attempt at a turn waits inside the server. A statement that waits holds a snapshot, and a concurrent
 * index build, which the turn's holder may be at, waits for all of those: in short slices neither waits for the other.
 * Shorter than deadlock_timeout's default, so that no look for deadlocks falls into one.
 */
export const TURN_SLICE_MS = 500;

/** The lock_timeout of one attempt at the service's turn. */
export function renderTurnTimeout({ lockWait, turnSlice }: SessionRules): string {
  if (turnSlice === undefined) return `${lockWait}ms`;
  return `${lockWait === 0 ? turnSlice : Math.min(lockWait, turnSlice)}ms`;
}

/** Which statement of the opening, counted from 0, is the one that waits for the service's turn. */
export const TURN_STATEMENT = 3;

/** Statements that bring a session to the same state before every script, whatever an earlier one has set. */
export function renderOpening(rules: SessionRules, { durable }: { durable: boolean }): string[] {
  const local = (name: string, value: string) =>
    `set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true)`;
  const calls = [
    local("application_name", rules.applicationName),
    local("search_path", renderSearchPath(rules)),
    ...(durable ? [] : [local("synchronous_commit", "off")]),
    local("lock_timeout", renderTurnTimeout(rules)),
    ...renderLockCalls(rules.schema, "transaction"),
    local("lock_timeout", `${rules.lockTimeout}ms`),
    ...(rules.citus ? [local(CITUS_PROPAGATION.name, CITUS_PROPAGATION.value)] : []),
    // now() is the time before the wait for the lock.
    "set_config('schemata.started_at', clock_timestamp()::text, true)",
  ];
  return [
    // Spelled out: under another default the ledger check would read as of before the wait for the turn, and a
    // leaked default is in force until RESET ALL.
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    // A leaked SET outlives its transaction; RESET ALL leaves the role alone.
    "RESET SESSION AUTHORIZATION",
    "RESET ALL",
    `SELECT ${calls.join(", ")}`,
    "DISCARD TEMP",
    ...renderRole(rules),
  ];
}

/** Leaves a session as others may have to use it next, behind a pooler for one: as new, but for what costs too much. */
export const LEAVE_SESSION = "RESET SESSION AUTHORIZATION;\nRESET ALL;\nDISCARD TEMP;\n";

/** Makes the owner role the one that acts, for the rest of the transaction. */
function renderRole({ role }: SessionRules): string[] {
  return role === undefined ? [] : [`SET LOCAL ROLE ${quoteIdent(role)}`];
}

/** Statements that leave another role set, and the owner role again. */
export function renderAsOthers(statements: readonly string[], rules: SessionRules): string[] {
  return statements.length === 0 ? [] : [...statements, ...renderRole(rules)];
}

/**
 * One migration's transaction: turn taken, ledger checked, script run, row recorded, all or nothing. Whoever runs
 * it, in whatever order and however often, the ledger check lets it take effect once and in its place only.
 */
export function renderTransaction(
  script: ScriptToApply,
  rules: SessionRules,
  options: { durable: boolean; createLedger: boolean },
): TransactionText {
  const { grants = [], releases = [] } = script.rights ?? {};
  const before = [
    ...renderOpening(rules, options),
    ...renderAsOthers(grants, rules),
    ...renderForgetting(script.sql),
    ...(options.createLedger ? renderCreateLedger(rules) : []),
    renderLedgerCheck(script, rules.schema),
    ...(script.lends && rules.role !== undefined ? ["SET LOCAL ROLE NONE"] : []),
  ];
  const head = `${before.join(";\n")};\n`;
  const after = [
    // A script's own limit is for its own statements, not for the record of them or for the next BEGIN.
    ...(/timeout/i.test(script.sql) ? ["RESET statement_timeout"] : []),
    ...renderRoleAgain(rules),
    // Locks of the session would outlast the script, and keep other services' runs waiting.
    ...(/advisory/i.test(script.sql) ? ["SELECT pg_advisory_unlock_all()"] : []),
    ...renderAsOthers(releases, rules),
    renderRecord(script, rules.schema),
    "COMMIT",
  ];
  return {
    // The script may end inside a line comment, or without a semicolon.
    sql: `${head}${script.sql}\n;\n${after.join(";\n")};\n`,
    scriptStart: head.length,
    statementsBefore: before.length,
  };
}

/** What else a session keeps from script to script: statements and cursors by name, which only such words meet. */
function renderForgetting(sql: string): string[] {
  return [
    ...(/\b(?:prepare|execute)\b/i.test(sql) ? ["DEALLOCATE ALL"] : []),
    ...(/\b(?:declare|fetch)\b/i.test(sql) ? ["CLOSE ALL"] : []),
  ];
}

/** The script may have changed who acts, for its transaction or for the session; the ledger belongs to the first. */
function renderRoleAgain(rules: SessionRules): string[] {
  return ["RESET SESSION AUTHORIZATION", ...renderRole(rules)];
}

/** Fails unless the ledger is as planned: a cast of the message to a number raises it as an error (22P02). */
export function renderLedgerCheck(
  { name, direction, previous, expectedRows, recognises }: Omit<ScriptToApply, "sql">,
  schema: string,
): string {
  const rowsOf = (migration: string) => `count(*) FILTER (WHERE migration_name = ${quoteLiteral(migration)})`;
  const up = [
    `${rowsOf(name)} = 0`,
    ...(previous === undefined ? [] : [`${rowsOf(previous)} >= 1`]),
    ...(recognises
      ? [`count(finished_at) FILTER (WHERE ${renderIsOneOf(recognises.names)}) = ${recognises.rows}`]
      : []),
  ];
  // What failed is undone only by a repair.
  const down = [`max(migration_name COLLATE "C") = ${quoteLiteral(name)}`, "count(finished_at) = count(*)"];
  const holds = [`count(*) = ${expectedRows}`, ...(direction === "up" ? up : down)];
  return `SELECT (CASE WHEN ${holds.join(" AND ")} THEN '0' ELSE ${quoteLiteral(LEDGER_CHANGED)} END)::integer
  FROM ${ledgerName(schema)} WHERE rolled_back_at IS NULL`;
}

function renderIsOneOf(names: readonly string[]): string {
  return `migration_name IN (${names.map(quoteLiteral).join(", ")})`;
}

function renderRecord({ name, direction, checksum, recognises }: ScriptToApply, schema: string): string {
  if (direction === "down") return renderRollback(name, schema);
  if (recognises) {
    return `UPDATE ${ledgerName(schema)} SET rolled_back_at = clock_timestamp() WHERE ${renderIsOneOf(recognises.names)} AND rolled_back_at IS NULL;
${renderStamp({ name, checksum }, schema)}`;
  }
  const started = "coalesce(nullif(current_setting('schemata.started_at', true), '')::timestamptz, now())";
  return `INSERT INTO ${ledgerName(schema)} (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
  VALUES (gen_random_uuid()::text, ${quoteLiteral(checksum)}, ${quoteLiteral(name)}, ${started}, clock_timestamp(), 1)`;
}

/** Records a migration as applied without having been run, as `prisma migrate resolve --applied` does. */
export function renderStamp(
  { name, checksum }: Pick<ScriptToApply, "name" | "checksum">,
  schema: string,
): string {
  return `INSERT INTO ${ledgerName(schema)} (id, checksum, migration_name, logs, started_at, finished_at, applied_steps_count)
  VALUES (gen_random_uuid()::text, ${quoteLiteral(checksum)}, ${quoteLiteral(name)}, '', clock_timestamp(), clock_timestamp(), 0)`;
}

/** Records a migration as undone, in the way in which stock Prisma takes it for pending again. */
export function renderRollback(name: string, schema: string): string {
  return `UPDATE ${ledgerName(schema)} SET rolled_back_at = clock_timestamp() WHERE migration_name = ${quoteLiteral(name)} AND rolled_back_at IS NULL`;
}
