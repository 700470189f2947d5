import type { Failure } from "./errors.ts";
import type { Service } from "./service.ts";
import { quoteIdent } from "./sql.ts";

/** The schema that provision keeps extensions in; where it exists, it is on every service's search path. */
export const EXTENSIONS_SCHEMA = "extensions";

/** The schema of each extension that a database has, by name; and whether it has the one meant for them. */
export interface InstalledExtensions {
  schemas: Readonly<Record<string, string>>;
  provisioned: boolean;
}

/** Statements that make extensions where all services find them; one that lives elsewhere stays there. */
export function renderExtensions(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const schema = quoteIdent(EXTENSIONS_SCHEMA);
  return [
    `CREATE SCHEMA IF NOT EXISTS ${schema};`,
    `GRANT USAGE ON SCHEMA ${schema} TO PUBLIC;`,
    // What an extension needs of others comes with it.
    ...names.map(
      (name) => `CREATE EXTENSION IF NOT EXISTS ${quoteIdent(name)} WITH SCHEMA ${schema} CASCADE;`,
    ),
  ];
}

/** The extensions that services declare, each once. */
export function declaredExtensions(services: readonly Pick<Service, "extensions">[]): string[] {
  return [...new Set(services.flatMap(({ extensions = [] }) => extensions))].sort();
}

/** What is taken for granted of a database that nobody asks: it is provisioned for a service that declares extensions. */
export function unknownExtensions({ extensions = [] }: Pick<Service, "extensions">): InstalledExtensions {
  return { schemas: {}, provisioned: extensions.length > 0 };
}

/** The schemas that a service searches after its own: the one of extensions, and wherever else those that it declares live. */
export function searchPathTail(
  { schema, extensions = [] }: Pick<Service, "schema" | "extensions">,
  { schemas, provisioned }: InstalledExtensions,
): string[] {
  const found = extensions.flatMap((name) => schemas[name] ?? []);
  const tail = [...(provisioned ? [EXTENSIONS_SCHEMA] : []), ...found.sort()];
  return [...new Set(tail)].filter((name) => name !== schema && !name.startsWith("pg_"));
}

/**
 * The same in SQL, for the service whose schema is the parameter $1: an expression for set_config. `declared` is an
 * expression for the array of the extensions that it declares, for databases where they may live anywhere.
 */
export function renderSearchPathSql(declared?: string): string {
  const elsewhere =
    declared === undefined
      ? ""
      : ` OR oid IN (SELECT extnamespace FROM pg_extension WHERE extname = ANY (${declared})) AND nspname !~ '^pg_'`;
  return `concat_ws(', ', quote_ident($1), (SELECT string_agg(quote_ident(nspname), ', ' ORDER BY nspname <> '${EXTENSIONS_SCHEMA}', nspname)
    FROM pg_namespace WHERE (nspname = '${EXTENSIONS_SCHEMA}'${elsewhere}) AND nspname <> $1))`;
}

/** A difference of the engine's, as a script or as a summary, without the making of extensions that provision makes. */
export function withoutExtensions(difference: string, provided: Iterable<string>): string {
  let text = difference;
  for (const name of provided) {
    const create = `-- CreateExtension\nCREATE EXTENSION IF NOT EXISTS ${quoteIdent(name)}`;
    for (let start = text.indexOf(create); start !== -1; start = text.indexOf(create, start)) {
      const end = text.indexOf(";", start) + 1;
      text = text.slice(0, start) + text.slice(end).replace(/^\n+/, "");
    }
    text = text.replace(`\n[+] Added extensions\n  - ${name}\n`, "");
  }
  return text;
}

/** Why a service cannot be upgraded for want of an extension that it declares, where that is so. */
export function refuseWithoutExtensions(
  { name, schemaFile, extensions = [] }: Service,
  { schemas }: InstalledExtensions,
): Failure | undefined {
  const missing = extensions.filter((extension) => !Object.hasOwn(schemas, extension));
  if (missing.length === 0) return undefined;
  return {
    fact: `${name}: this database lacks the extension ${missing.map((one) => `"${one}"`).join(", ")}`,
    why: `${schemaFile} declares it, and a service's owner role may not make extensions`,
    fix: "make provision",
  };
}
