import { EXTENSIONS_SCHEMA, type InstalledExtensions } from "../../core/extensions.ts";
import { LEDGER_TABLE } from "../../core/ledger.ts";
import type { OwnerState } from "../../core/plan.ts";
import { appRole, ownerRole } from "../../core/roles.ts";
import type { Client } from "./connect.ts";

/** What a server can do, asked once per run. */
export interface ServerFacts {
  /** `server_version_num`, such as 180004. */
  version: number;
  /** A standby: it replays another server and takes no writes. */
  standby: boolean;
  /** Transactions are read-only by default, for this login or database. */
  readOnly: boolean;
  /** The login is answered by a pooler: the process that answers is not the one that was connected to. */
  pooled: boolean;
  citus: boolean;
  login: string;
  extensions: InstalledExtensions;
}

/** What the database holds of one schema. */
export interface SchemaFacts {
  schema: string;
  /** Column names of its ledger, in order; undefined where it has none. */
  ledgerColumns: string[] | undefined;
  /** Whether the login may read that ledger. */
  ledgerReadable: boolean;
  /** It holds something other than a ledger; asked only where there is no ledger. */
  occupied: boolean;
  owner: OwnerState;
}

/** Asks what the server is; one round trip. */
export async function readServerFacts(client: Client): Promise<ServerFacts> {
  const { rows } = await client.query(`
    SELECT current_setting('server_version_num')::integer AS version,
           pg_is_in_recovery() AS standby,
           current_setting('default_transaction_read_only')::boolean AS read_only,
           pg_backend_pid() AS pid,
           EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') AS citus,
           current_user AS login,
           to_regnamespace('${EXTENSIONS_SCHEMA}') IS NOT NULL AS provisioned,
           (SELECT json_object_agg(extname, nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace) AS schemas`);
  const [row] = rows;
  return {
    version: row.version,
    standby: row.standby,
    readOnly: row.read_only,
    pooled: row.pid !== connectedPid(client),
    citus: row.citus,
    login: row.login,
    extensions: { schemas: row.schemas ?? {}, provisioned: row.provisioned },
  };
}

/** The process that the server named when it let the connection in; a pooler makes one up. */
function connectedPid(client: Client): number | undefined {
  return "processID" in client && typeof client.processID === "number" ? client.processID : undefined;
}

/** Acting as a role takes membership and, since version 16, membership with that right. */
const OWNER_STATE = `CASE
    WHEN r.oid IS NULL THEN 'absent'
    WHEN NOT pg_has_role(r.oid, CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN 'forbidden'
    WHEN l.owner <> r.oid OR NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.app_role) THEN 'incomplete'
    ELSE 'ready' END`;

/** Asks which of the schemas exist and what is in them; one round trip, absent schemas are absent from the answer. */
export async function readSchemaFacts(
  client: Client,
  schemas: readonly string[],
): Promise<Map<string, SchemaFacts>> {
  const { rows } = await client.query(
    `SELECT n.nspname AS schema, ${OWNER_STATE} AS owner, l.columns, has_schema_privilege(n.oid, 'USAGE') AND l.readable AS readable,
            l.columns IS NULL AND (
              EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND ${notOfExtension("pg_class", "c.oid")})
              OR EXISTS (SELECT FROM pg_type t WHERE t.typnamespace = n.oid AND t.typtype IN ('e', 'd', 'r')
                           AND ${notOfExtension("pg_type", "t.oid")})
              OR EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND ${notOfExtension("pg_proc", "p.oid")})
            ) AS occupied
       FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (schema, owner_role, app_role)
       JOIN pg_namespace n ON n.nspname = wanted.schema
       LEFT JOIN pg_roles r ON r.rolname = wanted.owner_role AND r.oid = n.nspowner
       LEFT JOIN LATERAL (
         SELECT array_agg(a.attname::text ORDER BY a.attnum) AS columns,
                bool_and(has_table_privilege(c.oid, 'SELECT')) AS readable, min(c.relowner) AS owner
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          WHERE c.relnamespace = n.oid AND c.relname = '${LEDGER_TABLE}' AND c.relkind IN ('r', 'p')
       ) l ON true`,
    [schemas, schemas.map(ownerRole), schemas.map(appRole)],
  );
  return new Map(
    rows.map((row) => [
      row.schema,
      {
        schema: row.schema,
        ledgerColumns: row.columns ?? undefined,
        ledgerReadable: row.readable === true,
        occupied: row.occupied,
        owner: row.owner,
      },
    ]),
  );
}

function notOfExtension(catalog: string, oid: string): string {
  return `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;
}
