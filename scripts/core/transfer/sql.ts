import { appRole, ownerRole } from "../roles.ts";
import { quoteBody, quoteIdent, quoteLiteral } from "../sql.ts";
import type { Transfer } from "./transfer.ts";

/** The setting by which a service's history knows that it is replayed alone: its schema. */
export const ALONE = "schemata.alone";

/**
 * The statements that move a table, whole: they need the rights of both owners. What a transfer's text is, is decided
 * here alone, to the letter: {@link isMove}.
 */
export function renderMove(transfer: Transfer): string {
  return renderMoveWith([renderColumnRights(transfer), renderHandover(transfer)], transfer);
}

/**
 * Whether a script is exactly what {@link renderMove} makes, but for the comment lines before it. Migrations that are
 * written do not change, so what it made before rights on columns went along is one, too.
 */
export function isMove(script: string, transfer: Transfer): boolean {
  return (
    hasBody(script, renderMove(transfer)) ||
    hasBody(script, renderMoveWith([renderHandover(transfer)], transfer))
  );
}

function renderMoveWith(rights: readonly string[], transfer: Transfer): string {
  return `-- Whoever runs this has the rights of two services: nothing of theirs shall stand for PostgreSQL's own.
SELECT pg_catalog.set_config('search_path', '', true);

${renderSetSchema(transfer).join("\n")}

${rights.join("\n\n")}
`;
}

/** The other half: nothing is left to do, unless the history is replayed without the one that moves the table. */
export function renderLeave(transfer: Transfer): string {
  const body = `
BEGIN
  -- The new owner's migration has moved the table, but where nothing else is replayed, as stock prisma migrate dev does.
  IF current_setting(${quoteLiteral(ALONE)}, true) = ${quoteLiteral(transfer.from)} THEN
    CREATE SCHEMA IF NOT EXISTS ${quoteIdent(transfer.to)};
    ${renderSetSchema(transfer).join("\n    ")}
  END IF;
END `;
  return `DO ${quoteBody(body)};\n`;
}

/** Whether a script is exactly what {@link renderLeave} makes, but for the comment lines before it. */
export function isLeave(script: string, transfer: Transfer): boolean {
  return hasBody(script, renderLeave(transfer));
}

function hasBody(script: string, body: string): boolean {
  const text = script.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  // A lone carriage return ends a comment for Postgres: what looks like one line would be a statement.
  if (text.includes("\r") || !text.endsWith(body)) return false;
  const head = text.slice(0, text.length - body.length).split("\n");
  return head.at(-1) === "" && head.every((line) => line === "" || line.startsWith("--"));
}

function renderSetSchema({ table, from, to, types, statistics }: Transfer): string[] {
  const move = (kind: string, name: string) =>
    `ALTER ${kind} ${qualify(from, name)} SET SCHEMA ${quoteIdent(to)};`;
  return [
    move("TABLE", table),
    ...types.map((type) => move("TYPE", type)),
    ...statistics.map((name) => move("STATISTICS", name)),
  ];
}

/**
 * Gives what the one program may do with single columns to the other. Before the handover, which takes all rights on
 * the table, those on its columns with them.
 */
function renderColumnRights({ table, from, to }: Transfer): string {
  const moved = quoteLiteral(qualify(to, table));
  const body = `
DECLARE
  owned boolean := EXISTS (SELECT FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
                            WHERE n.nspname = ${quoteLiteral(to)} AND r.rolname = ${quoteLiteral(ownerRole(to))});
  app text := (SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ${quoteLiteral(appRole(to))} AND owned);
  former text := (SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ${quoteLiteral(appRole(from))});
  part record;
BEGIN
  FOR part IN
    SELECT string_agg(format('%s (%I)', p.privilege_type, a.attname), ', ' ORDER BY a.attnum, p.privilege_type) AS rights
      FROM pg_catalog.pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) p
     WHERE a.attrelid = ${moved}::pg_catalog.regclass AND NOT a.attisdropped
       AND p.grantee = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = former)
    HAVING count(*) > 0
  LOOP
    EXECUTE format('REVOKE %s ON %s FROM %I', part.rights, ${moved}, former);
    IF app IS NOT NULL THEN EXECUTE format('GRANT %s ON %s TO %I', part.rights, ${moved}, app); END IF;
  END LOOP;
END `;
  return `DO ${quoteBody(body)};`;
}

/**
 * Gives what has moved to the owner of the schema where it is now, and the rights of the one program to the other.
 * Where the database has no such roles it belongs to whoever moves it, like all that a migration makes.
 */
function renderHandover({ table, from, to, types, statistics }: Transfer): string {
  const moved = quoteLiteral(qualify(to, table));
  const own = (kind: string, name: string) =>
    `  EXECUTE format('ALTER ${kind} %s OWNER TO %I', ${quoteLiteral(qualify(to, name))}, coalesce(owner, current_user));\n`;
  const body = `
DECLARE
  owner text := (SELECT r.rolname FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
                  WHERE n.nspname = ${quoteLiteral(to)} AND r.rolname = ${quoteLiteral(ownerRole(to))});
  app text := (SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ${quoteLiteral(appRole(to))} AND owner IS NOT NULL);
  former text := (SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ${quoteLiteral(appRole(from))});
  part record;
BEGIN
${[own("TABLE", table), ...types.map((name) => own("TYPE", name)), ...statistics.map((name) => own("STATISTICS", name))].join("")}\
  FOR part IN
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, c.oid::pg_catalog.regclass AS name,
           CASE WHEN c.relacl IS NOT NULL THEN
                  (SELECT string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) FROM aclexplode(c.relacl) a
                    WHERE a.grantee = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = former))
                WHEN c.relkind = 'S' THEN 'USAGE, SELECT, UPDATE'
                ELSE 'SELECT, INSERT, UPDATE, DELETE' END AS rights,
           c.relacl IS NOT NULL AND former IS NOT NULL AS withdraw
      FROM pg_catalog.pg_class c
     WHERE c.oid = ${moved}::pg_catalog.regclass
        OR c.relkind = 'S' AND c.oid IN (
             SELECT d.objid FROM pg_catalog.pg_depend d
              WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
                AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = ${moved}::pg_catalog.regclass)
  LOOP
    IF part.withdraw THEN EXECUTE format('REVOKE ALL ON %s %s FROM %I', part.kind, part.name, former); END IF;
    IF app IS NOT NULL AND part.rights IS NOT NULL THEN
      EXECUTE format('GRANT %s ON %s %s TO %I', part.rights, part.kind, part.name, app);
    END IF;
  END LOOP;
END `;
  return `DO ${quoteBody(body)};`;
}

function qualify(schema: string, name: string): string {
  return `${quoteIdent(schema)}.${quoteIdent(name)}`;
}
