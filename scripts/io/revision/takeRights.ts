import { renderSearchPathSql } from "../../core/extensions.ts";
import { groupBy } from "../../core/groupBy.ts";
import { LEDGER_TABLE } from "../../core/ledger.ts";
import { appRole, ownerRole } from "../../core/roles.ts";
import type { Service } from "../../core/service.ts";
import { quoteIdent, quoteLiteral } from "../../core/sql.ts";
import {
  areSame,
  type HeldRights,
  objectKey,
  planRights,
  type RightsPlan,
  readGuarded,
} from "../../core/takenRights.ts";
import { loadSqlParser } from "../parser.ts";
import { type Client, sqlState } from "../postgres/connect.ts";
import { runAs } from "../shadow/prove.ts";
import { inScratch, type Shadow } from "../shadow/shadow.ts";
import { readMigrations, readScript } from "../workspace.ts";
import { readHeldRights } from "./heldRights.ts";

/** What of a live schema's rights a migration takes along, and what is to be said of the rest. */
export interface TakenRights {
  up: string;
  down: string;
  /** Sentences. */
  warnings: string[];
}

interface Request {
  service: Service;
  live: HeldRights;
  /** What the migration does beside. */
  sql: string;
}

/** Works out, and proves on the shadow database, what the service's program and everybody may do there and not elsewhere. */
export async function takeRights({ client }: Shadow, request: Request): Promise<TakenRights> {
  const { service, live } = request;
  const app = appRole(service.schema);
  const { plan, says } = await inScratch(client, () => draft(client, request, app));
  return {
    ...plan,
    warnings: [...warnOfOwners(service, live), ...warnOfRights(service, plan, { app, says })],
  };
}

/** Whose rights a migration may change. */
type Says = ReadonlySet<string | null>;

async function draft(
  client: Client,
  { service, live, sql }: Request,
  app: string,
): Promise<{ plan: RightsPlan; says: Says }> {
  const { schema } = service;
  const known = await client.query("SELECT FROM pg_roles WHERE rolname = $1", [app]);
  const knowsApp = known.rows.length > 0;
  await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [schema]);
  const kept = new Set((await readHeldRights(client, schema)).owners.map(objectKey));
  if (knowsApp) {
    await client.query(renderDefaults(schema, app).join(";\n"));
    await repeatGrants(client, service);
  }
  if (sql !== "") await runAs(client, schema, sql);
  const found = await readHeldRights(client, schema);
  const expected = knowsApp ? found : withDefaults(found, app);
  const says: Says = new Set(knowsApp ? [app, null] : [null]);
  const request = { schema, expected, live, sides: { schema, app, says, kept } };
  const plan = planRights(expected, live, request.sides);
  if (plan.up === "" || (await isProven(client, plan, request))) return { plan, says };
  const none: Says = new Set();
  return { plan: planRights(expected, live, { ...request.sides, says: none }), says: none };
}

interface Proof {
  schema: string;
  expected: HeldRights;
  live: HeldRights;
  sides: Parameters<typeof planRights>[2];
}

/** Whether up leads to what the database has, and down back. */
async function isProven(
  client: Client,
  { up, down }: RightsPlan,
  { schema, expected, live, sides }: Proof,
): Promise<boolean> {
  try {
    await runAs(client, schema, up);
    if (planRights(await readHeldRights(client, schema), live, sides).up !== "") return false;
    await runAs(client, schema, down);
    return areSame(await readHeldRights(client, schema), expected, sides);
  } catch (error) {
    if (sqlState(error) === undefined) throw error;
    return false;
  }
}

/** What a database with roles gives the service's program; the shadow database has no such defaults. */
function renderDefaults(schema: string, app: string): string[] {
  const [name, role] = [schema, app].map(quoteIdent);
  const rights = [
    ["SELECT, INSERT, UPDATE, DELETE", "TABLES"],
    ["USAGE, SELECT, UPDATE", "SEQUENCES"],
  ];
  return [
    ...rights.flatMap(([what, kind]) => [
      `GRANT ${what} ON ALL ${kind} IN SCHEMA ${name} TO ${role}`,
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ${name} GRANT ${what} ON ${kind} TO ${role}`,
    ]),
    `DO $$ BEGIN IF to_regclass(${quoteLiteral(`${name}.${quoteIdent(LEDGER_TABLE)}`)}) IS NOT NULL THEN REVOKE ALL ON ${name}.${quoteIdent(LEDGER_TABLE)} FROM ${role}; END IF; END $$`,
  ];
}

function withDefaults(held: HeldRights, app: string): HeldRights {
  const defaults: Partial<Record<string, string[]>> = {
    TABLE: ["SELECT", "INSERT", "UPDATE", "DELETE"],
    SEQUENCE: ["USAGE", "SELECT", "UPDATE"],
  };
  const rights = held.owners.flatMap(({ kind, name }) =>
    (defaults[kind] ?? []).map((privilege) => ({ kind, name, column: null, grantee: app, privilege })),
  );
  return { ...held, rights: [...held.rights, ...rights] };
}

/** Grants and revokes again, on top of the defaults, what the history does; what has another name by now is left. */
async function repeatGrants(client: Client, service: Service): Promise<void> {
  for (const migration of readMigrations(service)) {
    const script = readScript(service, migration);
    if (!/\b(?:grant|revoke)\b/i.test(script)) continue;
    const { parseSql } = await loadSqlParser();
    const parsed = parseSql(script);
    if (!parsed.ok) continue;
    for (const { kind, start, end } of parsed.statements) {
      const text = script.slice(start, end);
      const statements = kind === "GrantStmt" ? [text] : kind === "DoStmt" ? (readGuarded(text) ?? []) : [];
      for (const statement of statements) await tryStatement(client, statement);
    }
  }
}

async function tryStatement(client: Client, statement: string): Promise<void> {
  await client.query("SAVEPOINT grants");
  try {
    await client.query(statement);
    await client.query("RELEASE SAVEPOINT grants");
  } catch (error) {
    if (sqlState(error) === undefined) throw error;
    await client.query("ROLLBACK TO SAVEPOINT grants");
  }
}

/** Objects that the service's migrations could not change, since somebody else has made them. */
function warnOfOwners({ name: service, schema }: Service, { owners, isManaged }: HeldRights): string[] {
  if (!isManaged) return [];
  const byOwner = groupBy(owners, ({ owner }) => owner);
  byOwner.delete(ownerRole(schema));
  return [...byOwner].map(([owner, objects]) => {
    const [first, ...more] = objects;
    const what = `${first?.name}${more.length > 0 ? ` and ${more.length} more` : ""}`;
    const verb = more.length > 0 ? "belong" : "belongs";
    return `${what} ${verb} to ${quoteIdent(owner)} in this database, not to ${quoteIdent(ownerRole(schema))} as elsewhere, so that the next migration of ${service} could not change ${more.length > 0 ? "them" : "it"}: make provision hands ${more.length > 0 ? "them" : "it"} over`;
  });
}

function warnOfRights(
  { schema }: Service,
  { byHand }: RightsPlan,
  { app, says }: { app: string; says: Says },
): string[] {
  return [...byHand].map(([role, statements]) => {
    const shown = role ?? "PUBLIC";
    const why =
      role === null
        ? "since everybody is more than one service"
        : role === app && !says.has(app)
          ? "since the shadow database could not prove them"
          : "since other databases may not have these roles";
    return `rights of ${shown} are not in the migration, ${why}; where they are wanted: SET search_path = ${quoteIdent(schema)}; ${statements.join("; ")};`;
  });
}
