import { EXIT, type Failure, fail } from "./errors.ts";
import type { ModelNames } from "./models.ts";
import { nearestName } from "./service.ts";
import { quoteIdent } from "./sql.ts";
import type { Tables } from "./tables.ts";

/** A rename as it is asked for: `users=accounts`, or `users.name=full_name`. */
export interface RenameRequest {
  table: string;
  column: string | undefined;
  to: string;
  /** As it was typed. */
  text: string;
}

/** A rename of what the database holds, by its own names; `table` is what a column's table is called afterwards. */
export type Rename =
  | { kind: "table"; from: string; to: string }
  | { kind: "column"; table: string; from: string; to: string };

const NAME = `("(?:[^"]|"")+"|[^"=.]+)`;
const REQUEST = new RegExp(`^${NAME}(?:\\.${NAME})?=(?:${NAME}\\.)?${NAME}$`);

/** Parses `--rename`; names that hold a dot or an equals sign are put between double quotes. */
export function parseRename(text: string): RenameRequest | undefined {
  const [, table, column, , to] = REQUEST.exec(text) ?? [];
  if (table === undefined || to === undefined) return undefined;
  return {
    table: unquote(table),
    column: column === undefined ? undefined : unquote(column),
    to: unquote(to),
    text,
  };
}

/** The same; a text of another form fails. */
export function requireRename(text: string): RenameRequest {
  return (
    parseRename(text) ??
    fail({
      fact: `--rename "${text}" is not of the form old=new`,
      fix: "--rename users=accounts, or --rename users.name=full_name",
      status: EXIT.usage,
    })
  );
}

/** The text that {@link parseRename} reads. */
export function renderRename(rename: Rename): string {
  const quoted = (name: string) => (/["=.]/.test(name) ? quoteIdent(name) : name);
  return rename.kind === "table"
    ? `${quoted(rename.from)}=${quoted(rename.to)}`
    : `${quoted(rename.table)}.${quoted(rename.from)}=${quoted(rename.to)}`;
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.trim();
}

/** What a rename is judged by: the database before it, and the schema file that it shall lead to. */
export interface RenameGround {
  service: string;
  schemaFile: string;
  tables: Tables;
  models: readonly ModelNames[];
}

/** Finds what requests mean, in the names of the database or of Prisma; tables first, so that columns find them renamed. */
export function resolveRenames(
  requests: readonly RenameRequest[],
  ground: RenameGround,
): { renames: Rename[] } | { problem: Failure } {
  const renames: Rename[] = [];
  for (const request of requests.filter(({ column }) => column === undefined)) {
    const found = resolveTable(request, ground);
    if ("problem" in found) return found;
    renames.push(found);
  }
  const renamed = new Map(renames.map(({ from, to }) => [from, to]));
  for (const request of requests) {
    if (request.column === undefined) continue;
    const found = resolveColumn({ ...request, column: request.column }, ground, renamed);
    if ("problem" in found) return found;
    renames.push(found);
  }
  return { renames };
}

function resolveTable(request: RenameRequest, ground: RenameGround): Rename | { problem: Failure } {
  const { table: from, to: wanted, text } = request;
  const { tables, models } = ground;
  if (!tables.has(from))
    return refuse(ground, text, `there is no table "${from}"`, nearest(from, tables.keys()));
  const model = findModel(models, wanted);
  if (!model) {
    return refuse(
      ground,
      text,
      `${ground.schemaFile} has no model or table "${wanted}"`,
      nearest(wanted, names(models)),
    );
  }
  if (models.some(({ table }) => table === from))
    return refuse(ground, text, `${ground.schemaFile} still has the table "${from}"`);
  if (tables.has(model.table)) return refuse(ground, text, `the table "${model.table}" exists already`);
  return { kind: "table", from, to: model.table };
}

function resolveColumn(
  request: RenameRequest & { column: string },
  ground: RenameGround,
  renamed: ReadonlyMap<string, string>,
): Rename | { problem: Failure } {
  const { text, column: from, to: wanted } = request;
  const { tables, models, schemaFile } = ground;
  const before = findTable(request.table, ground, renamed);
  if (before === undefined)
    return refuse(
      ground,
      text,
      `there is no table "${request.table}"`,
      nearest(request.table, tables.keys()),
    );
  const table = renamed.get(before) ?? before;
  const columns = tables.get(before) ?? new Map();
  if (!columns.has(from))
    return refuse(
      ground,
      text,
      `the table "${before}" has no column "${from}"`,
      nearest(from, columns.keys()),
    );
  const fields = models.find((model) => model.table === table)?.fields ?? [];
  const field = fields.find(({ column }) => column === wanted) ?? fields.find((one) => one.field === wanted);
  if (!field) {
    const known = fields.map(({ column }) => column);
    return refuse(
      ground,
      text,
      `${schemaFile} has no "${wanted}" in the table "${table}"`,
      nearest(wanted, known),
    );
  }
  if (fields.some(({ column }) => column === from))
    return refuse(ground, text, `${schemaFile} still has "${from}" in the table "${table}"`);
  if (columns.has(field.column))
    return refuse(ground, text, `the table "${before}" already has a column "${field.column}"`);
  return { kind: "column", table, from, to: field.column };
}

/** The table's name before any rename: as it is, as it will be, or as its model is called. */
function findTable(
  name: string,
  { tables, models }: RenameGround,
  renamed: ReadonlyMap<string, string>,
): string | undefined {
  if (tables.has(name)) return name;
  const after = findModel(models, name)?.table ?? name;
  const [before] = [...renamed].find(([, to]) => to === after) ?? [];
  return before ?? (tables.has(after) ? after : undefined);
}

function findModel(models: readonly ModelNames[], name: string): ModelNames | undefined {
  return models.find(({ table }) => table === name) ?? models.find(({ model }) => model === name);
}

function names(models: readonly ModelNames[]): string[] {
  return models.flatMap(({ model, table }) => [model, table]);
}

function nearest(name: string, known: Iterable<string>): string | undefined {
  return nearestName(name, [...known]);
}

function refuse(
  { service }: RenameGround,
  text: string,
  why: string,
  meant?: string | undefined,
): { problem: Failure } {
  return {
    problem: {
      fact: `${service}: --rename "${text}" cannot be`,
      why,
      fix:
        meant === undefined
          ? "old is what the migrations made, new what the schema file says: --rename users.name=full_name, or --rename users=accounts"
          : `did you mean "${meant}"?`,
      status: EXIT.usage,
    },
  };
}

/** The statements of some renames, in the way of Prisma's own; `search_path` says whose tables they are. */
export function renderRenames(renames: readonly Rename[]): string {
  return renames
    .map((rename) =>
      rename.kind === "table"
        ? `-- RenameTable\nALTER TABLE ${quoteIdent(rename.from)} RENAME TO ${quoteIdent(rename.to)};\n`
        : `-- RenameColumn\nALTER TABLE ${quoteIdent(rename.table)} RENAME COLUMN ${quoteIdent(rename.from)} TO ${quoteIdent(rename.to)};\n`,
    )
    .join("\n");
}

/** The same backwards, in the opposite order. */
export function reverseRenames(renames: readonly Rename[]): Rename[] {
  return renames.map((rename) => ({ ...rename, from: rename.to, to: rename.from })).reverse();
}

/** Drops and adds that look like renames: columns of one type in one table, tables that share most of their columns. */
export function guessRenames(before: Tables, after: Tables): Rename[] {
  const guesses: Rename[] = [];
  const added = new Set([...after.keys()].filter((table) => !before.has(table)));
  for (const [from, columns] of before) {
    if (after.has(from)) continue;
    const ranked = [...added]
      .map((to) => ({ to, likeness: likeness(columns, after.get(to) ?? new Map()) }))
      .filter((one) => one.likeness >= 0.5)
      .sort((a, b) => b.likeness - a.likeness);
    const [best] = ranked;
    if (!best) continue;
    added.delete(best.to);
    guesses.push({ kind: "table", from, to: best.to });
  }
  for (const [table, columns] of before) {
    const now = after.get(table);
    if (!now) continue;
    const fresh = [...now].filter(([column]) => !columns.has(column));
    for (const [from, { type }] of columns) {
      if (now.has(from)) continue;
      const alike = fresh.filter(([, column]) => column.type === type).map(([column]) => column);
      const to = (alike.length > 1 ? nearestName(from, alike) : undefined) ?? alike[0];
      if (to === undefined) continue;
      fresh.splice(
        fresh.findIndex(([column]) => column === to),
        1,
      );
      guesses.push({ kind: "column", table, from, to });
    }
  }
  return guesses;
}

/** How much of two tables' columns is the same by name and type: 0 to 1. */
function likeness(
  one: ReadonlyMap<string, { type: string }>,
  other: ReadonlyMap<string, { type: string }>,
): number {
  const same = [...one].filter(([name, { type }]) => other.get(name)?.type === type).length;
  return same / Math.max(one.size, other.size, 1);
}
