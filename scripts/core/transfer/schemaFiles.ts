import { type Failure, fail } from "../errors.ts";
import {
  addFields,
  fieldParts,
  type OpenBlock,
  type OpenFile,
  openFile,
  type Part,
  relationOf,
  removeField,
  type SchemaFile,
  setSchema,
  withType,
} from "./openFile.ts";
import { repeatModel } from "./repeat.ts";

/** A relation of the model that goes, and what is on its other end. */
interface Relation {
  field: Part;
  other: OpenBlock;
  /** The field of the other model. */
  back: Part | undefined;
}

/**
 * Both schema files after a model has gone from one to the other, with the enums of `types`. Where a foreign key then
 * leads from one service to the other, the file of the one that holds it repeats the other's model.
 */
export function editSchemaFiles(
  from: SchemaFile,
  to: SchemaFile,
  { model, types }: { model: string; types: readonly string[] },
): { from: string; to: string } {
  const giver = openFile(from);
  const taker = openFile(to);
  const moved = findModel(giver, model);
  if (!moved) throw new Error(`${from.file} has no model ${model}`);
  const repeated = findTable(taker, from.schema, moved.inDatabase);
  const name = repeated?.name ?? moved.name;
  if (!repeated) requireFree(taker, name);
  const arrives: OpenBlock = {
    ...moved,
    name,
    head: moved.head.replace(/^([ \t]*model[ \t]+)\w+/m, (_, word: string) => word + name),
  };
  arrives.parts = moved.parts.map((part) => (part.member.type === moved.name ? withType(part, name) : part));
  setSchema(arrives, to.schema);

  const kept: string[] = [];
  for (const relation of relationsOf(giver, moved)) {
    if (moveRelation({ giver, taker, arrives }, relation)) kept.push(relation.field.member.name);
  }
  if (repeated) {
    addFields(
      arrives,
      ownRelations(taker, repeated).filter(
        ({ member }) => !fieldParts(arrives).some((field) => field.member.name === member.name),
      ),
    );
    // In its place, so that the difference is what has changed.
    Object.assign(repeated, arrives);
  } else taker.blocks.push(arrives);

  if (kept.length === 0) giver.blocks.splice(giver.blocks.indexOf(moved), 1);
  else Object.assign(moved, repeatModel(giver, moved, { schema: to.schema, keep: kept, owner: to.name }));
  for (const type of giver.blocks.filter(
    (block) => block.kind === "enum" && block.schema === from.schema && types.includes(block.inDatabase),
  )) {
    requireFree(taker, type.name);
    giver.blocks.splice(giver.blocks.indexOf(type), 1);
    const copy = { ...type };
    setSchema(copy, to.schema);
    taker.blocks.push(copy);
  }
  return { from: giver.finish(), to: taker.finish() };
}

interface Files {
  giver: OpenFile;
  taker: OpenFile;
  /** The model as it will be in the taker's file. */
  arrives: OpenBlock;
}

/** Puts both ends of a relation where they belong; tells whether the giver still refers to the model. */
function moveRelation({ giver, taker, arrives }: Files, { field, other, back }: Relation): boolean {
  const { member } = field;
  const name = relationOf(field);
  const own = other.schema === giver.file.schema;
  if (member.arity === "[]" && back?.member.arity === "[]") fail(manyToMany(giver.file, arrives, other));
  if (!name.owning) {
    removeField(arrives, member.name);
    if (own) return true;
    dropRepeated(giver, other, back);
    return false;
  }
  const known = findTable(taker, other.schema, other.inDatabase);
  if (!known) requireFree(taker, other.name);
  const owner = own ? giver.file.name : other.schema;
  const target = known ?? repeatModel(giver, other, { schema: other.schema, keep: [], owner });
  if (!known) taker.blocks.push(target);
  arrives.parts = arrives.parts.map((part) =>
    part.member.kind === "field" && part.member.name === member.name ? withType(part, target.name) : part,
  );
  const answered = fieldParts(target).some(
    (part) => part.member.type === arrives.name && relationOf(part).name === name.name,
  );
  if (!answered && back) addFields(target, [withType(back, arrives.name)]);
  if (own && back) removeField(other, back.member.name);
  else dropRepeated(giver, other, back);
  return false;
}

/** A repeated model without its relation to the model that goes; it goes as well where nothing else is related to it. */
function dropRepeated(giver: OpenFile, other: OpenBlock, back: Part | undefined): void {
  if (back) removeField(other, back.member.name);
  const related = fieldParts(other).some(({ member }) => findModel(giver, member.type ?? ""));
  if (!related && giver.blocks.includes(other)) giver.blocks.splice(giver.blocks.indexOf(other), 1);
}

function relationsOf(file: OpenFile, moved: OpenBlock): Relation[] {
  return fieldParts(moved).flatMap((field) => {
    const other = findModel(file, field.member.type ?? "");
    if (!other || other === moved) return [];
    const { name } = relationOf(field);
    const back = fieldParts(other).find(
      (part) => part.member.type === moved.name && relationOf(part).name === name,
    );
    return [{ field, other, back }];
  });
}

/** The relations of a repeated model to models of the file's own service. */
function ownRelations(file: OpenFile, repeated: OpenBlock): Part[] {
  return fieldParts(repeated).filter(
    ({ member }) => findModel(file, member.type ?? "")?.schema === file.file.schema,
  );
}

function findModel({ blocks }: OpenFile, name: string): OpenBlock | undefined {
  return blocks.find((block) => block.kind === "model" && block.name === name);
}

function findTable({ blocks }: OpenFile, schema: string, table: string): OpenBlock | undefined {
  return blocks.find(
    (block) => block.kind === "model" && block.schema === schema && block.inDatabase === table,
  );
}

function requireFree({ blocks, file }: OpenFile, name: string): void {
  const taken = blocks.find((block) => block.name === name);
  if (taken) fail(nameTaken(file, taken));
}

function nameTaken({ name, file }: SchemaFile, { kind, name: taken }: OpenBlock): Failure {
  return {
    fact: `${name}: ${file} has the ${kind} "${taken}" already`,
    why: "the transfer would put another of that name beside it; nothing was written",
    fix: "rename one of the two in its schema file; with @@map the database's names stay",
  };
}

function manyToMany({ name }: SchemaFile, moved: OpenBlock, other: OpenBlock): Failure {
  return {
    fact: `${name}: ${moved.name} and ${other.name} refer to many of each other`,
    why: "the table in between has no model and belongs to both; nothing was written",
    fix: "make a model of it, and a revision, and transfer again",
  };
}
