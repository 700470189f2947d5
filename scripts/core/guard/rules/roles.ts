import type { Ownership } from "../finding.ts";
import { type Problem, type Rule, statementRule } from "../rule.ts";
import { asList, asText, asTree, nameParts, optionsOf, stringOf, type Tree, unwrap } from "../tree.ts";
import type { Unit } from "../unit.ts";

const ROLE_STATEMENTS = new Set([
  "CreateRoleStmt",
  "AlterRoleStmt",
  "AlterRoleSetStmt",
  "DropRoleStmt",
  "GrantRoleStmt",
]);

/** Roles are the whole cluster's. */
const roleDdl = statementRule(
  { name: "role-ddl", severity: "error", summary: "creates, changes, drops or grants a role" },
  (unit) => {
    const about = [unit.fields.objtype, unit.fields.renameType, unit.fields.objectType].includes(
      "OBJECT_ROLE",
    );
    if (!ROLE_STATEMENTS.has(unit.kind) && !about) return [];
    return [
      {
        offset: unit.place(),
        message: "roles belong to the whole server, not to a service",
        fix: "make roles where the database is made: schemata provision",
      },
    ];
  },
);

/** Everything that a role owns is more than a service can see. */
const dropOwned = statementRule(
  { name: "drop-owned", severity: "error", summary: "drops or gives away all that a role owns" },
  (unit) =>
    unit.kind === "DropOwnedStmt" || unit.kind === "ReassignOwnedStmt"
      ? [
          {
            offset: unit.place(),
            message: "it takes all that a role owns, in every schema",
            fix: "name the objects, one by one",
          },
        ]
      : [],
);

/** Rights on a service's objects stay with its own two roles. */
const grant = statementRule(
  { name: "grant", severity: "error", summary: "grants rights beyond the service" },
  (unit, ownership) => {
    if (unit.kind === "GrantStmt") return judgeGrant(unit, unit.fields, ownership);
    if (unit.kind === "AlterDefaultPrivilegesStmt") return judgeDefaults(unit, ownership);
    if (unit.kind === "CreatePolicyStmt" || unit.kind === "AlterPolicyStmt") {
      return judgeRoles(unit, asList(unit.fields.roles), ownership, { publicToo: true });
    }
    return [];
  },
);

const TABLE_KINDS = /OBJECT_(TABLE|SEQUENCE|FUNCTION|PROCEDURE|ROUTINE|TYPE|DOMAIN|SCHEMA)$/;

function judgeGrant(unit: Unit, fields: Tree, ownership: Ownership): Problem[] {
  if (!TABLE_KINDS.test(asText(fields.objtype))) {
    const what = asText(fields.objtype).replace("OBJECT_", "").replaceAll("_", " ").toLowerCase();
    return [
      {
        offset: unit.place(),
        message: `rights on a ${what} reach beyond the service`,
        fix: "grant it where the database is made: schemata provision",
      },
    ];
  }
  const problems = judgeRoles(unit, asList(fields.grantees), ownership, { publicToo: !fields.is_grant });
  if (!fields.is_grant || !fields.grant_option || problems.length > 0) return problems;
  const message = "WITH GRANT OPTION lets the role pass the right on to anybody";
  return [{ offset: unit.place(), message, fix: "leave WITH GRANT OPTION out" }];
}

function judgeDefaults(unit: Unit, ownership: Ownership): Problem[] {
  const options = optionsOf(unit.fields.options);
  const schemas = nameParts(options.get("schemas")) ?? [];
  const foreign = schemas.filter((name) => name !== ownership.schema);
  const owners = asList(unwrap(options.get("roles"), "List")?.items);
  const action = asTree(unit.fields.action) ?? {};
  return [
    ...foreign.map((schema) => ({
      offset: unit.place({ schema }),
      message: `default privileges of the schema "${schema}" are not ${ownership.service}'s`,
      fix: `write IN SCHEMA "${ownership.schema}"`,
    })),
    ...judgeRoles(unit, owners, ownership, { publicToo: false }),
    ...judgeGrant(unit, { ...action, objtype: "OBJECT_TABLE" }, ownership),
  ];
}

function judgeRoles(
  unit: Unit,
  roles: readonly unknown[],
  ownership: Ownership,
  { publicToo }: { publicToo: boolean },
): Problem[] {
  return roles.flatMap((role) => {
    const spec = unwrap(role, "RoleSpec") ?? {};
    if (isOwnRole(spec, ownership) || (publicToo && spec.roletype === "ROLESPEC_PUBLIC")) return [];
    return [
      {
        offset: unit.place({ location: asLocation(spec.location) }),
        message: `${describeRole(spec)} is no role of ${ownership.service}`,
        fix: `name "${ownership.schema}_app", or leave it out: default privileges give it what it needs`,
      },
    ];
  });
}

/** An owner of another service would take the object out of this one. */
const ownership = statementRule(
  { name: "ownership", severity: "error", summary: "gives an object to another owner" },
  (unit, own) => {
    const owners = [
      ...(unit.kind === "AlterOwnerStmt" ? [asTree(unit.fields.newowner)] : []),
      ...asList(unit.kind === "AlterTableStmt" ? unit.fields.cmds : []).map((cmd) =>
        asTree(unwrap(cmd, "AlterTableCmd")?.newowner),
      ),
    ];
    return owners
      .filter((spec) => spec !== undefined)
      .filter((spec) => !isOwnRole(spec, own))
      .map((spec) => ({
        offset: unit.place({ location: asLocation(spec.location) }),
        message: `${describeRole(spec)} is not the owner role of ${own.service}`,
        fix: `leave it out: what a migration makes belongs to "${own.schema}_owner"`,
      }));
  },
);

function isOwnRole({ roletype, rolename }: Tree, { schema }: Ownership): boolean {
  if (roletype === "ROLESPEC_CURRENT_USER" || roletype === "ROLESPEC_CURRENT_ROLE") return true;
  return rolename === `${schema}_owner` || rolename === `${schema}_app`;
}

function describeRole({ roletype, rolename }: Tree): string {
  if (roletype === "ROLESPEC_PUBLIC") return "PUBLIC, which is everybody,";
  return roletype === "ROLESPEC_SESSION_USER" ? "SESSION_USER" : `"${asText(rolename)}"`;
}

function asLocation(value: unknown): number | undefined {
  return typeof value === "number" && value > 0 ? value : undefined;
}

/** Schemas are made with the database, and stay. */
const schemaDdl = statementRule(
  { name: "schema-ddl", severity: "error", summary: "creates, changes or drops a schema" },
  (unit) => {
    const { kind, fields } = unit;
    const about = fields.removeType ?? fields.renameType ?? fields.objectType;
    const changes =
      kind === "CreateSchemaStmt" ||
      (/^(?:DropStmt|RenameStmt|AlterOwnerStmt)$/.test(kind) && about === "OBJECT_SCHEMA");
    if (!changes) return [];
    const name =
      asText(fields.schemaname) ||
      asText(fields.subname) ||
      stringOf(asList(fields.objects)[0]) ||
      stringOf(fields.object);
    return [
      {
        offset: unit.place(),
        message: name
          ? `the schema "${name}" is not for a migration to make or change`
          : "schemas are not for a migration to make or change",
        fix: "leave it out: upgrade-head makes the service's schema, and schemata provision its roles",
      },
    ];
  },
);

/** Moving an object to another schema takes it out of the service. */
const moveObject = statementRule(
  { name: "move-object", severity: "error", summary: "moves an object to another schema" },
  (unit, { schema, service }) => {
    const target = asText(unit.fields.newschema);
    if (
      unit.kind !== "AlterObjectSchemaStmt" ||
      target === schema ||
      unit.fields.objectType === "OBJECT_EXTENSION"
    )
      return [];
    return [
      {
        offset: unit.place({ schema: target }),
        message: `SET SCHEMA moves it to "${target}", out of ${service}`,
        fix: "schemata transfer moves a table to another service with all that hangs on it",
      },
    ];
  },
);

/** The rules on roles, rights and owners. */
export const ROLE_RULES: readonly Rule[] = [roleDdl, grant, ownership, dropOwned, schemaDdl, moveObject];
