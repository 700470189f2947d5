import { type Definition, fieldsOf } from "../models.ts";
import { findAttribute } from "../schemaBlocks.ts";
import { keysOf, listedFields } from "./columns.ts";
import type { Difference } from "./compare.ts";
import { fieldsOfType, type Repeated, type SchemaSource } from "./repeated.ts";

/** What stands in the way of a sync: a field of the service's that rests on what its neighbour no longer has. */
export interface Stuck {
  /** Where, as an index of the schema file. */
  start: number;
  message: string;
}

/** The relation fields that rest on a model, field or key that goes; `gone` are the models and enums that do. */
export function findStuck(
  { definition, original }: Repeated,
  differences: readonly Difference[],
  { source, gone }: { source: SchemaSource; gone: ReadonlySet<string> },
): Stuck[] {
  const { name } = definition;
  const users = fieldsOfType(source, name).filter(({ model }) => !gone.has(model.name));
  if (!original) {
    return users.map(({ model, field }) => ({
      start: field.start,
      message: `${model.name}.${field.name} is of the type ${name}, which is gone`,
    }));
  }
  if (definition.kind === "enum") return [];
  const lost = new Set(
    differences.flatMap((one) => (one.kind === "field-gone" ? [one.field.field.name] : [])),
  );
  const found: Stuck[] = [];
  for (const { model, field } of users) {
    const references = listedFields(namedArgument(field, "references"));
    const missing = references.filter((reference) => lost.has(reference));
    const message =
      missing.length > 0
        ? `${model.name}.${field.name} refers to ${name}.${missing.join(", ")}, which is gone`
        : references.length > 0 && !isUnique(references, definition, differences)
          ? `${model.name}.${field.name} refers to ${name}.${references.join(", ")}, which is not unique any more`
          : undefined;
    if (message !== undefined) found.push({ start: field.start, message });
  }
  for (const field of fieldsOf(definition.block)) {
    const missing = listedFields(namedArgument(field, "fields")).filter((one) => lost.has(one));
    if (missing.length > 0)
      found.push({
        start: field.start,
        message: `${name}.${field.name} needs ${missing.join(", ")}, which is gone`,
      });
  }
  return found;
}

function namedArgument(field: Parameters<typeof findAttribute>[0], name: string): string | undefined {
  const relation = findAttribute(field, "relation");
  return relation?.arguments.find((one) => one.name === name)?.value ?? undefined;
}

/** Whether what a relation refers to is unique by a key that stays. */
function isUnique(
  references: readonly string[],
  definition: Definition,
  differences: readonly Difference[],
): boolean {
  const going = new Set(differences.flatMap((one) => (one.kind === "key" ? [one.key.attribute] : [])));
  const wanted = [...references].sort().join("\0");
  const keys = keysOf(definition).filter(({ fields }) => [...fields].sort().join("\0") === wanted);
  // Without any key Prisma itself will have something to say.
  return keys.length === 0 || keys.some(({ attribute }) => !going.has(attribute));
}
