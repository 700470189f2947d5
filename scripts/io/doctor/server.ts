import { type Diagnosis, diagnoseFailure } from "../../core/doctor.ts";
import { failureOf, SchemataError } from "../../core/errors.ts";
import { compareHistory } from "../../core/history.ts";
import { refuse, type ServiceFacts } from "../../core/plan.ts";
import { ownerRole } from "../../core/roles.ts";
import type { Service } from "../../core/service.ts";
import type { Settings } from "../../core/settings.ts";
import { shadowDatabaseName } from "../../core/shadow.ts";
import { quoteIdent } from "../../core/sql.ts";
import { renderCount } from "../../core/table.ts";
import {
  type Client,
  closeConnection,
  connect,
  databaseName,
  describeServer,
  sqlState,
} from "../postgres/connect.ts";
import { readServerFacts } from "../postgres/facts.ts";
import { findPostgresPackage } from "../server/binaries.ts";
import { serverStatus } from "../server/server.ts";
import { gatherFacts } from "../upgrade/gather.ts";
import { diagnoseExtensions } from "./extensions.ts";

const area = "server";

/** The server, the login's rights, the shadow database, and each service's schema and ledger. Changes and starts nothing. */
export async function diagnoseServer(settings: Settings, services: readonly Service[]): Promise<Diagnosis[]> {
  const port = settings.databaseFrom === "embedded" ? await diagnosePort(settings) : [];
  if (port.some(({ state }) => state !== "ok")) return port;
  let client: Client;
  try {
    client = await connect(settings.databaseUrl);
  } catch (error) {
    return [...port, ...diagnoseNoConnection(error, settings), ...(await diagnoseNamedShadow(settings))];
  }
  try {
    const rights = await readRights(client, settings);
    const facts = await gatherFacts(
      client,
      services.filter(({ problem }) => !problem),
    );
    return [
      ...port,
      ...(await diagnoseFacts(client, settings)),
      ...diagnoseRights(rights, { facts, database: databaseName(settings.databaseUrl) }),
      ...(await diagnoseExtensions(client, facts, { own: settings.databaseFrom === "embedded" })),
      ...(await diagnoseShadow(rights, settings)),
      ...facts.map(diagnoseService),
    ];
  } finally {
    await closeConnection(client);
  }
}

async function diagnosePort(settings: Settings): Promise<Diagnosis[]> {
  try {
    const server = await serverStatus(settings);
    if (server) {
      const how = server.by === "docker" ? "in Docker" : "embedded";
      return [
        { area, state: "ok", fact: `the workspace's own server (${how}) answers on port ${server.port}` },
      ];
    }
    const fact = `the workspace's own server does not run; port ${settings.dbPort} is free for it`;
    return [
      {
        area,
        state: "skipped",
        fact,
        fix: "make start-db, then look again; other commands start it by themselves",
      },
    ];
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    return [diagnoseFailure(area, failureOf(error))];
  }
}

function diagnoseNoConnection(error: unknown, { databaseUrl }: Settings): Diagnosis[] {
  if (!(error instanceof SchemataError)) throw error;
  if (sqlState(error.cause) !== "3D000") return [diagnoseFailure(area, failureOf(error))];
  const fact = `the server at ${describeServer(databaseUrl)} answers, and has no database "${databaseName(databaseUrl)}" yet`;
  return [
    {
      area,
      state: "warning",
      fact,
      fix: "make upgrade-head creates it, where the login may; or correct DATABASE_URL",
    },
  ];
}

async function diagnoseFacts(client: Client, { databaseUrl }: Settings): Promise<Diagnosis[]> {
  const facts = await readServerFacts(client);
  const { rows } = await client.query("SELECT current_setting('server_encoding') AS encoding");
  const major = Math.floor(facts.version / 10_000);
  const where = `PostgreSQL ${major}.${facts.version % 10_000} at ${describeServer(databaseUrl)}, database "${databaseName(databaseUrl)}", as "${facts.login}"`;
  const found: Diagnosis[] = [{ area, state: "ok", fact: `${where}${facts.citus ? ", with Citus" : ""}` }];
  if (major < 14)
    found.push({ area, state: "broken", fact: `PostgreSQL ${major} is too old`, fix: "use 14 or newer" });
  else if (major > 18)
    found.push({
      area,
      state: "warning",
      fact: `PostgreSQL ${major} is newer than the tool is tested with`,
      fix: "use 14 to 18",
    });
  if (facts.standby)
    found.push({
      area,
      state: "broken",
      fact: "the server is a standby and takes no writes",
      fix: "set DATABASE_URL to the primary",
    });
  else if (facts.readOnly)
    found.push({
      area,
      state: "broken",
      fact: "transactions are read-only by default for this login or database",
      fix: `ALTER DATABASE ${quoteIdent(databaseName(databaseUrl))} RESET default_transaction_read_only; or the same for the role`,
    });
  if (facts.pooled)
    found.push({
      area,
      state: "warning",
      fact: "the login is answered by a connection pooler",
      why: "scripts that need a session of their own (CREATE INDEX CONCURRENTLY) and the shadow database do not work through it",
      fix: "set DATABASE_URL to the server itself where migrations run",
    });
  if (rows[0]?.encoding !== "UTF8")
    found.push({
      area,
      state: "warning",
      fact: `the database's encoding is ${rows[0]?.encoding}, and scripts are UTF-8`,
      fix: "make the database with ENCODING 'UTF8'",
    });
  return found;
}

interface Rights {
  login: string;
  createsSchemas: boolean;
  createsDatabases: boolean;
  createsRoles: boolean;
  shadowExists: boolean;
}

async function readRights(client: Client, { databaseUrl }: Settings): Promise<Rights> {
  const { rows } = await client.query(
    `SELECT rolname AS login, rolcreatedb OR rolsuper AS databases, rolcreaterole OR rolsuper AS roles,
            has_database_privilege(current_database(), 'CREATE') AS schemas,
            EXISTS (SELECT FROM pg_database WHERE datname = $1) AS shadow
       FROM pg_roles WHERE rolname = current_user`,
    [shadowDatabaseName(databaseName(databaseUrl))],
  );
  const { login, databases, roles, schemas, shadow } = rows[0];
  return {
    login,
    createsSchemas: schemas,
    createsDatabases: databases,
    createsRoles: roles,
    shadowExists: shadow,
  };
}

function diagnoseRights(
  { login, createsSchemas, createsRoles }: Rights,
  { facts, database }: { facts: readonly ServiceFacts[]; database: string },
): Diagnosis[] {
  const absent = facts.filter(({ schemaExists }) => !schemaExists).map(({ service }) => service.name);
  const found: Diagnosis[] = [];
  if (createsSchemas)
    found.push({ area, state: "ok", fact: `"${login}" may create schemas in the database` });
  else if (absent.length === 0)
    found.push({
      area,
      state: "ok",
      fact: `"${login}" may not create schemas, and need not: every service has its own`,
    });
  else
    found.push({
      area,
      state: "broken",
      fact: `"${login}" may not create schemas, and ${absent.join(", ")} ${absent.length === 1 ? "has" : "have"} none yet`,
      fix: `let an administrator run: GRANT CREATE ON DATABASE ${quoteIdent(database)} TO ${quoteIdent(login)}; or what schemata provision --dry-run prints`,
    });
  const without = facts.filter(({ owner }) => owner === "absent").map(({ service }) => service.name);
  if (without.length === 0 && facts.length > 0)
    found.push({ area, state: "ok", fact: "every service has its owner role and its app role" });
  else if (without.length > 0)
    found.push({
      area,
      state: "warning",
      fact: `no owner role for ${without.join(", ")}, so migrations run as "${login}"`,
      fix: createsRoles
        ? "make provision"
        : "let an administrator run what schemata provision --dry-run prints",
    });
  return found;
}

async function diagnoseShadow(rights: Rights, settings: Settings): Promise<Diagnosis[]> {
  if (settings.shadowDatabaseUrl !== undefined) return diagnoseNamedShadow(settings);
  const name = shadowDatabaseName(databaseName(settings.databaseUrl));
  const place = "shadow database";
  if (rights.shadowExists) return [{ area: place, state: "ok", fact: `"${name}", beside the shared one` }];
  if (rights.createsDatabases)
    return [{ area: place, state: "ok", fact: `"${name}" will be made beside the shared one` }];
  try {
    findPostgresPackage();
    return [
      {
        area: place,
        state: "ok",
        fact: `on the workspace's own server, since "${rights.login}" may not create databases`,
      },
    ];
  } catch {
    return [
      {
        area: place,
        state: "broken",
        fact: `there is no place for it: "${rights.login}" lacks CREATEDB, and the embedded server is not installed`,
        fix: `let an administrator run: ALTER ROLE ${quoteIdent(rights.login)} CREATEDB; or set SHADOW_DATABASE_URL to an empty database`,
      },
    ];
  }
}

async function diagnoseNamedShadow({ shadowDatabaseUrl, databaseUrl }: Settings): Promise<Diagnosis[]> {
  if (shadowDatabaseUrl === undefined) return [];
  const place = "shadow database";
  const name = `SHADOW_DATABASE_URL: "${databaseName(shadowDatabaseUrl)}" at ${describeServer(shadowDatabaseUrl)}`;
  if (
    describeServer(shadowDatabaseUrl) === describeServer(databaseUrl) &&
    databaseName(shadowDatabaseUrl) === databaseName(databaseUrl)
  )
    return [
      {
        area: place,
        state: "broken",
        fact: `${name} is the shared database itself`,
        why: "schemas in it are dropped and made again",
        fix: "set it to another, empty database, or unset it",
      },
    ];
  try {
    const client = await connect(shadowDatabaseUrl);
    try {
      const { pooled, standby } = await readServerFacts(client);
      const wrong = pooled
        ? "is reached through a connection pooler"
        : standby
          ? "lies on a standby"
          : undefined;
      if (wrong === undefined) return [{ area: place, state: "ok", fact: name }];
      return [
        {
          area: place,
          state: "broken",
          fact: `${name} ${wrong}`,
          fix: "set it to a database on a server itself",
        },
      ];
    } finally {
      await closeConnection(client);
    }
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    const state = sqlState(error.cause) === "3D000" ? "warning" : "broken";
    const fix = "correct SHADOW_DATABASE_URL, or unset it: then one is made beside the shared database";
    return [{ area: place, state, fact: `${name}: ${error.message}`, fix }];
  }
}

function diagnoseService(facts: ServiceFacts): Diagnosis {
  const { service, migrations, ledger } = facts;
  const standing = compareHistory(migrations, ledger);
  const refusal = refuse(facts, standing);
  if (refusal) return diagnoseFailure("services", refusal);
  const { applied, pending } = standing;
  const as = facts.owner === "ready" ? `, owned by "${ownerRole(service.schema)}"` : "";
  const form = facts.ledgerColumns === undefined ? "no ledger yet" : "a ledger in Prisma's form";
  const counts = `${applied.length} of ${renderCount(applied.length + pending.length, "migration")} applied`;
  return { area: "services", state: "ok", fact: `${service.name}: ${counts}, ${form}${as}` };
}
