import { type CatalogDifference, type CatalogLike, compareCatalogs } from "../catalog.ts";
import { LEDGER_TABLE } from "../ledger.ts";
import { appRole, isOwnerRole } from "../roles.ts";
import type { CheckFinding } from "./finding.ts";

/** The kinds of objects that lie in a schema. What belongs to none is not one service's to answer for. */
export const DRIFT_KINDS = [
  "relations",
  "indexes",
  "constraints",
  "sequences",
  "types",
  "functions",
  "triggers",
  "rules",
  "policies",
  "statistics",
  "operators",
  "operatorClasses",
  "collations",
  "textSearch",
] as const;

type Facts = Readonly<Record<string, unknown>>;

/** What everybody may do with an object that was granted nothing: Postgres then keeps no list at all. */
const DEFAULT_GRANTS: Readonly<Record<string, string>> = { functions: "=X", types: "=U" };

/**
 * The part of a catalog that migrations decide, by schema: without the ledgers, and without owners and the rights that
 * the roles of a workspace have by birth, which differ from database to database.
 */
export function splitCatalog(catalog: CatalogLike, schemas: readonly string[]): Map<string, CatalogLike> {
  const bySchema = new Map<string, Record<string, Record<string, Facts>>>(
    schemas.map((schema) => [schema, Object.fromEntries(DRIFT_KINDS.map((kind) => [kind, {}]))]),
  );
  for (const kind of DRIFT_KINDS) {
    for (const [key, facts] of Object.entries(catalog[kind] ?? {})) {
      const { schema } = parseKey(key);
      const objects = bySchema.get(schema)?.[kind];
      const table = kind === "relations" ? key : tableOf(kind, key, facts);
      if (!objects || (table !== undefined && parseKey(table).rest === LEDGER_TABLE)) continue;
      objects[key] = normalise(kind, facts, schema);
    }
  }
  return bySchema;
}

/** The schema that a key of the catalog begins with, quoted where it must be, and the rest of the key. */
function parseKey(key: string): { schema: string; rest: string } {
  const name = key.replace(/^(configuration|dictionary) /, "");
  const [, quoted, bare] = /^(?:"((?:[^"]|"")*)"|([^."]*))\./.exec(name) ?? [];
  const schema = quoted?.replaceAll('""', '"') ?? bare ?? "";
  return { schema, rest: name.slice((quoted === undefined ? schema.length : quoted.length + 2) + 1) };
}

function normalise(kind: string, facts: Facts, schema: string): Facts {
  const { owner, acl, populated: _populated, columns, ...rest } = facts;
  const grants = normaliseGrants(acl ?? DEFAULT_GRANTS[kind], { owner, schema });
  return {
    ...rest,
    ...(grants.length > 0 && { grants }),
    ...(Array.isArray(columns) && {
      columns: (columns as Facts[]).map(({ acl: own, ...column }) => {
        const columnGrants = normaliseGrants(own, { owner, schema });
        return columnGrants.length > 0 ? { ...column, grants: columnGrants } : column;
      }),
    }),
  };
}

/**
 * Grants as `grantee=rights`, without those of the object's owner and of the service's app role, without what lets
 * another service's owner role refer to a table, which comes and goes with that service's foreign keys, and without who granted.
 */
function normaliseGrants(acl: unknown, { owner, schema }: { owner: unknown; schema: string }): string[] {
  const list = Array.isArray(acl) ? acl.map(String) : typeof acl === "string" ? [acl] : [];
  return list
    .map((item) => item.replace(/\/[^/]*$/, ""))
    .filter((item) => {
      const grantee = item.slice(0, item.lastIndexOf("="));
      return (
        grantee === "" ||
        (unquote(grantee) !== unquote(String(owner)) &&
          unquote(grantee) !== appRole(schema) &&
          !(item.endsWith("=x") && isOwnerRole(unquote(grantee))))
      );
    })
    .sort();
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/**
 * How a database differs from what its migrations make, each object once: what belongs to a table that is missing or
 * new as a whole goes without saying.
 */
export function compareDrift(expected: CatalogLike, live: CatalogLike): CatalogDifference[] {
  const differences = compareCatalogs(expected, live);
  const relations = new Map(
    differences.filter(({ kind }) => kind === "relations").map(({ name, change }) => [name, change]),
  );
  const constraints = new Map(
    differences
      .filter(({ kind }) => kind === "constraints")
      .map(({ name, change }) => [factsOf("constraints", name, { expected, live }).index, change]),
  );
  return differences.filter(({ kind, name, change }) => {
    if (kind === "relations") return true;
    const facts = factsOf(kind, name, { expected, live });
    const table = tableOf(kind, name, facts);
    const ofTable = table === undefined ? undefined : relations.get(table);
    if (ofTable !== undefined && ofTable !== "changed" && ofTable === change) return false;
    // The column itself says that it is NOT NULL, on servers that also keep a constraint for it.
    if (kind === "constraints" && facts.kind === "n" && ofTable === "changed") return false;
    return kind !== "indexes" || constraints.get(name) !== change;
  });
}

function factsOf(
  kind: string,
  name: string,
  { expected, live }: { expected: CatalogLike; live: CatalogLike },
): Facts {
  return expected[kind]?.[name] ?? live[kind]?.[name] ?? {};
}

/** The table that an object is a part of, as the catalog names it. */
function tableOf(kind: string, name: string, { definition, ownedBy }: Facts): string | undefined {
  switch (kind) {
    case "constraints":
    case "triggers":
    case "rules":
    case "policies":
      return /^((?:"(?:[^"]|"")*"|[^" ])+) /.exec(name)?.[1];
    case "indexes":
      return / ON (?:ONLY )?((?:"(?:[^"]|"")*"|[^" ])+) USING /.exec(String(definition))?.[1];
    case "sequences": {
      const { column } = (ownedBy ?? {}) as Facts;
      return /^((?:"(?:[^"]|"")*"|[^".])+\.(?:"(?:[^"]|"")*"|[^".])+)\./.exec(String(column))?.[1];
    }
    default:
      return undefined;
  }
}

const WORDS: Readonly<Record<string, string>> = {
  indexes: "index",
  policies: "policy",
  statistics: "statistics",
  textSearch: "text search",
  operatorClasses: "operator class",
};

const RELATIONS: Readonly<Record<string, string>> = {
  r: "table",
  p: "partitioned table",
  v: "view",
  m: "materialized view",
  f: "foreign table",
  c: "composite type",
};

/** One finding for each object that differs. `file` is where to look first. */
export function findDrift(
  { expected, live }: { expected: CatalogLike; live: CatalogLike },
  { service, current, file }: { service: string; current: string | null; file: string },
): CheckFinding[] {
  return compareDrift(expected, live).map(({ kind, name, change, details }) => {
    const facts = factsOf(kind, name, { expected, live });
    const word =
      kind === "relations" ? RELATIONS[String(facts.kind)] : (WORDS[kind] ?? kind.replace(/s$/, ""));
    const phrases = describeDrift({ object: `${word} ${name}`, details, service, current })[change];
    return { service, part: "drift", rule: `drift-${change}`, severity: "error", file, ...phrases };
  });
}

interface Drifted {
  object: string;
  details: readonly string[];
  service: string;
  current: string | null;
}

function describeDrift({
  object,
  details,
  service,
  current,
}: Drifted): Record<CatalogDifference["change"], Pick<CheckFinding, "message" | "fix">> {
  const maker = current === null ? "no migration is applied" : `no migration up to ${current} makes it`;
  const revise = `take it into a migration, and record that here: make revision app=${service} m="…" from_db=1 stamp=1`;
  return {
    missing: {
      message: `the database lacks the ${object}, which the migrations up to ${current} make`,
      fix: `make it again by hand as schemata sql --app ${service} -r base:${current} shows it, or drop it in a migration`,
    },
    added: {
      message: `the database holds the ${object}, and ${maker}`,
      fix: `drop it by hand, or ${revise}`,
    },
    changed: {
      message: `the ${object} is not as the migrations up to ${current} make it: ${details.join("; ")}`,
      fix: `change it back by hand, or ${revise}`,
    },
  };
}
