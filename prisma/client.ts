import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PrismaPg } from "@prisma/adapter-pg";
import { renderSearchPathSql } from "../scripts/core/extensions.ts";
import { appRole } from "../scripts/core/roles.ts";
import { parseExtensions } from "../scripts/core/schemaFile.ts";
import { pinToSchema, readServiceSettings } from "./database.ts";
import { parseTarget } from "./engine/connection.ts";

export interface PinnedAdapterOptions {
  schema: string;
  /** Default: the workspace's database, as its services' configurations read it. */
  url?: string | undefined;
  /** `import.meta.url` of a file in services/<name>/src. */
  from: string;
}

/** Where the database has the service's app role and the login may act as it, that is all that the client may do. */
const PIN = `SELECT set_config('search_path', ${renderSearchPathSql("$3::text[]")}, false), (
  SELECT set_config('role', rolname, false) FROM pg_roles WHERE rolname = $2 AND pg_has_role(oid, 'MEMBER')
     AND has_schema_privilege(oid, to_regnamespace(quote_ident($1)), 'USAGE'))`;

/**
 * The driver adapter of a service's typed client: generated queries name the schema, and raw SQL finds it and the
 * extensions, and nothing else, by its search path.
 */
export function pinnedAdapter({ schema, url, from }: PinnedAdapterOptions): PrismaPg {
  const serviceDir = dirname(dirname(fileURLToPath(from)));
  const { config } = parseTarget(pinToSchema(url ?? readServiceSettings(serviceDir).databaseUrl, schema));
  const extensions = readExtensions(serviceDir);
  const pool = {
    ...config,
    application_name: schema,
    // After connecting, since poolers refuse start-up parameters.
    onConnect: async (client: { query(sql: string, values: unknown[]): Promise<unknown> }) => {
      await client.query(PIN, [schema, appRole(schema), extensions]);
    },
  };
  return new PrismaPg(pool as ConstructorParameters<typeof PrismaPg>[0], { schema });
}

/** The extensions that the service declares; its schema file need not be there where its program runs. */
function readExtensions(serviceDir: string): string[] {
  const file = join(serviceDir, "schema.prisma");
  return existsSync(file) ? parseExtensions(readFileSync(file, "utf8")) : [];
}
