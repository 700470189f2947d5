import { LEDGER_TABLE } from "../../core/ledger.ts";
import { ownerRole } from "../../core/roles.ts";
import type { HeldRight, HeldRights } from "../../core/takenRights.ts";
import type { Client } from "../postgres/connect.ts";

const ofExtension = (catalog: string, oid: string) =>
  `EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;

/** Every object of a schema ($1) on which there are rights, but the ledger ($2); who owns it, and what is granted. */
const PLACED = `
  SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, c.oid::regclass::text AS name, c.relowner AS owner,
         coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl
    FROM pg_class c WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
     AND c.relname <> $2 AND NOT ${ofExtension("pg_class", "c.oid")}
  UNION ALL
  SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
    FROM pg_proc p WHERE p.pronamespace = to_regnamespace(quote_ident($1)) AND NOT ${ofExtension("pg_proc", "p.oid")}
  UNION ALL
  SELECT 'TYPE', t.oid::regtype::text, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
    FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
   WHERE t.typnamespace = to_regnamespace(quote_ident($1)) AND NOT ${ofExtension("pg_type", "t.oid")}
     AND (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c')`;

const RIGHTS = `
  WITH placed AS (${PLACED}),
       held AS (SELECT p.kind, p.name, NULL AS "column", p.owner, a.grantee, a.privilege_type AS privilege
                  FROM placed p CROSS JOIN LATERAL aclexplode(p.acl) a
                UNION ALL
                SELECT 'TABLE', c.oid::regclass::text, quote_ident(n.attname), c.relowner, a.grantee, a.privilege_type
                  FROM pg_class c JOIN pg_attribute n ON n.attrelid = c.oid AND NOT n.attisdropped CROSS JOIN LATERAL aclexplode(n.attacl) a
                 WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relname <> $2)
  SELECT h.kind, h.name, h."column", r.rolname AS grantee, h.privilege
    FROM held h LEFT JOIN pg_roles r ON r.oid = h.grantee
   WHERE h.grantee <> h.owner AND (h.grantee = 0 OR r.oid IS NOT NULL)
   ORDER BY h.kind DESC, h.name COLLATE "C", r.rolname COLLATE "C", h."column" COLLATE "C" NULLS FIRST, h.privilege`;

/** Reads who owns a schema's objects and who may do what with them, by the names that the search path gives them. */
export async function readHeldRights(client: Client, schema: string): Promise<HeldRights> {
  const values = [schema, LEDGER_TABLE];
  const rights = await client.query<HeldRight>(RIGHTS, values);
  const owners = await client.query<HeldRights["owners"][number]>(
    `SELECT kind, name, r.rolname AS owner FROM (${PLACED}) placed JOIN pg_roles r ON r.oid = owner ORDER BY kind DESC, name COLLATE "C"`,
    values,
  );
  const { rows } = await client.query(
    "SELECT r.rolname = $2 AS managed FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = $1",
    [schema, ownerRole(schema)],
  );
  return { rights: rights.rows, owners: owners.rows, isManaged: rows[0]?.managed === true };
}
