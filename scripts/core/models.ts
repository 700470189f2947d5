import { findAttribute, readBlocks, readName, type SchemaBlock, type SchemaMember } from "./schemaBlocks.ts";

/** A model or an enum of a schema file: what it is called by Prisma and by the database. */
export interface Definition {
  kind: "model" | "enum";
  name: string;
  /** Where it names none, that of the file's service. */
  schema: string;
  /** The name of its table or type. */
  inDatabase: string;
  block: SchemaBlock;
}

/** The models and enums of a schema file in their order; `own` is its service's schema. */
export function readDefinitions(text: string, own: string): Definition[] {
  return readBlocks(text).flatMap((block) => {
    const { kind, name } = block;
    if (kind !== "model" && kind !== "enum") return [];
    const schema = readName(findAttribute(block, "schema")) ?? own;
    return [{ kind, name, schema, inDatabase: readName(findAttribute(block, "map")) ?? name, block }];
  });
}

/** The fields of a model, or the values of an enum. */
export function fieldsOf({ members }: Pick<SchemaBlock, "members">): SchemaMember[] {
  return members.filter(({ kind }) => kind === "field");
}

/** What the database calls a field, a value or whatever else may have a `@map`. */
export function columnOf(field: SchemaMember): string {
  return readName(findAttribute(field, "map")) ?? field.name;
}

/** What one model of a schema file is called, by Prisma and by the database. */
export interface ModelNames {
  model: string;
  table: string;
  fields: { field: string; column: string }[];
}

/** The models that a service's own schema holds, with the columns of their fields; relations, which have none, are left out. */
export function parseModels(text: string, own: string): ModelNames[] {
  const models = readDefinitions(text, own).filter(({ kind }) => kind === "model");
  const names = new Set(models.map(({ name }) => name));
  return models
    .filter(({ schema }) => schema === own)
    .map(({ name, inDatabase, block }) => ({
      model: name,
      table: inDatabase,
      fields: fieldsOf(block)
        .filter(({ type }) => type !== undefined && !names.has(type))
        .map((field) => ({ field: field.name, column: columnOf(field) })),
    }));
}
