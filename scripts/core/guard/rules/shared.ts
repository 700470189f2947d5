import { EXTENSIONS_SCHEMA } from "../../extensions.ts";
import type { Ownership } from "../finding.ts";
import type { Name } from "../names.ts";
import { type Problem, type Rule, statementRule } from "../rule.ts";
import { asText, asTree, optionsOf, optionText } from "../tree.ts";
import type { Unit } from "../unit.ts";

/** Postgres' own catalogs are read, never written. */
const catalogWrite = statementRule(
  { name: "catalog-write", severity: "error", summary: "changes PostgreSQL's own catalogs" },
  (unit) =>
    unit.names.names.filter(changesCatalog).map((name) => ({
      offset: unit.place({ location: name.location, schema: name.schema }),
      message: `"${name.name}" is a catalog of PostgreSQL: changing it changes every service's database`,
      fix: "use the DDL statement for it, such as ALTER TYPE or ALTER TABLE",
    })),
);

function changesCatalog({ schema, name, object, use }: Name): boolean {
  if (use !== "change" && use !== "create") return false;
  if (schema === "pg_catalog" || schema === "information_schema" || schema === "pg_toast") return name !== "";
  return schema === undefined && object === "relation" && name.startsWith("pg_") && use === "change";
}

/** The tables of ledgers: the tool's to write, and stock Prisma's. */
const ledger = statementRule(
  { name: "ledger", severity: "error", summary: "changes a ledger, the table _prisma_migrations" },
  (unit, { service }) => {
    // The index of its primary key too.
    const touched = unit.names.names.filter(
      ({ name, use }) => name.startsWith("_prisma_migrations") && use !== "read",
    );
    const renamed = unit.kind === "RenameStmt" && unit.fields.newname === "_prisma_migrations";
    const places = [...touched, ...(renamed ? [{ location: undefined, schema: undefined }] : [])];
    return places.map((name) => ({
      offset: unit.place({ location: name.location, schema: name.schema }),
      message: "_prisma_migrations is the ledger: what is written there by hand is no longer what happened",
      fix: `leave it to schemata: make history app=${service} shows it, schemata repair mends it`,
    }));
  },
);

/** Extensions are declared in the schema file and made once for all services. */
const extension = statementRule(
  {
    name: "extension",
    severity: "error",
    summary: "makes an extension that the service does not declare, or changes one",
  },
  (unit, ownership) => [...extensionDdl(unit, ownership), ...extensionObjects(unit)],
);

function extensionDdl(unit: Unit, ownership: Ownership): Problem[] {
  const offset = unit.place();
  const name = asText(unit.fields.extname);
  const concerns = [unit.fields.removeType, unit.fields.objtype, unit.fields.objectType].includes(
    "OBJECT_EXTENSION",
  );
  if (unit.kind === "CreateExtensionStmt") return createdExtension(unit, name, ownership);
  if (!/^AlterExtension/.test(unit.kind) && !concerns) return [];
  return [
    {
      offset,
      message:
        name === "" ? "extensions belong to the database" : `the extension "${name}" belongs to the database`,
      fix: "change extensions where they are made: schemata provision",
    },
  ];
}

function createdExtension(unit: Unit, name: string, { service, extensions }: Ownership): Problem[] {
  const options = optionsOf(unit.fields.options);
  const schema = optionText(options, "schema");
  const offset = unit.place();
  if (name === "plpgsql" && unit.fields.if_not_exists) return [];
  if (!extensions.includes(name)) {
    const fix = `add extensions = [${name}] to the datasource block of services/${service}/schema.prisma, then schemata provision`;
    return [{ offset, message: `the extension "${name}" is not declared by ${service}`, fix }];
  }
  if (schema !== undefined && schema !== EXTENSIONS_SCHEMA) {
    const message = `the extension "${name}" would go to the schema "${schema}"`;
    return [
      { offset, message, fix: `leave SCHEMA out: provision keeps extensions in "${EXTENSIONS_SCHEMA}"` },
    ];
  }
  if (options.has("cascade")) {
    const message = `CASCADE may make extensions that ${service} does not declare`;
    return [{ offset, message, fix: "declare those too, and leave CASCADE out" }];
  }
  if (!unit.fields.if_not_exists) {
    const message = `the extension "${name}" is there already: provision made it`;
    return [{ offset, message, fix: "write CREATE EXTENSION IF NOT EXISTS", severity: "warning" }];
  }
  return [];
}

function extensionObjects(unit: Unit): Problem[] {
  return unit.names.names
    .filter(
      ({ schema, use, object }) => schema === EXTENSIONS_SCHEMA && use !== "read" && object !== "schema",
    )
    .map((name) => ({
      offset: unit.place({ location: name.location, schema: EXTENSIONS_SCHEMA }),
      message: `"${EXTENSIONS_SCHEMA}"."${name.name}" belongs to an extension, or would lie among them`,
      fix: `leave "${EXTENSIONS_SCHEMA}". out`,
    }));
}

/** Dropping with CASCADE reaches into the services that refer to this one. */
const cascade = statementRule(
  {
    name: "cascade",
    severity: "error",
    summary: "drops with CASCADE what other services may refer to",
  },
  (unit, { dependents }) => {
    if (dependents.length === 0 || !dropsCascading(unit)) return [];
    const message = `CASCADE also drops what ${dependents.join(" and ")} made on it, or empties it`;
    return [
      {
        offset: unit.place(),
        message,
        fix: "leave CASCADE out: Postgres then names what still depends on it",
      },
    ];
  },
);

function dropsCascading({ kind, fields }: Unit): boolean {
  if ((kind === "DropStmt" || kind === "TruncateStmt") && fields.behavior === "DROP_CASCADE") return true;
  if (kind !== "AlterTableStmt" || !Array.isArray(fields.cmds)) return false;
  return fields.cmds.some((cmd) => asTree(asTree(cmd)?.AlterTableCmd)?.behavior === "DROP_CASCADE");
}

/** The rules on what all services share. */
export const SHARED_RULES: readonly Rule[] = [catalogWrite, ledger, extension, cascade];
