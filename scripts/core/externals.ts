import { readDefinitions } from "./models.ts";

/** What a service's schema file repeats of other services: theirs to migrate, so Prisma must leave it alone. */
export interface Externals {
  /** Tables as `schema.table`, by the names that the database knows. */
  tables: string[];
  enums: string[];
}

/** The models and enums of a schema file that lie in another schema than its own. */
export function parseExternals(text: string, own: string): Externals {
  const externals: Externals = { tables: [], enums: [] };
  for (const { kind, schema, inDatabase } of readDefinitions(text, own)) {
    if (schema !== own)
      (kind === "model" ? externals.tables : externals.enums).push(`${schema}.${inDatabase}`);
  }
  return externals;
}
