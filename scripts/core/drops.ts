import type { Node, RangeVar } from "libpg-query";
import type { ParsedStatement } from "./parse.ts";

/** Something that a script drops, by the name that it has before the script runs. Without `schema`, the service's own. */
export interface Drop {
  kind: "table" | "view" | "column" | "constraint" | "index" | "type" | "schema";
  schema: string | undefined;
  name: string;
  /** Of a column or constraint, the table. */
  table?: string;
}

const KINDS: Readonly<Record<string, Drop["kind"]>> = {
  OBJECT_TABLE: "table",
  OBJECT_FOREIGN_TABLE: "table",
  OBJECT_VIEW: "view",
  OBJECT_MATVIEW: "view",
  OBJECT_INDEX: "index",
  OBJECT_TYPE: "type",
  OBJECT_DOMAIN: "type",
  OBJECT_SCHEMA: "schema",
};

/** What scripts drop that run one after the other; a table or column renamed on the way keeps its first name here. */
export function findDrops(statements: readonly ParsedStatement[]): Drop[] {
  const drops: Drop[] = [];
  const tables = new Map<string, string>();
  const columns = new Map<string, string>();
  const first = (table: string) => tables.get(table) ?? table;
  for (const { node } of statements) {
    if ("RenameStmt" in node) {
      const { renameType, relation, subname, newname } = node.RenameStmt;
      const table = relation?.relname;
      if (table === undefined || newname === undefined) continue;
      if (renameType === "OBJECT_TABLE" || renameType === "OBJECT_VIEW") tables.set(newname, first(table));
      if (renameType === "OBJECT_COLUMN" && subname !== undefined)
        columns.set(`${first(table)}.${newname}`, columns.get(`${first(table)}.${subname}`) ?? subname);
    } else if ("DropStmt" in node) {
      const kind = KINDS[node.DropStmt.removeType ?? ""];
      if (!kind) continue;
      for (const [schema, name] of (node.DropStmt.objects ?? []).map(readName))
        drops.push({ kind, schema, name: kind === "table" || kind === "view" ? first(name) : name });
    } else if ("AlterTableStmt" in node) {
      for (const drop of findParts(node.AlterTableStmt)) {
        const table = first(drop.table ?? "");
        const name = drop.kind === "column" ? (columns.get(`${table}.${drop.name}`) ?? drop.name) : drop.name;
        drops.push({ ...drop, table, name });
      }
    }
  }
  return drops;
}

function findParts({ relation, cmds }: Extract<Node, { AlterTableStmt: unknown }>["AlterTableStmt"]): Drop[] {
  return (cmds ?? []).flatMap((cmd) => {
    if (!("AlterTableCmd" in cmd) || cmd.AlterTableCmd.name === undefined) return [];
    const { subtype, name } = cmd.AlterTableCmd;
    const kind =
      subtype === "AT_DropColumn" ? "column" : subtype === "AT_DropConstraint" ? "constraint" : undefined;
    return kind ? [{ kind, name, ...placeOf(relation) }] : [];
  });
}

function placeOf(relation: RangeVar | undefined): { schema: string | undefined; table: string } {
  return { schema: relation?.schemaname || undefined, table: relation?.relname ?? "" };
}

/** The schema, where one is written, and the last part of a name. */
function readName(object: Node): [schema: string | undefined, name: string] {
  const parts = partsOf(object);
  return [parts.at(-2), parts.at(-1) ?? ""];
}

function partsOf(object: Node): string[] {
  if ("String" in object) return [object.String.sval ?? ""];
  if ("List" in object) return (object.List.items ?? []).flatMap(partsOf);
  if ("TypeName" in object) return (object.TypeName.names ?? []).flatMap(partsOf);
  return [];
}

/** What a drop costs, for people; what holds no data costs nothing. */
export function renderLoss({ kind, name, table }: Drop): string | undefined {
  if (kind === "table") return `drops the table "${name}" with its rows`;
  if (kind === "column") return `drops the column "${table}"."${name}" with its values`;
  return kind === "schema" ? `drops the schema "${name}" and all in it` : undefined;
}

/** An object of another schema that would not survive a drop: a foreign key, or a view (which has no `constraint`). */
export interface Dependent {
  schema: string;
  table: string;
  constraint: string | null;
  /** What it refers to: a table, its columns, and for a foreign key the index that makes them unique. */
  referenced: string;
  columns: readonly string[];
  index: string | null;
}

/** The first drop that another schema's object stands on, with that object. */
export function findBroken(
  schema: string,
  drops: readonly Drop[],
  dependents: readonly Dependent[],
): { drop: Drop; dependent: Dependent } | undefined {
  for (const drop of drops) {
    if ((drop.schema ?? schema) !== schema && drop.kind !== "schema") continue;
    const dependent = dependents.find((one) => standsOn(one, drop, schema));
    if (dependent) return { drop, dependent };
  }
  return undefined;
}

function standsOn(
  { referenced, columns, index }: Dependent,
  { kind, name, table }: Drop,
  schema: string,
): boolean {
  switch (kind) {
    case "schema":
      return name === schema;
    case "table":
    case "view":
      return name === referenced;
    case "column":
      return table === referenced && columns.includes(name);
    case "constraint":
      return table === referenced && name === index;
    case "index":
      return name === index;
    default:
      return false;
  }
}
