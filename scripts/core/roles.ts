import { LEDGER_TABLE } from "./ledger.ts";
import { quoteBody, quoteIdent, quoteLiteral } from "./sql.ts";

const MAX_IDENTIFIER_BYTES = 63;

/** The role that owns a service's schema and all in it; migrations run as it. Nobody logs in as it. */
export function ownerRole(schema: string): string {
  return roleName(schema, "_owner");
}

/** Whether a role is called like the owner of some service's schema. */
export function isOwnerRole(role: string): boolean {
  return role.endsWith("_owner");
}

/** The role that a service's program acts as: it reads and writes rows, and nothing else. Nobody logs in as it. */
export function appRole(schema: string): string {
  return roleName(schema, "_app");
}

/** A schema's name may leave no room for the suffix: then it is cut, and a checksum keeps two of them apart. */
function roleName(schema: string, suffix: string): string {
  const whole = schema + suffix;
  if (byteLength(whole) <= MAX_IDENTIFIER_BYTES) return whole;
  const tail = `_${checksum(schema)}${suffix}`;
  let head = schema;
  while (byteLength(head + tail) > MAX_IDENTIFIER_BYTES) head = [...head].slice(0, -1).join("");
  return head + tail;
}

/** FNV-1a, 32 bits: enough to tell apart the few schemas that share their first fifty bytes. */
function checksum(text: string): string {
  let sum = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) sum = Math.imul(sum ^ byte, 0x01000193) >>> 0;
  return sum.toString(16).padStart(8, "0");
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Statements that make a service's schema and its two roles and say what each may do; each bears being run again. */
export function renderOwnership(schema: string): string[] {
  const [name, owner, app] = [schema, ownerRole(schema), appRole(schema)].map(quoteIdent);
  const defaults = `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA ${name}`;
  return [
    renderCreateRole(ownerRole(schema)),
    renderCreateRole(appRole(schema)),
    // Only a member may hand the schema over to the role, and act as it later on.
    `GRANT ${owner}, ${app} TO CURRENT_USER;`,
    `CREATE SCHEMA IF NOT EXISTS ${name} AUTHORIZATION ${owner};`,
    `ALTER SCHEMA ${name} OWNER TO ${owner};`,
    `REVOKE ALL ON SCHEMA ${name} FROM PUBLIC;`,
    `GRANT USAGE ON SCHEMA ${name} TO ${app};`,
    `${defaults} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${app};`,
    `${defaults} GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO ${app};`,
  ];
}

function renderCreateRole(role: string): string {
  const create = `BEGIN CREATE ROLE ${quoteIdent(role)} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END`;
  return `DO ${quoteBody(` ${create} `)};`;
}

/**
 * One statement that hands over what was made before the roles were: everything in the services' schemas gets its
 * owner, and the app roles their rights to it, but for the ledgers.
 */
export function renderAdoption(schemas: readonly string[]): string {
  const rows = schemas.map(
    (schema) => `(${[schema, ownerRole(schema), appRole(schema)].map(quoteLiteral).join(", ")})`,
  );
  const body = `
DECLARE
  service record;
  statement text;
BEGIN
  FOR service IN SELECT * FROM (VALUES
    ${rows.join(",\n    ")}
  ) AS services (schema, owner, app) LOOP
    -- What is the owner's already was granted what it was to be, and what was taken back since stays so.
    FOR statement IN
      SELECT format('GRANT %s %s TO %I', CASE c.relkind WHEN 'S' THEN 'USAGE, SELECT, UPDATE ON SEQUENCE'
                                                        ELSE 'SELECT, INSERT, UPDATE, DELETE ON TABLE' END, c.oid::regclass, service.app)
        FROM pg_class c
       WHERE c.relnamespace = to_regnamespace(quote_ident(service.schema)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
         AND (c.relacl IS NULL OR c.relowner <> (SELECT oid FROM pg_roles WHERE rolname = service.owner))
    LOOP
      EXECUTE statement;
    END LOOP;
    FOR statement IN
      SELECT format('ALTER %s %s OWNER TO %I', object.kind, object.name, service.owner) FROM (
        SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                              WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind,
               c.oid::regclass::text AS name, c.relowner AS owner, c.relnamespace AS namespace, c.oid, 'pg_class'::regclass AS catalog
          FROM pg_class c
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
            OR c.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                                                AND d.objid = c.oid AND d.deptype IN ('a', 'i'))
        UNION ALL
        SELECT 'TYPE', t.oid::regtype::text, t.typowner, t.typnamespace, t.oid, 'pg_type'::regclass
          FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
         WHERE t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c'
        UNION ALL
        SELECT 'ROUTINE', p.oid::regprocedure::text, p.proowner, p.pronamespace, p.oid, 'pg_proc'::regclass
          FROM pg_proc p
      ) AS object
       WHERE object.namespace = to_regnamespace(quote_ident(service.schema))
         AND object.owner <> (SELECT oid FROM pg_roles WHERE rolname = service.owner)
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = object.catalog AND d.objid = object.oid AND d.deptype = 'e')
    LOOP
      EXECUTE statement;
    END LOOP;
    IF to_regclass(format('%I.%I', service.schema, ${quoteLiteral(LEDGER_TABLE)})) IS NOT NULL THEN
      EXECUTE format('REVOKE ALL ON %I.%I FROM %I', service.schema, ${quoteLiteral(LEDGER_TABLE)}, service.app);
    END IF;
  END LOOP;
END `;
  return `DO ${quoteBody(body)};`;
}

/** What is left to the operator: login users with passwords, as comments with the two grants to run for each service. */
export function renderLoginAdvice(services: readonly { name: string; schema: string }[]): string {
  const lines = services.flatMap(({ name, schema }) => [
    `--   ${JSON.stringify(name)}: GRANT ${quoteIdent(ownerRole(schema))} TO <login that migrates>; GRANT ${quoteIdent(appRole(schema))} TO <login of the service>;`,
  ]);
  return [
    "-- Login users and their passwords are yours to make: CREATE USER … PASSWORD …; then, for each service:",
    ...lines,
  ].join("\n");
}
