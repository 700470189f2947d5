import { bare, type OpenBlock, type OpenFile, type Part, setSchema } from "./openFile.ts";

/** A model as another service's file repeats it: columns but those of enums, keys, and the relations to be kept. */
export function repeatModel(
  { blocks }: OpenFile,
  model: OpenBlock,
  { schema, keep, owner }: { schema: string; keep: readonly string[]; owner: string },
): OpenBlock {
  const declared = new Set(blocks.map(({ name }) => name));
  const isKept = ({ member: { name, type = "" } }: Part) =>
    keep.includes(name) || !(declared.has(type) || type.startsWith("Unsupported"));
  const fields = model.parts.filter((part) => part.member.kind === "field" && isKept(part));
  const names = new Set(fields.map(({ member }) => member.name));
  const attributes = model.parts.filter(({ member }) => {
    if (member.kind !== "attribute") return false;
    if (["map", "ignore"].includes(member.name)) return true;
    return ["id", "unique"].includes(member.name) && keyFields(member).every((name) => names.has(name));
  });
  const copy = {
    ...model,
    head: `/// ${owner}'s table, repeated for the foreign keys between the two.\nmodel ${model.name} {\n`,
    parts: [...fields.map(bare), ...attributes.map(bare)],
    tail: "}\n",
  };
  const first = copy.parts[fields.length];
  if (first) copy.parts[fields.length] = { ...first, text: `\n${first.text}` };
  setSchema(copy, schema);
  return copy;
}

/** The field names of `@@id([a, b(sort: Desc)])`. */
function keyFields({ attributes }: Part["member"]): string[] {
  const list = attributes[0]?.arguments.find(({ value }) => value.startsWith("["))?.value ?? "";
  return [...list.replaceAll(/\([^)]*\)/g, "").matchAll(/[\p{L}_][\p{L}\p{N}_]*/gu)].map(([name]) => name);
}
