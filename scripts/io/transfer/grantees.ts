import type { ServicePlan } from "../../core/plan.ts";
import { appRole, ownerRole } from "../../core/roles.ts";
import { quoteIdent } from "../../core/sql.ts";
import type { Transfer } from "../../core/transfer/transfer.ts";
import type { Client } from "../postgres/connect.ts";

/**
 * The plans, with a warning of each role that keeps its rights on a table that moves, or on a column of it, and cannot
 * use them there: rights on the schema are nobody's to give but its owner's.
 */
export async function warnOfGrantees(plans: readonly ServicePlan[], client: Client): Promise<ServicePlan[]> {
  const warned: ServicePlan[] = [];
  for (const plan of plans) {
    const warnings: string[] = [];
    for (const { transfer } of plan.pending) {
      if (transfer) warnings.push(...(await describeGrantees(client, plan.service.name, transfer)));
    }
    warned.push(warnings.length > 0 ? { ...plan, warnings: [...plan.warnings, ...warnings] } : plan);
  }
  return warned;
}

async function describeGrantees(client: Client, service: string, transfer: Transfer): Promise<string[]> {
  const { table, to } = transfer;
  const grantees = await readGrantees(client, transfer);
  const schema = quoteIdent(to);
  return grantees.map((role) => {
    const shown = role === null ? "PUBLIC" : quoteIdent(role);
    return `${service}: ${shown} keeps its rights on the table ${quoteIdent(table)}, and may not use the schema ${schema} that this goes to; if it shall: GRANT USAGE ON SCHEMA ${schema} TO ${shown}; if not, revoke them`;
  });
}

/** Roles with rights there, beside those that the transfer itself sees to; null is PUBLIC. */
async function readGrantees(client: Client, { table, from, to }: Transfer): Promise<(string | null)[]> {
  const roles = [from, to].flatMap((schema) => [ownerRole(schema), appRole(schema)]);
  const { rows } = await client.query(
    `WITH moved AS (SELECT c.oid, c.relowner, c.relacl FROM pg_class c WHERE c.oid = to_regclass($1)),
          granted AS (SELECT a.grantee FROM moved m CROSS JOIN LATERAL aclexplode(m.relacl) a WHERE a.grantee <> m.relowner
                UNION SELECT a.grantee FROM moved m JOIN pg_attribute c ON c.attrelid = m.oid AND NOT c.attisdropped
                        CROSS JOIN LATERAL aclexplode(c.attacl) a WHERE a.grantee <> m.relowner)
     SELECT r.rolname AS role FROM granted g LEFT JOIN pg_roles r ON r.oid = g.grantee
      WHERE (r.rolname IS NULL OR r.rolname <> ALL ($2::text[]))
        AND has_schema_privilege(coalesce(r.rolname, 'public'), to_regnamespace($3)::oid, 'USAGE') IS NOT TRUE
      ORDER BY r.rolname COLLATE "C"`,
    [`${quoteIdent(from)}.${quoteIdent(table)}`, roles, quoteIdent(to)],
  );
  return rows.map(({ role }) => role);
}
