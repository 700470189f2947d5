import { type RenameRequest, renderRename } from "../rename.ts";
import { columnFields } from "./columns.ts";
import { compareRepeated } from "./compare.ts";
import type { Repeated, SchemaSource } from "./repeated.ts";

/** Renames that were asked for: for each repeated model, its fields with the owner's columns that they are now. */
export type AskedRenames = ReadonlyMap<Repeated, ReadonlyMap<string, string>>;

/** Finds what requests mean, in the names of the database or of Prisma; `unknown` are those that mean nothing. */
export function resolveAsked(
  requests: readonly RenameRequest[],
  pairs: readonly Repeated[],
  source: SchemaSource,
): { asked: AskedRenames; unknown: RenameRequest[] } {
  const asked = new Map<Repeated, Map<string, string>>();
  const unknown = requests.filter((request) => {
    const { table, column, to } = request;
    const pair = pairs.find(
      ({ definition: { kind, inDatabase, name }, original }) =>
        original && kind === "model" && (inDatabase === table || name === table),
    );
    if (!pair?.original || column === undefined) return true;
    const mine = columnFields(pair.definition, source);
    const theirs = columnFields(pair.original, pair.owner);
    const field = mine.find((one) => one.column === column) ?? mine.find((one) => one.field.name === column);
    const target = theirs.find((one) => one.column === to) ?? theirs.find((one) => one.field.name === to);
    if (!field || !target || mine.some((one) => one.column === target.column)) return true;
    if (theirs.some((one) => one.column === field.column)) return true;
    const renames = asked.get(pair) ?? new Map<string, string>();
    asked.set(pair, renames.set(field.field.name, target.column));
    return false;
  });
  return { asked, unknown };
}

/** The renames that look likely, as they are asked for. */
export function listLikely(pairs: readonly Repeated[], source: SchemaSource, asked: AskedRenames): string[] {
  return pairs.flatMap((pair) =>
    compareRepeated(pair, source, asked.get(pair)).flatMap((one) =>
      one.kind === "field-gone" && one.likely
        ? [
            renderRename({
              kind: "column",
              table: pair.definition.inDatabase,
              from: one.field.column,
              to: one.likely.column,
            }),
          ]
        : [],
    ),
  );
}
