import { findAttribute } from "../schemaBlocks.ts";
import { type ColumnField, isSameType } from "./columns.ts";

/** A repeated field beside its original. */
export interface FieldPair {
  field: ColumnField;
  original: ColumnField | undefined;
}

/** What there is to tell by that a column was renamed. */
export interface RenameGround {
  /** The repeated model's fields in their order. */
  pairs: readonly FieldPair[];
  /** The owner's fields in theirs. */
  theirs: readonly ColumnField[];
  /** The name in the database. */
  table: string;
  /** The owner's migrations; none where nobody has them at hand. */
  scripts: readonly string[];
}

/**
 * The column that one which is gone has probably become: by the owner's migrations, else the only one at its place of
 * its type that is not repeated. Where a migration drops it, the new one has to come with that.
 */
export function findLikely(gone: ColumnField, ground: RenameGround): ColumnField | undefined {
  const { pairs, theirs, table, scripts } = ground;
  const taken = new Set(pairs.map(({ original }) => original));
  const free = (field: ColumnField | undefined) => (field && !taken.has(field) ? field : undefined);
  const renamed = followRenames(gone.column, table, scripts);
  if (renamed !== gone.column) return free(theirs.find(({ column }) => column === renamed));
  const found = findAtPlace(gone, { pairs, theirs });
  const dropping = scripts.filter((script) =>
    statementsOf(table, script).some((one) => drops(one, gone.column)),
  );
  const last = dropping.at(-1);
  const comes =
    found && (last === undefined || statementsOf(table, last).some((one) => adds(one, found.column)));
  return comes ? free(found) : undefined;
}

/** The only unrepeated column between the neighbours of one that is gone, if both are each other's only match. */
function findAtPlace(
  gone: ColumnField,
  { pairs, theirs }: Pick<RenameGround, "pairs" | "theirs">,
): ColumnField | undefined {
  const at = pairs.findIndex(({ field }) => field === gone);
  const places = pairs.map(({ original }) => (original ? theirs.indexOf(original) : -1));
  const above = pairs.slice(0, at).findLastIndex(({ original }) => original);
  const below = pairs.findIndex(({ original }, index) => index > at && original);
  const [from, to] = [
    above === -1 ? -1 : (places[above] ?? -1),
    below === -1 ? theirs.length : (places[below] ?? 0),
  ];
  const alike = (one: ColumnField) => isSameType(one, gone) && isSameKey(one, gone);
  const candidates = theirs
    .slice(from + 1, Math.max(from + 1, to))
    .filter((one) => alike(one) && !places.includes(theirs.indexOf(one)));
  const rivals = pairs
    .slice(above + 1, below === -1 ? undefined : below)
    .filter(({ field, original }) => !original && alike(field));
  return candidates.length === 1 && rivals.length === 1 ? candidates[0] : undefined;
}

function isSameKey(a: ColumnField, b: ColumnField): boolean {
  return (["id", "unique"] as const).every(
    (kind) => (findAttribute(a.field, kind) === undefined) === (findAttribute(b.field, kind) === undefined),
  );
}

const NAME = '("(?:[^"]|"")+"|[a-z_][\\w$]*)';

/** What a column is called after all renames of a history. */
function followRenames(column: string, table: string, scripts: readonly string[]): string {
  let name = column;
  for (const statement of scripts.flatMap((script) => statementsOf(table, script))) {
    const [, from, to] =
      new RegExp(`^\\s*RENAME\\s+(?:COLUMN\\s+)?${NAME}\\s+TO\\s+${NAME}`, "i").exec(statement) ?? [];
    if (from !== undefined && to !== undefined && unquote(from) === name) name = unquote(to);
  }
  return name;
}

/** What a script's ALTER TABLE statements on a table say, told without a parser: it is for a suggestion. */
function statementsOf(table: string, script: string): string[] {
  const head = new RegExp(
    `\\bALTER\\s+TABLE\\s+(?:IF\\s+EXISTS\\s+)?(?:ONLY\\s+)?(?:${NAME}\\s*\\.\\s*)?${NAME}(\\s[^;]*)`,
    "gi",
  );
  return [...script.matchAll(head)].flatMap(([, , name = "", rest = ""]) =>
    unquote(name) === table ? [rest] : [],
  );
}

function drops(statement: string, column: string): boolean {
  return commands(statement, "DROP\\s+(?:COLUMN\\s+)?(?:IF\\s+EXISTS\\s+)?").includes(column);
}

function adds(statement: string, column: string): boolean {
  return commands(statement, "ADD\\s+(?:COLUMN\\s+)?(?:IF\\s+NOT\\s+EXISTS\\s+)?").includes(column);
}

function commands(statement: string, verb: string): string[] {
  const found = statement.matchAll(new RegExp(`\\b${verb}${NAME}`, "gi"));
  return [...found].map(([, name = ""]) => unquote(name));
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
}
