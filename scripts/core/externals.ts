import { readDefinitions } from "./models.ts";
import { unquoteString } from "./schemaText.ts";

/** What a service's schema file repeats of other services: theirs to migrate, so Prisma must leave it alone. */
export interface Externals {
  /** Tables as `schema.table`, by the names that the database knows. */
  tables: string[];
  enums: string[];
}

/** The models and enums of a schema file that lie in another schema than its own. */
export function parseExternals(text: string, own: string): Externals {
  const externals: Externals = { tables: [], enums: [] };
  if (!namesOthers(text, own)) return externals;
  for (const { kind, schema, inDatabase } of readDefinitions(text, own)) {
    if (schema !== own)
      (kind === "model" ? externals.tables : externals.enums).push(`${schema}.${inDatabase}`);
  }
  return externals;
}

/** Told from the text alone: most services repeat nothing, and a file of a hundred models takes a while to read. */
function namesOthers(text: string, own: string): boolean {
  for (const [, name] of text.matchAll(/@@\s*schema\b(?:\s*\(\s*(?:name\s*:\s*)?("(?:\\.|[^"\\\n])*"))?/g)) {
    if (name === undefined || unquoteString(name) !== own) return true;
  }
  return false;
}
