/** What a service's schema file repeats of other services: theirs to migrate, so Prisma must leave it alone. */
export interface Externals {
  /** Tables as `schema.table`, by the names that the database knows. */
  tables: string[];
  enums: string[];
}

const BLOCK = /^[ \t]*(model|enum)[ \t]+(\w+)[ \t]*\{\n?([\s\S]*?)^[ \t]*\}/gm;

/** The models and enums of a schema file that lie in another schema than its own. */
export function parseExternals(text: string, own: string): Externals {
  const externals: Externals = { tables: [], enums: [] };
  for (const [, kind, name, body = ""] of text.matchAll(BLOCK)) {
    const schema = blockAttribute(body, "schema");
    if (schema === undefined || schema === own) continue;
    const inDatabase = `${schema}.${blockAttribute(body, "map") ?? name}`;
    (kind === "model" ? externals.tables : externals.enums).push(inDatabase);
  }
  return externals;
}

/** The text in `@@name("text")`, outside of comments. */
function blockAttribute(body: string, name: string): string | undefined {
  const pattern = new RegExp(`^[ \\t]*@@${name}\\([ \\t]*(?:name:[ \\t]*)?("(?:\\\\.|[^"\\\\\\n])*")`, "m");
  const [, quoted] = pattern.exec(body) ?? [];
  return quoted === undefined ? undefined : (JSON.parse(quoted) as string);
}
