import { ownerRole } from "../../core/roles.ts";
import type { Client } from "./connect.ts";

/** What a service's roles may do in another schema as it is now. */
export interface HeldRights {
  owner: string;
  /** Whether the login may act as the schema's owner, and so grant. */
  mayGrant: boolean;
  /** All of the roles may name what is in the schema. */
  usage: boolean;
  /** The tables among those asked for that the first of them may refer to. */
  tables: string[];
}

/** The services, by schema, whose roles were granted the use of another's. */
export async function readHolders(client: Client, schemas: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query(
    `SELECT DISTINCT wanted.schema
       FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a JOIN pg_roles r ON r.oid = a.grantee
       JOIN unnest($1::text[], $2::text[]) AS wanted (schema, role) ON wanted.role = r.rolname
      WHERE n.nspname <> wanted.schema AND a.privilege_type = 'USAGE'`,
    [schemas, schemas.map(ownerRole)],
  );
  return new Set(rows.map(({ schema }) => schema));
}

/** What roles may do in a schema; undefined where that, or the first of them, does not exist. */
export async function readRights(
  client: Client,
  { roles, schema, tables }: { roles: readonly string[]; schema: string; tables: readonly string[] },
): Promise<HeldRights | undefined> {
  const { rows } = await client.query(
    `SELECT pg_get_userbyid(n.nspowner) AS owner,
            pg_has_role(n.nspowner, CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END) AS may_grant,
            (SELECT bool_and(has_schema_privilege(one.oid, n.oid, 'USAGE')) FROM pg_roles one WHERE one.rolname = ANY ($1)) AS usage,
            ARRAY(SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = ANY ($3)
                     AND has_table_privilege(r.oid, c.oid, 'REFERENCES')) AS tables
       FROM pg_namespace n JOIN pg_roles r ON r.rolname = ($1::text[])[1] WHERE n.nspname = $2`,
    [roles, schema, tables],
  );
  const [row] = rows;
  return row && { owner: row.owner, mayGrant: row.may_grant, usage: row.usage, tables: row.tables };
}
