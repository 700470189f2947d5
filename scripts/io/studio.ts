import { renderSearchPathSql } from "../core/extensions.ts";
import { appRole } from "../core/roles.ts";
import type { Service } from "../core/service.ts";
import { withConnection } from "./postgres/connect.ts";
import { readServerFacts } from "./postgres/facts.ts";

/**
 * The database's address with the service's app role in it: whoever connects with it may do what the service's program
 * may. Undefined where the role is not there, or not the login's to act as, or a pooler would not hear of it.
 */
export async function actAsApp(url: string, service: Service): Promise<string | undefined> {
  const path = await withConnection(url, async (client) => {
    if ((await readServerFacts(client)).pooled) return undefined;
    const { rows } = await client.query(
      `SELECT ${renderSearchPathSql("$3::text[]")} AS path FROM pg_roles r
        WHERE r.rolname = $2 AND has_schema_privilege(r.oid, to_regnamespace(quote_ident($1)), 'USAGE')
          AND pg_has_role(r.oid, CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)`,
      [service.schema, appRole(service.schema), service.extensions ?? []],
    );
    return rows[0]?.path as string | undefined;
  });
  if (path === undefined) return undefined;
  const acting = new URL(url);
  const settings = { role: appRole(service.schema), search_path: path };
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${escapeOption(value)}`);
  const given = acting.searchParams.get("options");
  acting.searchParams.set("options", [...(given ? [given] : []), ...options].join(" "));
  return acting.href;
}

/** Options are divided at spaces. */
function escapeOption(value: string): string {
  return value.replaceAll(/[\\\s]/g, "\\$&");
}
