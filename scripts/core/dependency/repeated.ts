import { type Definition, fieldsOf, readDefinitions } from "../models.ts";
import { readBlocks, type SchemaMember } from "../schemaBlocks.ts";
import type { Service } from "../service.ts";

/** A service's schema file as others are held against it. */
export interface SchemaSource {
  service: Pick<Service, "name" | "schema" | "schemas" | "schemaFile">;
  text: string;
  /** Its own models and enums, and those that it repeats of others. */
  definitions: Definition[];
  /** What its datasource block is called, and so its native types: `db` in `@db.Text`. */
  datasource: string;
  /** The texts of its migrations, for whoever has to know how it came to be so. */
  history?: () => string[];
}

/** A model or enum that a schema file repeats of another service, beside the owner's own. */
export interface Repeated {
  definition: Definition;
  owner: SchemaSource;
  /** Absent: the owner has none of that name in the database, nor in its schema file. */
  original: Definition | undefined;
}

export function readSource(service: SchemaSource["service"], text: string): SchemaSource {
  const datasource = readBlocks(text).find(({ kind }) => kind === "datasource")?.name ?? "db";
  return { service, text, definitions: readDefinitions(text, service.schema), datasource };
}

/**
 * What a schema file repeats of services that are known, each with its original: that of the same name in the
 * database, else that of the same name in the schema file.
 */
export function pairRepeated(source: SchemaSource, sources: readonly SchemaSource[]): Repeated[] {
  const taken = new Set<Definition>();
  const pairs = source.definitions.flatMap((definition) => {
    const owner = ownerOf(definition.schema, source, sources);
    if (!owner) return [];
    const original = ownOf(owner).find((one) => isSame(one, definition));
    if (original) taken.add(original);
    return [{ definition, owner, original }];
  });
  return pairs.map(({ definition, owner, original }) => ({
    definition,
    owner,
    original:
      original ??
      ownOf(owner).find(
        (one) => one.kind === definition.kind && one.name === definition.name && !taken.has(one),
      ),
  }));
}

function ownerOf(
  schema: string,
  source: SchemaSource,
  sources: readonly SchemaSource[],
): SchemaSource | undefined {
  if (schema === source.service.schema) return undefined;
  return sources.find(({ service }) => service.schema === schema);
}

/** The models and enums that a service owns. */
export function ownOf({ service, definitions }: SchemaSource): Definition[] {
  return definitions.filter(({ schema }) => schema === service.schema);
}

/** Whether two definitions, perhaps of two files, stand for the same table or type. */
export function isSame(a: Definition, b: Definition): boolean {
  return a.kind === b.kind && a.schema === b.schema && a.inDatabase === b.inDatabase;
}

/** A field of a model that refers to another model, or is a list of it: it has no column. */
export interface RelationField {
  model: Definition;
  field: SchemaMember;
}

/** The fields of a file's models that have that model or enum for their type. */
export function fieldsOfType({ definitions }: SchemaSource, type: string): RelationField[] {
  return definitions.flatMap((model) =>
    model.kind === "model"
      ? fieldsOf(model.block)
          .filter((field) => field.type === type)
          .map((field) => ({ model, field }))
      : [],
  );
}
