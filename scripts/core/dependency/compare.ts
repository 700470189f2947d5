import { columnOf, type Definition, fieldsOf } from "../models.ts";
import { findArgument, findAttribute, type SchemaMember } from "../schemaBlocks.ts";
import type { Span } from "../schemaText.ts";
import { type ColumnField, columnFields, isSameType, type Key, keysOf } from "./columns.ts";
import { type FieldPair, findLikely } from "./likely.ts";
import { fieldsOfType, type Repeated, type SchemaSource } from "./repeated.ts";

/** One way in which a repeated model or enum is no longer what its owner has. */
export type Difference = Span & { message: string } & (
    | { kind: "gone" }
    | { kind: "name" }
    | { kind: "field"; field: ColumnField; original: ColumnField }
    /** `likely`: what it has probably been renamed to. */
    | { kind: "field-gone"; field: ColumnField; likely: ColumnField | undefined }
    | { kind: "key"; key: Key }
    | { kind: "value-gone"; value: SchemaMember }
    | { kind: "value-missing"; value: SchemaMember }
  );

/**
 * What is stale of a repeated model or enum. A model may repeat fewer fields, and need not repeat defaults and
 * indexes; what it does repeat has to be so: names in the database, types, arity, and what is unique. `renamed` says of
 * fields, by their names, which of the owner's columns they are.
 */
export function compareRepeated(
  { definition, owner, original }: Repeated,
  source: SchemaSource,
  renamed: ReadonlyMap<string, string> = new Map(),
): Difference[] {
  const { kind, name, schema, inDatabase, block } = definition;
  const where = owner.service.schemaFile;
  const span = { start: block.start, end: block.end };
  if (!original) {
    const users = fieldsOfType(source, name).map(({ model, field }) => `${model.name}.${field.name}`);
    const used = users.length === 0 ? "" : `; of that type: ${users.join(", ")}`;
    const message = `${name} repeats the ${kind === "model" ? "table" : "enum"} ${schema}.${inDatabase}, which ${where} does not have${used}`;
    return [{ kind: "gone", ...span, message }];
  }
  const names: Difference[] =
    original.inDatabase === inDatabase
      ? []
      : [
          {
            kind: "name",
            ...span,
            message: `${name} is "${inDatabase}" in the database here, and "${original.inDatabase}" in ${where}`,
          },
        ];
  const parts =
    kind === "model"
      ? compareModels({ definition, original }, { source, owner, renamed })
      : compareEnums(definition, original, where);
  return [...names, ...parts];
}

function compareModels(
  { definition, original }: { definition: Definition; original: Definition },
  {
    source,
    owner,
    renamed,
  }: { source: SchemaSource; owner: SchemaSource; renamed: ReadonlyMap<string, string> },
): Difference[] {
  const where = owner.service.schemaFile;
  const theirs = columnFields(original, owner);
  const pairs = pairFields(columnFields(definition, source), theirs, renamed);
  const fields = pairs.flatMap(({ field, original: other }): Difference[] => {
    const { start, end, name } = field.field;
    const known = `${definition.name}.${name}`;
    if (!other) {
      const { inDatabase: table } = original;
      const likely = findLikely(field, { pairs, theirs, table, scripts: owner.history?.() ?? [] });
      const message = `${known} is the column "${field.column}", which ${original.name} in ${where} does not have${likely ? `; renamed to "${likely.column}"?` : ""}`;
      return [{ kind: "field-gone", start, end, message, field, likely }];
    }
    if (other.column === field.column && isSameType(field, other) && !hasLostDefault(field, other, owner))
      return [];
    const message = `${known} is ${describeColumn(field)} here, and ${describeColumn(other)} in ${where}`;
    return [{ kind: "field", start, end, message, field, original: other }];
  });
  const unique = new Set(keysOf(original).map(({ columns }) => columns.join("\0")));
  const columnNow = new Map(
    pairs.map(({ field, original: other }) => [field.column, other?.column ?? field.column]),
  );
  const keys = keysOf(definition).flatMap((key): Difference[] => {
    const columns = key.columns.map((column) => columnNow.get(column) ?? column).sort();
    if (unique.has(columns.join("\0"))) return [];
    const { start, end } = key.attribute;
    const message = `${definition.name} says that ${key.fields.join(", ")} is unique, which ${original.name} in ${where} does not`;
    return [{ kind: "key", start, end, message, key }];
  });
  return [...fields, ...keys];
}

/** Each field with that of the same column, or of the one that it was renamed to, else with that of the same name. */
function pairFields(
  mine: readonly ColumnField[],
  theirs: readonly ColumnField[],
  renamed: ReadonlyMap<string, string>,
): FieldPair[] {
  const byColumn = mine.map((field) => {
    const wanted = renamed.get(field.field.name) ?? field.column;
    return theirs.find(({ column }) => column === wanted);
  });
  return mine.map((field, index) => ({
    field,
    original:
      byColumn[index] ??
      theirs.find((other) => other.field.name === field.field.name && !byColumn.includes(other)),
  }));
}

/** Whether a default names a value that the owner's enum does not have. */
function hasLostDefault(
  { field, enumeration }: ColumnField,
  other: ColumnField,
  owner: SchemaSource,
): boolean {
  const value = defaultOf(field);
  if (value === undefined || !enumeration || !other.enumeration) return false;
  const { inDatabase, schema } = other.enumeration;
  const known = owner.definitions.find(
    (one) => one.kind === "enum" && one.inDatabase === inDatabase && one.schema === schema,
  );
  const here = fieldsOf(enumeration.block).find(({ name }) => name === value);
  if (!known || !here) return false;
  return !fieldsOf(known.block).some((one) => columnOf(one) === columnOf(here));
}

/** The value of a field's `@default`, without blanks. */
export function defaultOf(field: SchemaMember): string | undefined {
  return findArgument(findAttribute(field, "default"), "value")?.value;
}

function describeColumn({ field, column, native }: ColumnField): string {
  const type = `${field.type}${field.arity}`;
  return [type, native && `@db.${native}`, column !== field.name && `@map("${column}")`]
    .filter(Boolean)
    .join(" ");
}

function compareEnums(definition: Definition, original: Definition, where: string): Difference[] {
  const mine = fieldsOf(definition.block);
  const theirs = fieldsOf(original.block);
  const has = (values: readonly SchemaMember[], value: SchemaMember) =>
    values.some((one) => columnOf(one) === columnOf(value));
  const { name, block } = definition;
  return [
    ...mine
      .filter((value) => !has(theirs, value))
      .map((value) => ({
        kind: "value-gone" as const,
        start: value.start,
        end: value.end,
        message: `${name} has the value "${columnOf(value)}", which ${original.name} in ${where} does not have`,
        value,
      })),
    ...theirs
      .filter((value) => !has(mine, value))
      .map((value) => ({
        kind: "value-missing" as const,
        start: block.start,
        end: block.end,
        message: `${name} lacks the value "${columnOf(value)}", which ${original.name} in ${where} has`,
        value,
      })),
  ];
}
