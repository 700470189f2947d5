import { columnOf, type Definition, fieldsOf } from "../models.ts";
import type { RenameRequest } from "../rename.ts";
import { blockLines, readBlocks } from "../schemaBlocks.ts";
import {
  alignRun,
  fieldLines,
  fieldRuns,
  indentOf,
  insertLine,
  placeAfter,
  remove,
} from "../schemaLayout.ts";
import { applyEdits, lineBreakOf, type Span, type TextEdit, wholeLines } from "../schemaText.ts";
import { listLikely, resolveAsked } from "./asked.ts";
import { compareRepeated, type Difference } from "./compare.ts";
import { editModel } from "./editModel.ts";
import { type EnumNamer, enumNamer, renderNewEnums } from "./newEnums.ts";
import { renderPlace, renderValue } from "./render.ts";
import { pairRepeated, type Repeated, type SchemaSource } from "./repeated.ts";
import { findStuck, type Stuck } from "./stuck.ts";

/** A schema file brought in line with those that it repeats. */
export interface Sync {
  text: string;
  /** What was stale, a sentence each. */
  changes: string[];
  /** Where anything is stuck, `text` is of no use. */
  stuck: Stuck[];
  /** Columns that are gone, and look as if they were renamed, as `--rename` takes them. */
  likely: string[];
  /** Renames that were asked for, and mean nothing. */
  unknown: RenameRequest[];
}

/** Rewrites what a schema file repeats of others and is stale; all else stays byte for byte. */
export function syncSchemaFile(
  source: SchemaSource,
  sources: readonly SchemaSource[],
  renames: readonly RenameRequest[] = [],
): Sync {
  const pairs = pairRepeated(source, sources);
  const { asked, unknown } = resolveAsked(renames, pairs, source);
  const stale = pairs.flatMap((pair) => {
    const differences = compareRepeated(pair, source, asked.get(pair));
    return differences.length === 0 ? [] : [{ pair, differences }];
  });
  const gone = new Set(stale.filter(({ pair }) => !pair.original).map(({ pair }) => pair.definition.name));
  const names = enumNamer(source);
  const stuck = stale.flatMap(({ pair, differences }) => findStuck(pair, differences, { source, gone }));
  const edits = stale.flatMap(({ pair, differences }) => editBlock(pair, differences, { source, names }));
  const edited = applyEdits(source.text, edits);
  const changed = new Set(stale.map(({ pair }) => pair.definition.name));
  return {
    text: realign(source.text, edited, changed) + renderNewEnums(source, names),
    changes: stale.flatMap(({ differences }) => differences.map(({ message }) => message)),
    stuck,
    likely: listLikely(pairs, source, asked),
    unknown,
  };
}

function editBlock(
  pair: Repeated,
  differences: readonly Difference[],
  { source, names }: { source: SchemaSource; names: EnumNamer },
): TextEdit[] {
  const { definition, original, owner } = pair;
  const { text } = source;
  if (!original) return [remove(withBlankLine(text, blockLines(text, definition.block)))];
  const edits = differences.some(({ kind }) => kind === "name")
    ? renameInDatabase(text, definition, original)
    : [];
  return definition.kind === "enum"
    ? [...edits, ...editEnum(text, { definition, original }, differences)]
    : [
        ...edits,
        ...editModel({ definition, original }, differences, { source, owner, enumName: names.nameOf }),
      ];
}

/** Of the blank lines around a block that goes, one set goes with it. */
function withBlankLine(text: string, { start, end }: Span): Span {
  const [blank = ""] = /^(?:[^\S\r\n]*(?:\r?\n|\r(?!\n)))+/.exec(text.slice(end)) ?? [];
  if (blank !== "") return { start, end: end + blank.length };
  const [above = ""] =
    /(?:\r?\n|\r(?!\n))(?:[^\S\r\n]*(?:\r?\n|\r(?!\n)))+$/.exec(text.slice(0, start)) ?? [];
  return { start: start - above.length + (above === "" ? 0 : lineBreakOf(above).length), end };
}

function renameInDatabase(
  text: string,
  { name, block, schema }: Definition,
  original: Definition,
): TextEdit[] {
  const [wanted] = renderPlace({ ...original, schema }, name);
  const map = block.members.find((member) => member.kind === "attribute" && member.name === "map");
  if (original.inDatabase === name) return map ? [remove(wholeLines(text, map))] : [];
  if (map) return [{ start: map.start, end: map.end, text: wanted ?? "" }];
  const place = block.members.find((member) => member.kind === "attribute" && member.name === "schema");
  return place ? [insertLine(text, wholeLines(text, place).start, `${indentOf(text, block)}${wanted}`)] : [];
}

function editEnum(
  text: string,
  { definition, original }: { definition: Definition; original: Definition },
  differences: readonly Difference[],
): TextEdit[] {
  const mine = fieldsOf(definition.block);
  const theirs = fieldsOf(original.block);
  const indent = indentOf(text, definition.block);
  return differences.flatMap((difference) => {
    if (difference.kind === "value-gone") return [remove(fieldLines(text, difference.value))];
    if (difference.kind !== "value-missing") return [];
    const before = theirs.slice(0, theirs.indexOf(difference.value)).reverse();
    const after = before.flatMap((value) => mine.find((one) => columnOf(one) === columnOf(value)) ?? [])[0];
    return [
      insertLine(text, placeAfter(text, definition.block, after), indent + renderValue(difference.value)),
    ];
  });
}

/** Aligns the runs of changed blocks that were aligned before, as far as their fields are the same. */
function realign(before: string, after: string, changed: ReadonlySet<string>): string {
  const unaligned = new Set(
    readBlocks(before).flatMap((block) =>
      fieldRuns(before, block)
        .filter((run) => alignRun(before, run).length > 0)
        .flatMap((run) => run.map(({ name }) => `${block.name}.${name}`)),
    ),
  );
  const edits = readBlocks(after)
    .filter(({ name }) => changed.has(name))
    .flatMap((block) =>
      fieldRuns(after, block)
        .filter((run) => !run.some(({ name }) => unaligned.has(`${block.name}.${name}`)))
        .flatMap((run) => alignRun(after, run)),
    );
  return applyEdits(after, edits);
}
