import { EXTENSIONS_SCHEMA } from "../../extensions.ts";
import { literalText, UNKNOWN_NAME } from "../dynamic.ts";
import type { Ownership } from "../finding.ts";
import type { Call, Name } from "../names.ts";
import { type Problem, type Rule, statementRule } from "../rule.ts";
import { splitName } from "../text.ts";
import { asList, nameParts, stringOf } from "../tree.ts";
import type { Unit } from "../unit.ts";

/** Schemas that every service may read: Postgres' own, the extensions', and the session's. */
const SHARED = new Set(["pg_catalog", "information_schema", EXTENSIONS_SCHEMA, "pg_temp"]);

/** pg_catalog's functions whose text arguments name a relation or another object. */
const NAMING_FUNCTIONS =
  /^(?:nextval|currval|setval|pg_get_serial_sequence|pg_sequence_last_value|to_reg[a-z]+|pg_(?:total_)?relation_size|pg_(?:table|indexes)_size|(?:table|schema)_to_xml(?:schema|_and_xmlschema)?|row_security_active|pg_relation_filepath|brin_\w+|gin_clean_pending_list)$/;

/** Text search functions whose first argument names a configuration when there are two. */
const CONFIG_FUNCTIONS =
  /^(?:to_tsvector|json_?b?_to_tsvector|(?:plain|phrase|websearch_)?to_tsquery|ts_headline|ts_lexize|ts_debug)$/;

/** An object named in the schema of another service, or in one that nobody declared. */
const foreignSchema: Rule = {
  name: "foreign-schema",
  severity: "error",
  summary: "names an object in a schema that is not the service's own",
  check({ units, remarks }, ownership) {
    const named = units.flatMap((unit) =>
      foreignNames(unit, ownership)
        .filter(({ schema, use }) => schema !== "public" && use !== "reference")
        .filter((name) => !isRepeatedType(name, ownership))
        .map((name) => foreignProblem(unit, name, ownership)),
    );
    const unreadable = remarks.filter(({ rule }) => rule === "foreign-schema");
    return [
      ...named,
      ...unreadable.map(({ offset, message }) => ({ offset, message, fix: fixFor(ownership) })),
    ];
  },
};

/** Scripts born in `public` say so in every name; in a service of another schema they touch what is nobody's. */
const publicSchema = statementRule(
  {
    name: "public-schema",
    severity: "error",
    summary: 'names the schema "public", which the service does not own',
  },
  (unit, ownership) =>
    foreignNames(unit, ownership)
      .filter(({ schema }) => schema === "public")
      .map((name) => ({
        offset: unit.place({ location: name.location, schema: "public" }),
        message: `${describe(name)} lies in "public", not in "${ownership.schema}"`,
        fix: `leave out "public"., so that the name means ${ownership.service}'s own schema`,
      })),
);

/** A foreign key to a table that the schema file does not repeat. */
const foreignKey = statementRule(
  {
    name: "foreign-key",
    severity: "error",
    summary: "has a foreign key to a table that the service's schema file does not repeat",
  },
  (unit, ownership) =>
    unit.names.names
      .filter((name) => name.use === "reference" && !isOwn(name, ownership) && name.schema !== "public")
      .filter(({ schema = "", name }) => !ownership.references.get(schema)?.has(name))
      .map((name) => ({
        offset: unit.place({ location: name.location, schema: name.schema }),
        message: `a foreign key points at ${describe(name)}, which the schema file does not repeat`,
        fix: `list "${name.schema}" in schemas of services/${ownership.service}/schema.prisma after "${ownership.schema}", and repeat the model there with @@schema("${name.schema}")`,
      })),
);

/** Every name outside of the service's schema and of those that all may read; own ones and shared ones are left out. */
function foreignNames(unit: Unit, ownership: Ownership): Name[] {
  const named = [...unit.names.names, ...unit.names.calls.flatMap((call) => namesInCall(call, ownership))];
  const cast = unit.names.regTexts.flatMap(({ type, value, location }) => {
    const text = literalText(value, ownership.schema);
    return text === undefined ? [] : namesInText(text, type === "regnamespace", location);
  });
  const configured = unit.kind === "CreateTrigStmt" ? triggerConfig(unit) : [];
  return [...named, ...cast, ...configured].filter(
    (name) => !isOwn(name, ownership) && !isShared(name) && !isSchemaDdl(unit, name),
  );
}

function isOwn({ schema }: Name, ownership: Ownership): boolean {
  return schema === undefined || schema === ownership.schema;
}

function isRepeatedType({ schema = "", name, object, use }: Name, { types }: Ownership): boolean {
  return object === "type" && use === "read" && types?.get(schema)?.has(name) === true;
}

/** DROP SCHEMA and the like are another rule's. */
function isSchemaDdl({ kind }: Unit, { object }: Name): boolean {
  return object === "schema" && (kind === "DropStmt" || kind === "AlterOwnerStmt");
}

/** Changes to shared schemas are other rules' to judge. */
function isShared({ schema = "" }: Name): boolean {
  return SHARED.has(schema);
}

function namesInCall({ name, args, location }: Call, { schema }: Ownership): Name[] {
  const naming = NAMING_FUNCTIONS.test(name) || (CONFIG_FUNCTIONS.test(name) && args.length > 1);
  const text = naming ? literalText(args[0], schema) : undefined;
  if (text === undefined) return [];
  return namesInText(text, name.startsWith("schema_to_") || name === "to_regnamespace", location);
}

/** The text search configuration that tsvector_update_trigger takes as its second argument. */
function triggerConfig({ fields }: Unit): Name[] {
  if (nameParts(fields.funcname)?.at(-1) !== "tsvector_update_trigger") return [];
  const config = stringOf(asList(fields.args)[1]);
  return config === undefined ? [] : namesInText(config, false, undefined);
}

function namesInText(text: string, isSchema: boolean, location: number | undefined): Name[] {
  const parts = splitName(text.replace(/\([\s\S]*$/, ""));
  const schema = isSchema ? parts.at(-1) : parts.length > 1 ? parts.at(-2) : undefined;
  if (schema === undefined) return [];
  return [{ schema, name: isSchema ? "" : (parts.at(-1) ?? ""), object: "other", use: "read", location }];
}

function foreignProblem(unit: Unit, name: Name, ownership: Ownership): Problem {
  const offset = unit.place({ location: name.location, schema: name.schema });
  if (name.schema === UNKNOWN_NAME) {
    return {
      offset,
      message: "an object is named in a schema that only the run knows",
      fix: "leave the schema out, so that the name means the service's own",
    };
  }
  const repeated = ownership.references.has(name.schema ?? "");
  return {
    offset,
    message: repeated
      ? `${describe(name)} is another service's: only a foreign key may point there`
      : `${describe(name)} is not ${ownership.service}'s`,
    fix: fixFor(ownership),
  };
}

function fixFor({ service, schema }: Ownership): string {
  return `keep to ${service}'s own schema "${schema}": leave the other schema out, or move the statement to the service that owns the object`;
}

function describe({ schema, name, object }: Name): string {
  const kind =
    object === "relation" ? "table " : object === "type" || object === "function" ? `${object} ` : "";
  return name === "" ? `the schema "${schema}"` : `${kind}"${schema}"."${name}"`;
}

/** The rules on names that lie in other schemas. */
export const NAME_RULES: readonly Rule[] = [foreignSchema, publicSchema, foreignKey];
