import { addModels } from "../../core/baseline/schemaFile.ts";
import type { CatalogLike } from "../../core/catalog.ts";
import { DRIFT_KINDS, splitCatalog } from "../../core/check/drift.ts";
import { fail } from "../../core/errors.ts";
import { renderSearchPathSql } from "../../core/extensions.ts";
import { parseExternals } from "../../core/externals.ts";
import { ledgerName } from "../../core/ledger.ts";
import { readCatalog } from "../postgres/catalog.ts";
import { type Client, databaseName, withConnection } from "../postgres/connect.ts";
import { explainEngine } from "../revision/engine.ts";
import { inScratch } from "../shadow/shadow.ts";
import { gatherFacts } from "../upgrade/gather.ts";
import { readDefinitions } from "./definitions.ts";
import type { BaselineTarget } from "./target.ts";

/** What an existing schema holds, in the three ways in which it is written down. */
export interface Existing {
  /** `server_version_num`. */
  version: number;
  catalog: CatalogLike;
  /** The schema file with its models. */
  schemaFile: string;
  /** What Prisma's introspection says that it cannot express. */
  warnings: string | undefined;
  /** By the catalog's own definitions. */
  definitions: { up: string; down: string };
  /** Others than the service's own roles that have rights there: role names. */
  grantees: string[];
}

/** Reads a schema that nobody's migrations have made; changes nothing. */
export async function readExisting(url: string, { service, text }: BaselineTarget): Promise<Existing> {
  return withConnection(url, async (client) => {
    await requireUnowned(client, { url, service });
    return inScratch(client, async () => {
      const definitions = await readDefinitions(client, service.schema);
      return { ...(await readSchema(client, { url, service, text })), definitions };
    });
  });
}

/** What a schema holds, as its catalog has it and as a schema file would, within the transaction that is open. */
export async function readSchema(
  client: Client,
  { url, service, text }: { url: string } & Pick<BaselineTarget, "service" | "text">,
): Promise<Omit<Existing, "definitions">> {
  const { rows } = await client.query("SELECT current_setting('server_version_num')::integer AS version");
  const { catalog, grantees } = await readPlainCatalog(client, service.schema);
  // The catalog was read under none.
  await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [service.schema]);
  const { schemaFile, warnings } = await introspect(client, { url, service, text });
  return { version: rows[0].version, catalog, grantees, schemaFile, warnings };
}

/** What migrations decide of a schema, but the rights that they need not know of. */
export async function readPlainCatalog(
  client: Client,
  schema: string,
): Promise<ReturnType<typeof withoutGrants>> {
  const catalog = await readCatalog(client, [schema], DRIFT_KINDS);
  return withoutGrants(splitCatalog(catalog, [schema]).get(schema) ?? {});
}

async function requireUnowned(
  client: Client,
  { url, service }: { url: string } & Pick<BaselineTarget, "service">,
): Promise<void> {
  const { name, schema } = service;
  const [facts] = await gatherFacts(client, [{ ...service, dir: `${service.dir}/.` }]);
  if (facts?.problem) fail(facts.problem);
  if (!facts?.schemaExists) {
    const { rows } = await client.query(
      "SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1",
    );
    fail({
      fact: `${name}: the database "${databaseName(url)}" has no schema "${schema}"`,
      why: `it has ${rows.map((row) => row.name).join(", ")}`,
      fix: `schemata baseline --app ${name} --schema <one of these>; a service with nothing to adopt begins with make revision app=${name} m="init"`,
    });
  }
  const live = facts?.ledger.filter(({ rolledBackAt }) => rolledBackAt === null) ?? [];
  if (live.length > 0)
    fail({
      fact: `${name}: the schema "${schema}" has a ledger already: ${ledgerName(schema)} holds ${live[0]?.name}${live.length > 1 ? " and more" : ""}`,
      why: "its history exists somewhere, and a second one would contradict it",
      fix: `put the migrations it names into services/${name}/migrations; or, where they are lost, rename the table and run this again`,
    });
  if (facts?.ledgerColumns === undefined && !facts?.occupied)
    fail({
      fact: `${name}: the schema "${schema}" is empty, so there is nothing to adopt`,
      fix: `make revision app=${name} m="init"`,
    });
}

async function introspect(
  client: Client,
  { url, service, text }: { url: string } & Pick<BaselineTarget, "service" | "text">,
): Promise<{ schemaFile: string; warnings: string | undefined }> {
  const { openEngine } = await import("../../../prisma/engine/open.ts");
  const pinned = new URL(url);
  pinned.searchParams.set("schema", service.schema);
  return explainEngine(service, async () => {
    await using engine = await openEngine({
      url: pinned.href,
      lent: { client },
      schemaFiles: [{ path: service.schemaFile, content: text }],
      external: parseExternals(text, service.schema),
    });
    const { files, warnings } = await engine.introspect();
    return { schemaFile: addModels(text, files[0]?.content ?? text), warnings };
  });
}

type Facts = Record<string, unknown>;

/** The catalog without rights of roles that another database need not have, and the names of these. */
function withoutGrants(catalog: CatalogLike): { catalog: CatalogLike; grantees: string[] } {
  const grantees = new Set<string>();
  const strip = ({ grants, columns, ...facts }: Facts): Facts => {
    for (const grant of (grants ?? []) as string[])
      grantees.add(grant.slice(0, grant.lastIndexOf("=")) || "PUBLIC");
    return Array.isArray(columns) ? { ...facts, columns: columns.map(strip) } : facts;
  };
  const stripped = Object.fromEntries(
    Object.entries(catalog).map(([kind, objects]) => [
      kind,
      Object.fromEntries(Object.entries(objects).map(([key, facts]) => [key, strip({ ...facts })])),
    ]),
  );
  // By birth everybody may run functions and use types.
  return { catalog: stripped, grantees: [...grantees].filter((name) => name !== "PUBLIC").sort() };
}
