import type { Node } from "libpg-query";
import type { ParsedStatement } from "../parse.ts";
import { makeNames, type Names } from "./nameTrail.ts";

/** What a script does to something that others may refer to, by the names from before all scripts. */
export interface SchemaChange {
  verb: "drop" | "rename" | "retype" | "move";
  object: "table" | "column" | "type" | "value" | "constraint" | "index" | "schema";
  /** Of a table or type; of a column, value or constraint, what it belongs to. */
  name: string;
  /** The column, value or constraint. */
  part?: string;
  /** The new name, type or schema. */
  to?: string;
  /** Something of the same name is there again in the end. */
  again: boolean;
  /** Which of the scripts, and the JavaScript string index of the statement in it. */
  script: number;
  start: number;
}

const SUSPECT = /\b(?:DROP|RENAME|SCHEMA)\b|(?<!\bCREATE\s)\bTYPE\b/i;

/** Whether a script may drop, rename or retype anything, told without a parser: `false` is certain. */
export function mayChangeSchema(sql: string): boolean {
  return SUSPECT.test(sql);
}

const OBJECTS: Readonly<Record<string, SchemaChange["object"]>> = {
  OBJECT_TABLE: "table",
  OBJECT_FOREIGN_TABLE: "table",
  OBJECT_VIEW: "table",
  OBJECT_MATVIEW: "table",
  OBJECT_INDEX: "index",
  OBJECT_TYPE: "type",
  OBJECT_DOMAIN: "type",
};

/** What has been seen of scripts so far. */
interface Trace {
  own: string;
  tables: Names;
  types: Names;
  /** By `table NUL column`, the table by its first name. */
  columns: Names;
  found: Seen[];
}

type Seen = Omit<SchemaChange, "again" | "to"> & { to?: () => string };
type Place = Pick<SchemaChange, "script" | "start">;

/** The destructive changes of scripts that run one after the other, in the schema that `own` names. */
export function findChanges(scripts: readonly (readonly ParsedStatement[])[], own: string): SchemaChange[] {
  const trace: Trace = { own, tables: makeNames(), types: makeNames(), columns: makeNames(), found: [] };
  for (const [script, statements] of scripts.entries()) {
    for (const { node, start } of statements) readStatement(node, { script, start }, trace);
  }
  return trace.found.map(({ to, ...change }) => ({
    ...change,
    ...(to && { to: to() }),
    again: isThereAgain(change, trace),
  }));
}

function isThereAgain({ object, name, part }: Seen, { tables, types, columns }: Trace): boolean {
  if (object === "column") return columns.isTaken(columnKey(name, part ?? ""));
  return object === "table" ? tables.isTaken(name) : object === "type" && types.isTaken(name);
}

function readStatement(node: Node, at: Place, trace: Trace): void {
  if ("CreateStmt" in node) readCreate(node.CreateStmt, trace);
  else if ("CreateEnumStmt" in node) {
    const [schema, name] = readName(node.CreateEnumStmt.typeName ?? []);
    if (isOwn(schema, trace)) trace.types.make(name);
  } else if ("RenameStmt" in node) readRename(node.RenameStmt, at, trace);
  else if ("AlterEnumStmt" in node) readEnum(node.AlterEnumStmt, at, trace);
  else if ("AlterObjectSchemaStmt" in node) readMove(node.AlterObjectSchemaStmt, at, trace);
  else if ("DropStmt" in node) readDrop(node.DropStmt, at, trace);
  else if ("AlterTableStmt" in node) readAlter(node.AlterTableStmt, at, trace);
}

type Fields<Kind extends string> = Extract<Node, Record<Kind, unknown>>[Kind &
  keyof Extract<Node, Record<Kind, unknown>>];

function isOwn(schema: string | undefined, { own }: Trace): boolean {
  return !schema || schema === own;
}

function columnKey(table: string, column: string): string {
  return `${table}\0${column}`;
}

/** A column by the first names of its table and itself. */
function firstColumn(
  table: string,
  column: string,
  { tables, columns }: Trace,
): { name: string; part: string } {
  const name = tables.first(table);
  return { name, part: columns.first(columnKey(name, column)).slice(name.length + 1) };
}

function readCreate({ relation, tableElts = [] }: Fields<"CreateStmt">, trace: Trace): void {
  const table = relation?.relname ?? "";
  if (!isOwn(relation?.schemaname, trace)) return;
  trace.tables.make(table);
  for (const element of tableElts) {
    if ("ColumnDef" in element) trace.columns.make(columnKey(table, element.ColumnDef.colname ?? ""));
  }
}

function readRename(
  { renameType, relation, object, subname = "", newname = "" }: Fields<"RenameStmt">,
  at: Place,
  trace: Trace,
): void {
  const { tables, types, columns, found } = trace;
  const renamed = { ...at, verb: "rename" as const, to: () => newname };
  const table = relation?.relname ?? "";
  const kind = renameType === "OBJECT_COLUMN" ? "column" : OBJECTS[renameType ?? ""];
  const [schema, type] = kind === "type" && object ? readName([object]) : [relation?.schemaname, ""];
  if (!isOwn(schema, trace)) return;
  if (kind === "column") {
    found.push({ ...renamed, object: kind, ...firstColumn(table, subname, trace) });
    const name = tables.first(table);
    columns.rename(columnKey(name, subname), columnKey(name, newname));
  } else if (kind === "table") {
    found.push({ ...renamed, object: kind, name: tables.first(table) });
    tables.rename(table, newname);
  } else if (kind === "type") {
    found.push({ ...renamed, object: kind, name: types.first(type) });
    types.rename(type, newname);
  }
}

function readEnum(
  { typeName = [], oldVal, newVal = "" }: Fields<"AlterEnumStmt">,
  at: Place,
  trace: Trace,
): void {
  const [schema, type] = readName(typeName);
  if (!oldVal || !isOwn(schema, trace)) return;
  const name = trace.types.first(type);
  trace.found.push({ ...at, verb: "rename", object: "value", name, part: oldVal, to: () => newVal });
}

function readMove(
  { objectType, relation, object, newschema = "" }: Fields<"AlterObjectSchemaStmt">,
  at: Place,
  trace: Trace,
): void {
  const kind = OBJECTS[objectType ?? ""];
  const [schema, name] = relation
    ? [relation.schemaname, relation.relname ?? ""]
    : readName(object ? [object] : []);
  if (!isOwn(schema, trace) || newschema === trace.own || (kind !== "table" && kind !== "type")) return;
  const names = kind === "table" ? trace.tables : trace.types;
  trace.found.push({ ...at, verb: "move", object: kind, name: names.first(name), to: () => newschema });
  names.drop(name);
}

function readDrop({ removeType, objects = [] }: Fields<"DropStmt">, at: Place, trace: Trace): void {
  const dropped = { ...at, verb: "drop" as const };
  for (const [schema, name] of objects.map((one) => readName([one]))) {
    const kind = OBJECTS[removeType ?? ""];
    if (removeType === "OBJECT_SCHEMA" && name === trace.own)
      trace.found.push({ ...dropped, object: "schema", name });
    if (!kind || !isOwn(schema, trace)) continue;
    const names = kind === "table" ? trace.tables : kind === "type" ? trace.types : undefined;
    trace.found.push({ ...dropped, object: kind, name: names?.first(name) ?? name });
    names?.drop(name);
  }
}

function readAlter({ relation, cmds = [] }: Fields<"AlterTableStmt">, at: Place, trace: Trace): void {
  if (!isOwn(relation?.schemaname, trace)) return;
  const table = relation?.relname ?? "";
  const name = trace.tables.first(table);
  const { columns, found } = trace;
  for (const command of cmds) {
    if (!("AlterTableCmd" in command)) continue;
    const { subtype, name: written = "", def } = command.AlterTableCmd;
    const definition = def && "ColumnDef" in def ? def.ColumnDef : undefined;
    const to = () => renderType(definition?.typeName, trace.types);
    const column = () => firstColumn(table, written, trace);
    if (subtype === "AT_AddColumn") {
      const added = definition?.colname ?? "";
      // Dropped and added again: that is how Prisma changes a type that it cannot cast.
      const before = found.findLast(
        (one) => one.object === "column" && one.name === name && one.part === added,
      );
      if (before?.verb === "drop") Object.assign(before, { verb: "retype", to: to() });
      columns.make(columnKey(name, added));
    } else if (subtype === "AT_DropColumn") {
      found.push({ ...at, verb: "drop", object: "column", ...column() });
      columns.drop(columnKey(name, written));
    } else if (subtype === "AT_AlterColumnType") {
      found.push({ ...at, verb: "retype", object: "column", ...column(), to: to() });
    } else if (subtype === "AT_DropConstraint") {
      found.push({ ...at, verb: "drop", object: "constraint", name, part: written });
    }
  }
}

type TypeName = NonNullable<Extract<Node, { TypeName: unknown }>["TypeName"]>;

/** A type as SQL writes it, its modifiers in brackets; the name is the one that it has in the end. */
function renderType(type: TypeName | undefined, types: Names): () => string {
  const name = types.follow((type?.names ?? []).flatMap(partsOf).at(-1) ?? "");
  const modifiers = (type?.typmods ?? []).flatMap((one) =>
    "A_Const" in one ? [String(one.A_Const.ival?.ival ?? 0)] : [],
  );
  const array = (type?.arrayBounds ?? []).length > 0 ? "[]" : "";
  return () => `${name()}${modifiers.length > 0 ? `(${modifiers.join(",")})` : ""}${array}`;
}

/** The schema, where one is written, and the last part of a name. */
function readName(parts: readonly Node[]): [schema: string | undefined, name: string] {
  const texts = parts.flatMap(partsOf);
  return [texts.at(-2), texts.at(-1) ?? ""];
}

function partsOf(node: Node): string[] {
  if ("String" in node) return [node.String.sval ?? ""];
  if ("List" in node) return (node.List.items ?? []).flatMap(partsOf);
  if ("TypeName" in node) return (node.TypeName.names ?? []).flatMap(partsOf);
  return [];
}
