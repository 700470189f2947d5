import { literalText } from "../dynamic.ts";
import { type Rule, statementRule } from "../rule.ts";
import { asText, optionsOf, optionText } from "../tree.ts";
import type { Unit } from "../unit.ts";

const DATABASE_STATEMENTS: Readonly<Record<string, string>> = {
  CreatedbStmt: "CREATE DATABASE",
  DropdbStmt: "DROP DATABASE",
  AlterDatabaseStmt: "ALTER DATABASE",
  AlterDatabaseSetStmt: "ALTER DATABASE … SET",
  AlterDatabaseRefreshCollStmt: "ALTER DATABASE",
  CreateTableSpaceStmt: "CREATE TABLESPACE",
  DropTableSpaceStmt: "DROP TABLESPACE",
  AlterTableSpaceOptionsStmt: "ALTER TABLESPACE",
  AlterTableMoveAllStmt: "ALTER … ALL IN TABLESPACE",
  AlterSystemStmt: "ALTER SYSTEM",
  CreateSubscriptionStmt: "CREATE SUBSCRIPTION",
  AlterSubscriptionStmt: "ALTER SUBSCRIPTION",
  DropSubscriptionStmt: "DROP SUBSCRIPTION",
  CreatePublicationStmt: "CREATE PUBLICATION",
  AlterPublicationStmt: "ALTER PUBLICATION",
  CreateEventTrigStmt: "CREATE EVENT TRIGGER",
  AlterEventTrigStmt: "ALTER EVENT TRIGGER",
  CreatePLangStmt: "CREATE LANGUAGE",
  CreateAmStmt: "CREATE ACCESS METHOD",
  CreateTransformStmt: "CREATE TRANSFORM",
  CheckPointStmt: "CHECKPOINT",
  SecLabelStmt: "SECURITY LABEL",
};

const DATABASE_OBJECTS =
  /^OBJECT_(?:DATABASE|TABLESPACE|SUBSCRIPTION|PUBLICATION|EVENT_TRIGGER|LANGUAGE|ACCESS_METHOD|TRANSFORM|LARGEOBJECT)$/;

/** What has no schema belongs to all services. */
const databaseWide = statementRule(
  { name: "database-wide", severity: "error", summary: "changes what the whole database or server shares" },
  (unit) => {
    const what = databaseWideWords(unit);
    if (what === undefined) return [];
    return [
      {
        offset: unit.place(),
        message: `${what} reaches beyond the service: it has no schema, or goes through all of them`,
        fix: "do it once for the database, outside of migrations",
      },
    ];
  },
);

function databaseWideWords({ kind, fields }: Unit): string | undefined {
  const known = DATABASE_STATEMENTS[kind];
  if (known) return known;
  if ((kind === "VacuumStmt" && !fields.rels) || (kind === "ClusterStmt" && !fields.relation)) {
    return `${kind === "ClusterStmt" ? "CLUSTER" : fields.is_vacuumcmd ? "VACUUM" : "ANALYZE"} without a table`;
  }
  if (kind === "ReindexStmt" && /_(?:SYSTEM|DATABASE)$/.test(asText(fields.kind)))
    return "REINDEX of the database";
  const about = [fields.removeType, fields.renameType, fields.objtype, fields.objectType].map(asText);
  // The words of GRANT are the rule grant's.
  const object = kind === "GrantStmt" ? undefined : about.find((type) => DATABASE_OBJECTS.test(type));
  return object && `a statement on a ${object.replace("OBJECT_", "").replaceAll("_", " ").toLowerCase()}`;
}

const FOREIGN_STATEMENTS =
  /^(?:(?:Create|Alter)(?:Fdw|ForeignServer|UserMapping)|CreateForeignTable|DropUserMapping|ImportForeignSchema)Stmt$/;

/** Data of other servers, and of other databases of this one. */
const foreignData = statementRule(
  { name: "foreign-data", severity: "error", summary: "reaches other servers or databases" },
  (unit) => {
    const about = [
      unit.fields.removeType,
      unit.fields.renameType,
      unit.fields.objtype,
      unit.fields.objectType,
    ];
    const object =
      unit.kind === "GrantStmt"
        ? false
        : about.some((type) => /^OBJECT_(?:FDW|FOREIGN_SERVER|USER_MAPPING)$/.test(asText(type)));
    const linked = unit.names.calls.filter(({ name }) => /^dblink/.test(name));
    const fix = "ask the other service through its own interface";
    return [
      ...(object || FOREIGN_STATEMENTS.test(unit.kind)
        ? [
            {
              offset: unit.place(),
              message: "foreign servers and tables reach other databases, past every role",
              fix,
            },
          ]
        : []),
      ...linked.map(({ name, location }) => ({
        offset: unit.place({ location }),
        message: `${name}() runs SQL in another session, past every role`,
        fix,
      })),
    ];
  },
);

/** pg_catalog's functions that reach the server's files, other sessions, or what all databases share. */
const SERVER_FUNCTIONS =
  /^(?:pg_(?:read|write|file|ls|stat_file|rotate|reload|terminate|cancel|promote|switch|backup|create_restore|create_physical|create_logical|drop_replication|copy_physical|copy_logical|replication|logical|wal|stat_reset|import_system|execute_server|log_backend)\w*|lo_\w+|lo(?:read|write)|locreat)$/;

/** Prisma's key and ours for advisory locks. */
const LOCK_KEY = "72707369";

/** Files, programs and sessions of the server. */
const serverAccess = statementRule(
  { name: "server-access", severity: "error", summary: "reaches files, programs or sessions of the server" },
  (unit, { schema }) => {
    const fix = "do it outside of migrations";
    const problems = unit.names.calls
      .filter(({ name }) => SERVER_FUNCTIONS.test(name))
      .map(({ name, location }) => ({
        offset: unit.place({ location }),
        message: `${name}() reaches beyond the service`,
        fix,
      }));
    const locks = unit.names.calls
      .filter(
        ({ name, args }) =>
          /^pg_(?:try_)?advisory_/.test(name) && args.some((arg) => literalText(arg, schema) === LOCK_KEY),
      )
      .map(({ name, location }) => ({
        offset: unit.place({ location }),
        message: `${name}(${LOCK_KEY}) takes the lock of migrations itself`,
        fix: "choose another key",
      }));
    const what = fileAccess(unit);
    return [...problems, ...locks, ...(what ? [{ offset: unit.place(), message: what, fix }] : [])];
  },
);

function fileAccess({ kind, fields }: Unit): string | undefined {
  if (kind === "LoadStmt") return "LOAD runs a library of the server";
  if (kind === "CopyStmt" && fields.is_program) return "COPY … PROGRAM runs a program on the server";
  if (kind === "CopyStmt" && fields.filename) return "COPY reads or writes a file of the server";
  const language =
    kind === "CreateFunctionStmt"
      ? optionText(optionsOf(fields.options), "language")?.toLowerCase()
      : undefined;
  if (language === "c" || language === "internal") return `a function in ${language} runs inside the server`;
  return undefined;
}

/** The rules on the server and the database as a whole. */
export const SERVER_RULES: readonly Rule[] = [databaseWide, foreignData, serverAccess];
