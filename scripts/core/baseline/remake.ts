import type { Definition } from "./order.ts";
import { type Both, COMMENT, isTable, keyOf, SEQUENCE, tableOf, type WrittenSchema } from "./written.ts";

type Change = "same" | "in place" | "anew";

function judge(old: Definition, one: Definition): Change {
  if (old.create.join("\n") === one.create.join("\n")) return "same";
  if (isTable(one)) return "in place";
  const [create = ""] = one.create;
  if (/^CREATE OR REPLACE /.test(create)) return returnsOf(old) === returnsOf(one) ? "in place" : "anew";
  if (/ SET DEFAULT /.test(create) || COMMENT.test(create) || SEQUENCE.test(create)) return "in place";
  return addedLabels(old, one) ? "in place" : "anew";
}

function returnsOf({ create: [text = ""] }: Definition): string | undefined {
  return /\n RETURNS (.*)\n/.exec(text)?.[1];
}

/** The statements that make an object like another of its name, which is not dropped for it. */
export function changeInPlace(old: Definition, one: Definition): string[] {
  if (judge(old, one) !== "in place") return [];
  if (isTable(one)) return changeExtras(old, one);
  const [create = ""] = one.create;
  if (SEQUENCE.test(create)) return [create.replace(/^CREATE (?:UNLOGGED )?SEQUENCE/, "ALTER SEQUENCE")];
  return addedLabels(old, one) ?? [...one.create];
}

/** What CREATE TABLE cannot say of a table stands in statements of its own. */
function changeExtras(old: Definition, one: Definition): string[] {
  const undone = old.create.slice(1).filter((statement) => !one.create.includes(statement));
  return [
    ...undone.flatMap((statement) => {
      if (/ ENABLE ROW LEVEL SECURITY$/.test(statement))
        return [statement.replace(/ ENABLE (?=ROW)/, " DISABLE ")];
      return / FORCE ROW LEVEL SECURITY$/.test(statement)
        ? [statement.replace(/ FORCE (?=ROW)/, " NO FORCE ")]
        : [];
    }),
    ...one.create.slice(1).filter((statement) => !old.create.includes(statement)),
  ];
}

/** An enum that has got further labels and lost none. */
function addedLabels(
  { create: [old = ""] }: Definition,
  { create: [now = ""] }: Definition,
): string[] | undefined {
  const [, head] = /^CREATE TYPE ([\s\S]*) AS ENUM \(/.exec(now) ?? [];
  if (head === undefined || !old.startsWith(`CREATE TYPE ${head} AS ENUM (`)) return undefined;
  const labelsOf = (text: string): string[] =>
    text.slice(text.indexOf(" AS ENUM (")).match(/'(?:[^']|'')*'/g) ?? [];
  const [had, has] = [labelsOf(old), labelsOf(now)];
  if (has.filter((label) => had.includes(label)).join() !== had.join()) return undefined;
  return has.flatMap((label, index) => {
    if (had.includes(label)) return [];
    const place = index === 0 ? `BEFORE ${had[0]}` : `AFTER ${has[index - 1]}`;
    return [`ALTER TYPE ${head} ADD VALUE ${label}${had.length > 0 ? ` ${place}` : ""}`];
  });
}

/** How an enum loses labels: a new one takes its name and its columns. `retyped`: tables of which views must be made anew. */
export function remakeEnums(
  from: WrittenSchema,
  to: WrittenSchema,
  { was, is }: Both,
): { statements: Map<string, string[]>; retyped: Set<string>; late: string[] } {
  const made = { statements: new Map<string, string[]>(), retyped: new Set<string>(), late: [] as string[] };
  for (const [key, one] of is) {
    const [, name] = /^CREATE TYPE ([\s\S]*) AS ENUM \(/.exec(one.create[0] ?? "") ?? [];
    const old = was.get(key);
    if (name === undefined || !old || judge(old, one) !== "anew") continue;
    const former = name.endsWith('"') ? `${name.slice(0, -1)}_old"` : `${name}_old`;
    const columns = from.columns.filter(
      ({ table, column, type }) =>
        (type === name || type === `${name}[]`) &&
        to.columns.some((now) => now.table === table && now.column === column && now.type === type),
    );
    made.statements.set(key, [
      `ALTER TYPE ${name} RENAME TO ${former}`,
      ...one.create,
      ...columns.map(
        ({ table, column, type }) =>
          `ALTER TABLE ${table} ALTER COLUMN ${column} TYPE ${type} USING ${column}::text${type.slice(name.length)}::${type}`,
      ),
    ]);
    made.late.push(`DROP TYPE ${former}`);
    for (const { table } of columns) made.retyped.add(table);
  }
  return made;
}

/** Keys of what is dropped and made anew: what changed and cannot be altered, and what rests on that. */
export function findRemade(
  { definitions, needs }: WrittenSchema,
  { was, is, retyped }: Both & { retyped: ReadonlySet<string> },
): Set<string> {
  const anew = new Set<string>();
  for (const [key, one] of is) {
    const old = was.get(key);
    if (old && judge(old, one) === "anew") anew.add(key);
  }
  const byAlias = new Map(
    definitions.flatMap((one) => [one.id, ...one.aliases].map((id) => [id, one] as const)),
  );
  for (let size = -1; size < anew.size; ) {
    size = anew.size;
    for (const { from, to } of needs) {
      const [one, needed] = [byAlias.get(from), byAlias.get(to)];
      if (!one || !needed || one === needed || !is.has(keyOf(one))) continue;
      const isView = /^DROP (?:MATERIALIZED )?VIEW /.test(keyOf(one));
      const moves = anew.has(keyOf(needed)) || (isTable(needed) && retyped.has(tableOf(needed)));
      if (moves && (isView || (!isTable(one) && anew.has(keyOf(needed))))) anew.add(keyOf(one));
    }
  }
  return anew;
}
