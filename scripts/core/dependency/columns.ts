import { columnOf, type Definition, fieldsOf } from "../models.ts";
import { findArgument, findAttribute, type SchemaAttribute, type SchemaMember } from "../schemaBlocks.ts";
import type { SchemaSource } from "./repeated.ts";

/** What Prisma makes of a type without a native one. */
const NATIVE: Readonly<Record<string, string>> = {
  String: "Text",
  Boolean: "Boolean",
  Int: "Integer",
  BigInt: "BigInt",
  Float: "DoublePrecision",
  Decimal: "Decimal(65,30)",
  DateTime: "Timestamp(3)",
  Json: "JsonB",
  Bytes: "ByteA",
};

/** A field with a column. */
export interface ColumnField {
  field: SchemaMember;
  column: string;
  /** The model's enum, where it is of one. */
  enumeration: Definition | undefined;
  /** Without the datasource's name, such as `VarChar(64)`; what Prisma would take where none is written. */
  native: string | undefined;
}

/** The fields of a model that have a column, in their order. */
export function columnFields(model: Definition, { definitions }: SchemaSource): ColumnField[] {
  return fieldsOf(model.block).flatMap((field) => {
    const type = definitions.find(({ name }) => name === field.type);
    if (field.type === undefined || type?.kind === "model") return [];
    const written = nativeAttribute(field);
    const native = written ? renderNative(written) : type ? undefined : NATIVE[field.type];
    return [{ field, column: columnOf(field), enumeration: type, native }];
  });
}

/** `@db.VarChar(64)`, whatever the datasource is called. */
export function nativeAttribute({ attributes }: SchemaMember): SchemaAttribute | undefined {
  return attributes.find(({ name }) => name.includes("."));
}

function renderNative(attribute: SchemaAttribute): string {
  const type = attribute.name.slice(attribute.name.indexOf(".") + 1);
  const values = attribute.arguments.map(({ value }) => value);
  return values.length === 0 ? type : `${type}(${values.join(",")})`;
}

/** Whether two fields stand for columns of one type: the same values in both directions. */
export function isSameType(a: ColumnField, b: ColumnField): boolean {
  if (a.field.arity !== b.field.arity || a.native !== b.native) return false;
  if (!a.enumeration || !b.enumeration)
    return !a.enumeration && !b.enumeration && a.field.type === b.field.type;
  return (
    a.enumeration.schema === b.enumeration.schema && a.enumeration.inDatabase === b.enumeration.inDatabase
  );
}

/** An `@id`, `@unique`, `@@id` or `@@unique`. */
export interface Key {
  kind: "id" | "unique";
  /** As the model calls them. */
  fields: string[];
  /** As the database does, sorted. */
  columns: string[];
  attribute: SchemaAttribute;
  /** Of which it is an attribute; absent where it is the block's. */
  field: SchemaMember | undefined;
}

/** What a model says is unique. */
export function keysOf(model: Definition): Key[] {
  const fields = fieldsOf(model.block);
  const columnNamed = (name: string) => {
    const field = fields.find((one) => one.name === name);
    return field ? columnOf(field) : name;
  };
  return (["id", "unique"] as const).flatMap((kind) => [
    ...fields.flatMap((field) => {
      const attribute = findAttribute(field, kind);
      return attribute ? [{ kind, fields: [field.name], columns: [columnOf(field)], attribute, field }] : [];
    }),
    ...model.block.members.flatMap(({ kind: member, name, attributes: [attribute] }) => {
      if (member !== "attribute" || name !== kind || !attribute) return [];
      const names = listedFields(findArgument(attribute, "fields")?.value);
      return [{ kind, fields: names, columns: names.map(columnNamed).sort(), attribute, field: undefined }];
    }),
  ]);
}

/** The names in `[tenant, email(sort: Desc)]`. */
export function listedFields(value: string | undefined): string[] {
  return (value ?? "")
    .replaceAll(/\([^)]*\)|^\[|\]$/g, "")
    .split(",")
    .filter(Boolean);
}
