import type { Definition } from "../models.ts";
import { findArgument, type SchemaAttribute, type SchemaMember } from "../schemaBlocks.ts";
import { fieldLines, indentOf, insertLine, placeAfter, remove } from "../schemaLayout.ts";
import { type TextEdit, wholeLines } from "../schemaText.ts";
import { type ColumnField, columnFields, type Key, keysOf, listedFields } from "./columns.ts";
import type { Difference } from "./compare.ts";
import { type Passage, renderField } from "./render.ts";

/** A repeated model beside its original. */
interface Models {
  definition: Definition;
  original: Definition;
}

/** The edits that make a repeated model what its owner has, with no more fields than it has already or needs for a key. */
export function editModel(models: Models, differences: readonly Difference[], passage: Passage): TextEdit[] {
  const { definition, original } = models;
  const { source, owner } = passage;
  const going = differences.flatMap((one) => (one.kind === "key" ? [one.key] : []));
  const gone = differences.flatMap((one) => (one.kind === "field-gone" ? [one.field.field] : []));
  const keys = keysOf(definition).filter(
    (key) => !going.some(({ attribute }) => attribute === key.attribute),
  );
  const key = keys.length === 0 ? primaryKey(original) : undefined;
  const theirs = columnFields(original, owner);
  const stale = new Map(
    differences.flatMap((one) => (one.kind === "field" ? [[one.field.field, one.original] as const] : [])),
  );
  const mine = columnFields(definition, source).filter(({ field }) => !gone.includes(field));
  const nameOf = new Map(mine.map(({ field, column }) => [stale.get(field)?.column ?? column, field.name]));
  const single = key?.columns.length === 1 ? key : undefined;
  const edits = mine.flatMap(({ field, column }) =>
    editField(field, passage, {
      original: stale.get(field),
      without: going.filter((one) => one.field === field).map(({ attribute }) => attribute),
      attribute: single?.columns[0] === (stale.get(field)?.column ?? column) ? `@${single?.kind}` : undefined,
    }),
  );
  for (const field of gone) edits.push(remove(fieldLines(source.text, field)));
  edits.push(...removeAttributes(models, { going, gone }, source.text));
  if (key) edits.push(...addKey(key, { models, passage, theirs, nameOf }));
  return edits;
}

/** The owner's id, or its first unique key where it has none. */
function primaryKey(original: Definition): Key | undefined {
  return keysOf(original)[0];
}

function editField(
  field: SchemaMember,
  passage: Passage,
  change: {
    original: ColumnField | undefined;
    without: readonly SchemaAttribute[];
    attribute: string | undefined;
  },
): TextEdit[] {
  const { original, without, attribute } = change;
  const { typeSpan } = field;
  const { text } = passage.source;
  if (!typeSpan || (!original && without.length === 0 && attribute === undefined)) return [];
  if (original) {
    const { type, attributes } = renderField(original, { here: field, name: field.name, without }, passage);
    const all = [type, ...(attribute === undefined ? [] : [attribute]), ...attributes];
    return [{ start: typeSpan.start, end: field.end, text: all.join(" ") }];
  }
  const kept = field.attributes.filter((one) => !without.includes(one));
  const texts = kept.map(({ start, end }) => text.slice(start, end));
  const all = [...(attribute === undefined ? [] : [attribute]), ...texts];
  return [{ start: typeSpan.end, end: field.end, text: all.map((one) => ` ${one}`).join("") }];
}

/** A block's keys that are none any more, and its indexes over fields that are gone. */
function removeAttributes(
  { definition }: Models,
  { going, gone }: { going: readonly Key[]; gone: readonly SchemaMember[] },
  text: string,
): TextEdit[] {
  const names = new Set(gone.map(({ name }) => name));
  return definition.block.members.flatMap((member) => {
    const [attribute] = member.attributes;
    if (member.kind !== "attribute" || !attribute) return [];
    const isKey = member.name === "id" || member.name === "unique";
    const goes = isKey
      ? going.some((key) => key.attribute === attribute)
      : listedFields(findArgument(attribute, "fields")?.value).some((name) => names.has(name));
    return goes ? [remove(wholeLines(text, member))] : [];
  });
}

/** Writes the owner's key, with the fields of it that are not repeated yet. */
function addKey(
  key: Key,
  {
    models: { definition },
    passage,
    theirs,
    nameOf,
  }: {
    models: Models;
    passage: Passage;
    theirs: readonly ColumnField[];
    nameOf: ReadonlyMap<string, string>;
  },
): TextEdit[] {
  const { text } = passage.source;
  const { block } = definition;
  const indent = indentOf(text, block);
  const fields = key.fields.flatMap((name) => theirs.find(({ field }) => field.name === name) ?? []);
  const lines = fields
    .filter(({ column }) => !nameOf.has(column))
    .map((field) => {
      const { type, attributes } = renderField(field, { name: field.field.name }, passage);
      // A key of the block is written at its field where that is the only one.
      const own = fields.length === 1 && !key.field ? [`@${key.kind}`] : [];
      return `${indent}${[field.field.name, type, ...own, ...attributes].join(" ")}`;
    });
  const edits = lines.map((line) => insertLine(text, placeAfter(text, block, undefined), line));
  if (fields.length < 2) return edits;
  const names = fields.map(({ field, column }) => nameOf.get(column) ?? field.name).join(", ");
  const place = block.members.find(({ kind }) => kind === "attribute");
  const before = place ? wholeLines(text, place).start : block.body.end;
  return [...edits, insertLine(text, before, `${indent}@@${key.kind}([${names}])`)];
}
