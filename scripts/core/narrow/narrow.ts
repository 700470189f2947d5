import { type Definition, fieldsOf, readDefinitions } from "../models.ts";
import type { SchemaMember } from "../schemaBlocks.ts";
import { applyEdits, wholeLines } from "../schemaText.ts";
import { cutIntoPieces, type Piece } from "./pieces.ts";

/** A schema file without what cannot have changed, and what of the database is to be held against it. */
export interface Narrowed {
  text: string;
  view: NarrowView;
}

/** Part of a database, by the names that it knows, as `schema.name`. */
export interface NarrowView {
  /** To be compared. */
  tables: string[];
  /** Known to be equal; there because the others refer to them. Only their foreign keys from and to `tables` count. */
  neighbours: string[];
  enums: string[];
}

export interface NarrowRequest {
  /** The service's own schema. */
  own: string;
  /** The schema file that the database was equal to. */
  since: string;
  /** But for these tables and enums of the own schema, by their names in the database. */
  except: readonly string[];
}

const LETTER = "[\\p{L}\\p{N}_]";

/**
 * Leaves out of a schema file what is as it was when the database was found to be equal to it: each model whose text
 * has not changed and that has no relation to one that has. A model that such a one refers to stays, without its other
 * relations. `undefined` where this cannot be done without understanding more of the file; a file without models where
 * nothing has changed.
 */
export function narrowSchema(text: string, { own, since, except }: NarrowRequest): Narrowed | undefined {
  const [before, after] = [cutIntoPieces(since), cutIntoPieces(text)];
  if (!before || !after || !isSame(settingsOf(before), settingsOf(after))) return undefined;
  const changed = listChanged(before, after);
  const old = before.filter(({ name }) => changed.has(name)).map((piece) => define(piece, own));
  for (const piece of after) if (isExcepted(piece, own, except)) changed.add(piece.name);
  const compared = listCompared(after, changed, own);
  const names = new Set(compared.map(({ name }) => name));
  const mentioned = new Set([...compared, ...old].flatMap(typesOf));
  const neighbours = after
    .filter(({ kind, name }) => kind === "model" && !names.has(name) && mentioned.has(name))
    .map((piece) => define(piece, own));
  for (const type of neighbours.flatMap(typesOf)) mentioned.add(type);
  const models = [...compared, ...neighbours, ...old];
  if (!isUnderstood(after, { models, compared, own })) return undefined;
  // Nobody knows of which enums the columns of a table are that is an exception.
  const isEnumKept = ({ kind, name }: Piece) => kind === "enum" && (except.length > 0 || mentioned.has(name));
  const enums = after.filter(isEnumKept);
  const stubs = new Map(neighbours.map((one) => [one.name, one]));
  const isModel = new Set(after.filter(({ kind }) => kind === "model").map(({ name }) => name));
  const kept = after.flatMap((piece) => {
    const stub = stubs.get(piece.name);
    if (stub) return [withoutRelations(piece, stub, (type) => isModel.has(type) && !names.has(type))];
    return isSetting(piece) || names.has(piece.name) || enums.includes(piece) ? [piece.text] : [];
  });
  // What an earlier migration made by hand no model knows.
  const unknown = except.map((name) => `${own}.${name}`);
  const seen = [...compared, ...old, ...enums.map((piece) => define(piece, own))];
  return {
    text: `${kept.join("\n\n")}\n`,
    view: {
      tables: [...new Set([...namesOf(seen, "model"), ...unknown])],
      neighbours: namesOf(neighbours, "model"),
      enums: [...new Set([...namesOf(seen, "enum"), ...unknown])],
    },
  };
}

/** What has changed, and the models that have a field of such a type. */
function listCompared(pieces: readonly Piece[], changed: ReadonlySet<string>, own: string): Definition[] {
  if (changed.size === 0) return [];
  const anyChanged = new RegExp(`(?<!${LETTER})(?:${[...changed].join("|")})(?!${LETTER})`, "u");
  return pieces.flatMap((piece) => {
    if (isSetting(piece) || !(changed.has(piece.name) || anyChanged.test(piece.text))) return [];
    const definition = define(piece, own);
    const isCompared = changed.has(piece.name) || typesOf(definition).some((type) => changed.has(type));
    return isCompared ? [definition] : [];
  });
}

/** Whether nothing else takes part: a table of which no block tells, a view, a composite type. */
function isUnderstood(
  pieces: readonly Piece[],
  { models, compared, own }: { models: readonly Definition[]; compared: readonly Definition[]; own: string },
): boolean {
  const others = new Set(pieces.filter(isSetting).map(({ name }) => name));
  return (
    !hasJoinTable(models) &&
    !compared.flatMap(typesOf).some((type) => others.has(type)) &&
    // The names in a view are told apart at the first dot.
    [{ schema: own }, ...models].every(({ schema }) => !schema.includes("."))
  );
}

function listChanged(before: readonly Piece[], after: readonly Piece[]): Set<string> {
  const texts = new Map(before.map(({ name, text }) => [name, text]));
  const changed = new Set(after.filter(({ name, text }) => texts.get(name) !== text).map(({ name }) => name));
  const now = new Set(after.map(({ name }) => name));
  for (const { name } of before) if (!now.has(name)) changed.add(name);
  return changed;
}

function isSetting({ kind }: Piece): boolean {
  return kind !== "model" && kind !== "enum";
}

function settingsOf(pieces: readonly Piece[]): string[] {
  return pieces.filter(isSetting).map(({ text }) => text);
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

function define({ kind, name, text }: Piece, own: string): Definition {
  const [definition] = readDefinitions(text, own);
  if (definition) return definition;
  throw new Error(`${kind} ${name} is neither a model nor an enum`);
}

/** Whether a block may be one of those tables and enums; its text is looked at before it is read. */
function isExcepted(piece: Piece, own: string, except: readonly string[]): boolean {
  if (isSetting(piece)) return false;
  const may = except.some((name) => piece.name === name || piece.text.includes(JSON.stringify(name)));
  if (!may) return false;
  const { schema, inDatabase } = define(piece, own);
  return schema === own && except.includes(inDatabase);
}

function typesOf(definition: Definition): string[] {
  return fieldsOf(definition.block).flatMap(({ type }) => (type === undefined ? [] : [type]));
}

function namesOf(definitions: readonly Definition[], kind: Definition["kind"]): string[] {
  return definitions
    .filter((one) => one.kind === kind)
    .map(({ schema, inDatabase }) => `${schema}.${inDatabase}`);
}

/** Two lists that point at each other may be a table of which no block tells; before a change or after it. */
function hasJoinTable(models: readonly Definition[]): boolean {
  const lists = models.map((model) => ({ from: model.name, to: listsOf(model) }));
  return lists.some(({ from, to }) =>
    to.some((other) =>
      other === from
        ? to.filter((name) => name === from).length > 1
        : lists.some((back) => back.from === other && back.to.includes(from)),
    ),
  );
}

function listsOf({ block }: Definition): string[] {
  return fieldsOf(block).flatMap(({ type, arity }) => (type !== undefined && arity === "[]" ? [type] : []));
}

/** A model without the fields of some types, which are relations. */
function withoutRelations(
  { text }: Piece,
  { block }: Definition,
  isLeftOut: (type: string) => boolean,
): string {
  const left = fieldsOf(block).filter(({ type }: SchemaMember) => type !== undefined && isLeftOut(type));
  return applyEdits(
    text,
    left.map((member) => ({ ...wholeLines(text, member), text: "" })),
  );
}
