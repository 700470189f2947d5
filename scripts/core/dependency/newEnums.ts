import { type Definition, fieldsOf } from "../models.ts";
import { lineBreakOf } from "../schemaText.ts";
import { renderBlock, renderPlace, renderValue } from "./render.ts";
import { isSame, type SchemaSource } from "./repeated.ts";

/** Names the enums of other services in a file, and remembers those that it does not repeat yet. */
export interface EnumNamer {
  nameOf(original: Definition): string;
  added: { name: string; original: Definition }[];
}

/** `taken` are names that the file is about to use. */
export function enumNamer(source: SchemaSource, taken: readonly string[] = []): EnumNamer {
  const added: EnumNamer["added"] = [];
  return {
    added,
    nameOf(original) {
      const known =
        source.definitions.find((one) => isSame(one, original)) ??
        source.definitions.find(
          (one) => one.kind === "enum" && one.schema === original.schema && one.name === original.name,
        ) ??
        added.find((one) => isSame(one.original, original));
      if (known) return known.name;
      const reserved = taken.map((one) => ({ name: one }));
      const name = freeName(original, [...source.definitions, ...added, ...reserved]);
      added.push({ name, original });
      return name;
    },
  };
}

/** What a file can call another service's model or enum: `User`, or `AuthUser` where it has one of its own. */
export function freeName({ name, schema }: Definition, taken: readonly { name: string }[]): string {
  if (!taken.some((one) => one.name === name)) return name;
  const prefix = schema
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("");
  let free = `${prefix}${name}`;
  for (let count = 2; taken.some((one) => one.name === free); count++) free = `${prefix}${name}${count}`;
  return free;
}

/** The enums that a file needs and does not repeat yet, to stand at its end. */
export function renderNewEnums({ text }: SchemaSource, { added }: EnumNamer): string {
  const lineBreak = lineBreakOf(text);
  const blocks = added.map(({ name, original }) => {
    const lines = fieldsOf(original.block).map(renderValue);
    return lineBreak + renderBlock(`enum ${name}`, { lines, place: renderPlace(original, name), lineBreak });
  });
  return blocks.length > 0 && !/[\r\n]$/.test(text) ? lineBreak + blocks.join("") : blocks.join("");
}
