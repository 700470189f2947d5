import { columnOf, type Definition, fieldsOf } from "../models.ts";
import { findAttribute, type SchemaAttribute, type SchemaMember } from "../schemaBlocks.ts";
import { type ColumnField, nativeAttribute } from "./columns.ts";
import { defaultOf } from "./compare.ts";
import { isSame, type SchemaSource } from "./repeated.ts";

/** In which order `prisma format` writes a field's attributes. */
const ORDER = ["id", "unique", "default", "updatedAt", "map", "relation"];

/** What a repeated field is written with. */
export interface FieldText {
  type: string;
  /** With their @ signs, in order. */
  attributes: string[];
}

/** Where a field is to be written, and where its column is defined. */
export interface Passage {
  source: SchemaSource;
  owner: SchemaSource;
  /** What the file calls an enum of the owner's. */
  enumName(original: Definition): string;
}

/**
 * A field as its owner has it: type, column and native type are the owner's; of what is there already everything else
 * stays, but for a default that goes with another type.
 */
export function renderField(
  { field, column, enumeration }: ColumnField,
  { here, name, without = [] }: { here?: SchemaMember; name: string; without?: readonly SchemaAttribute[] },
  { source, owner, enumName }: Passage,
): FieldText {
  const native = nativeAttribute(field);
  const kept = (here ?? field).attributes.filter(
    (attribute) =>
      !without.includes(attribute) &&
      attribute !== nativeAttribute(here ?? field) &&
      !["map", "default", "relation", "ignore"].includes(attribute.name),
  );
  const keptText = here ? source.text : owner.text;
  const attributes = kept.map((attribute) => [
    attribute.name,
    keptText.slice(attribute.start, attribute.end),
  ]) as [string, string][];
  if (column !== name) attributes.push(["map", `@map(${JSON.stringify(column)})`]);
  if (native) {
    const text = owner.text.slice(native.start, native.end);
    attributes.push([native.name, `@${source.datasource}${text.slice(text.indexOf("."))}`]);
  }
  const value = findAttribute(field, "default");
  if (value && (!here || findAttribute(here, "default")))
    attributes.push(["default", renderDefault(field, { enumeration, value }, { source, owner, enumName })]);
  const rank = (attribute: string) => {
    const place = ORDER.indexOf(attribute);
    return place === -1 ? ORDER.length : place;
  };
  attributes.sort(([a], [b]) => rank(a) - rank(b));
  return {
    type: `${enumeration ? enumName(enumeration) : field.type}${field.arity}`,
    attributes: attributes.map(([, text]) => text),
  };
}

/** A default of an enum names one of its values, which the file may call otherwise. */
function renderDefault(
  field: SchemaMember,
  { enumeration, value }: { enumeration: Definition | undefined; value: SchemaAttribute },
  { source, owner }: Passage,
): string {
  const written = defaultOf(field);
  const original = enumeration && fieldsOf(enumeration.block).find(({ name }) => name === written);
  const here = enumeration && source.definitions.find((one) => isSame(one, enumeration));
  const known = original && here && fieldsOf(here.block).find((one) => columnOf(one) === columnOf(original));
  return known ? `@default(${known.name})` : owner.text.slice(value.start, value.end);
}

/** The line of an enum's value. */
export function renderValue(value: SchemaMember): string {
  const column = columnOf(value);
  return column === value.name ? value.name : `${value.name} @map(${JSON.stringify(column)})`;
}

/** The attributes that end a repeated block: its name in the database, where it has another, and its schema. */
export function renderPlace({ inDatabase, schema }: Definition, name: string): string[] {
  return [
    ...(inDatabase === name ? [] : [`@@map(${JSON.stringify(inDatabase)})`]),
    `@@schema(${JSON.stringify(schema)})`,
  ];
}

/** A whole block. */
export function renderBlock(
  head: string,
  { lines, place, lineBreak }: { lines: readonly string[]; place: readonly string[]; lineBreak: string },
): string {
  return [
    `${head} {`,
    ...lines.map((line) => `  ${line}`),
    "",
    ...place.map((line) => `  ${line}`),
    "}",
    "",
  ].join(lineBreak);
}
