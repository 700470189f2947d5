import type { Externals } from "./externals.ts";
import type { Mention } from "./mentions.ts";
import { appRole, ownerRole } from "./roles.ts";
import { quoteBody, quoteIdent, quoteLiteral } from "./sql.ts";
import { type ForeignRights, PRISMA_LOCK } from "./transaction.ts";

/** What a script takes of another service's schema, and its owner role therefore has to be granted. */
export interface Rights {
  schema: string;
  /** Tables that foreign keys point at. */
  tables: string[];
  /** Types that it names; then the service's program has to name them, too. */
  types: string[];
}

/** What a service declares of others: what its schema file repeats, and the schemas that a script depends on beside. */
export interface Declared {
  repeated: Externals;
  /** By depends-on lines: what a script refers to there was repeated when it was made. */
  schemas: readonly string[];
}

/** The rights that a script needs, out of what it names; what the service does not declare gets none. */
export function findRights(
  mentions: readonly Mention[],
  { own, declared }: { own: string; declared: Declared },
): Rights[] {
  const { repeated, schemas } = declared;
  const found = new Map<string, { tables: Set<string>; types: Set<string> }>();
  for (const { schema, name, referenced } of mentions) {
    if (schema === own) continue;
    const depends = schemas.includes(schema);
    const table = referenced && (depends || repeated.tables.includes(`${schema}.${name}`));
    const type = !referenced && repeated.enums.includes(`${schema}.${name}`);
    if (!table && !type) continue;
    const rights = found.get(schema) ?? { tables: new Set<string>(), types: new Set<string>() };
    found.set(schema, rights);
    if (table) rights.tables.add(name);
    if (type) rights.types.add(name);
  }
  return [...found]
    .map(([schema, { tables, types }]) => ({ schema, tables: [...tables].sort(), types: [...types].sort() }))
    .sort((a, b) => (a.schema < b.schema ? -1 : 1));
}

/** All that a schema file repeats, as the rights that it may come to need. */
export function declaredRights({ tables, enums }: Externals, schemas: readonly string[]): Rights[] {
  const within = (schema: string, names: readonly string[]) =>
    names
      .filter((name) => name.startsWith(`${schema}.`))
      .map((name) => name.slice(schema.length + 1))
      .sort();
  return schemas
    .map((schema) => ({ schema, tables: within(schema, tables), types: within(schema, enums) }))
    .filter((rights) => rights.tables.length + rights.types.length > 0);
}

/** What a planned script changes of rights on other schemas; nothing for most. */
export function renderForeignRights(
  { rights = [], releases = false }: { rights?: readonly Rights[]; releases?: boolean },
  own: string,
): ForeignRights | undefined {
  if (rights.length === 0 && !releases) return undefined;
  return { grants: renderGrants(rights, own), releases: releases ? renderReleases(own) : [] };
}

/** The grants as an administrator would type them. */
export function describeGrants(rights: readonly Rights[], own: string): string[] {
  const owner = quoteIdent(ownerRole(own));
  return rights.flatMap(({ schema, tables, types }) => [
    `GRANT USAGE ON SCHEMA ${quoteIdent(schema)} TO ${types.length > 0 ? `${owner}, ${quoteIdent(appRole(own))}` : owner}`,
    ...tables.map((table) => `GRANT REFERENCES ON ${quoteIdent(schema)}.${quoteIdent(table)} TO ${owner}`),
  ]);
}

/**
 * A statement that grants what is missing of some rights, as whoever owns the schema and each table; what does not
 * exist is left for the script to stumble over. Leaves another role set, for the caller to set back.
 */
export function renderGrants(rights: readonly Rights[], own: string): string[] {
  if (rights.length === 0) return [];
  const [owner, app] = [ownerRole(own), appRole(own)].map(quoteLiteral) as [string, string];
  const parts = rights.flatMap(({ schema, tables, types }) => {
    const some = [...lookUp("pg_class", "relname", tables), ...lookUp("pg_type", "typname", types)];
    const grantees = [{ role: owner, exists: some }];
    if (types.length > 0) grantees.push({ role: app, exists: lookUp("pg_type", "typname", types) });
    const usage = grantees.map(
      ({
        role,
        exists,
      }) => `SELECT pg_get_userbyid(n.nspowner) AS owner, NULL AS relation, n.nspname AS schema, r.rolname AS grantee
        FROM pg_namespace n, pg_roles r WHERE n.nspname = ${quoteLiteral(schema)} AND r.rolname = ${role}
         AND NOT has_schema_privilege(r.oid, n.oid, 'USAGE') AND (${exists.join(" OR ")})`,
    );
    if (tables.length === 0) return usage;
    return [
      ...usage,
      `SELECT pg_get_userbyid(c.relowner), c.relname, n.nspname, r.rolname
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_roles r
       WHERE n.nspname = ${quoteLiteral(schema)} AND c.relname IN (${tables.map(quoteLiteral).join(", ")}) AND c.relkind IN ('r', 'p')
         AND r.rolname = ${owner} AND NOT has_table_privilege(r.oid, c.oid, 'REFERENCES')`,
    ];
  });
  // Two that grant at once would change one row of the catalog: they take turns on a schema, and on a table by the
  // lock that the foreign key takes anyway.
  const body = `
DECLARE
  missing record;
BEGIN
  FOR missing IN
      ${parts.join("\n    UNION ALL\n      ")}
    ORDER BY schema, relation NULLS FIRST
  LOOP
    EXECUTE format('SET LOCAL ROLE %I', missing.owner);
    IF missing.relation IS NULL THEN
      PERFORM pg_advisory_xact_lock(${PRISMA_LOCK}, hashtext('rights on ' || missing.schema));
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', missing.schema, missing.grantee);
    ELSE
      EXECUTE format('LOCK TABLE %I.%I IN SHARE ROW EXCLUSIVE MODE', missing.schema, missing.relation);
      EXECUTE format('GRANT REFERENCES ON %I.%I TO %I', missing.schema, missing.relation, missing.grantee);
    END IF;
  END LOOP;
END `;
  return [`DO ${quoteBody(body)}`];
}

/** A condition that some of the names exist in the schema `n`; none where there is no name. */
function lookUp(
  catalog: "pg_class" | "pg_type",
  column: "relname" | "typname",
  names: readonly string[],
): string[] {
  if (names.length === 0) return [];
  const namespace = column.replace("name", "namespace");
  const list = names.map(quoteLiteral).join(", ");
  return [`EXISTS (SELECT FROM ${catalog} WHERE ${namespace} = n.oid AND ${column} IN (${list}))`];
}

/**
 * A statement that takes back from a service's roles what no foreign key and no column of it needs any more, where the
 * login may act as who granted it; but for what is `kept`. Leaves another role set, for the caller to set back.
 */
export function renderReleases(own: string, kept: readonly Rights[] = []): string[] {
  const [schema, owner, app] = [own, ownerRole(own), appRole(own)].map(quoteLiteral);
  const may = (role: string) =>
    `pg_has_role(session_user, ${role}, CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)`;
  const keptTables = kept.flatMap((one) =>
    one.tables.map((table) => `(${quoteLiteral(one.schema)}, ${quoteLiteral(table)})`),
  );
  const keptSchemas = kept.map((one) => quoteLiteral(one.schema));
  const body = `
DECLARE
  held record;
BEGIN
  FOR held IN
    SELECT n.oid AS namespace, n.nspname AS schema, pg_get_userbyid(n.nspowner) AS owner, r.oid AS role, r.rolname AS grantee
      FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a JOIN pg_roles r ON r.oid = a.grantee
     WHERE r.rolname IN (${owner}, ${app}) AND n.nspname <> ${schema} AND a.privilege_type = 'USAGE' AND ${may("n.nspowner")}
     ORDER BY n.nspname, r.rolname
  LOOP
    DECLARE
      one record;
    BEGIN
      FOR one IN
        SELECT c.relname AS relation, pg_get_userbyid(c.relowner) AS owner
          FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
         WHERE c.relnamespace = held.namespace AND a.grantee = held.role AND a.privilege_type = 'REFERENCES' AND ${may("c.relowner")}
           AND NOT EXISTS (SELECT FROM pg_constraint k JOIN pg_class o ON o.oid = k.conrelid
                            WHERE k.contype = 'f' AND k.confrelid = c.oid AND o.relnamespace = to_regnamespace(quote_ident(${schema})))${keptTables.length > 0 ? `\n           AND (held.schema, c.relname) NOT IN (${keptTables.join(", ")})` : ""}
         ORDER BY c.relname
      LOOP
        EXECUTE format('SET LOCAL ROLE %I', one.owner);
        EXECUTE format('REVOKE REFERENCES ON %I.%I FROM %I', held.schema, one.relation, held.grantee);
      END LOOP;
    END;
    IF NOT EXISTS (SELECT FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.relnamespace = held.namespace AND a.grantee = held.role)
       AND NOT EXISTS (SELECT FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) a WHERE p.pronamespace = held.namespace AND a.grantee = held.role)
       AND NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_class o ON o.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
                        WHERE o.relnamespace = to_regnamespace(quote_ident(${schema})) AND t.typnamespace = held.namespace AND NOT a.attisdropped)${keptSchemas.length > 0 ? `\n       AND held.schema NOT IN (${keptSchemas.join(", ")})` : ""}
    THEN
      PERFORM pg_advisory_xact_lock(${PRISMA_LOCK}, hashtext('rights on ' || held.schema));
      EXECUTE format('SET LOCAL ROLE %I', held.owner);
      EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM %I', held.schema, held.grantee);
    END IF;
  END LOOP;
END `;
  return [`DO ${quoteBody(body)}`];
}
