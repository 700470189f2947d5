import type { Node, RangeVar } from "libpg-query";
import { findAlterLocks, findReferenced, lockOn } from "./alterTableLocks.ts";
import { LOCK_MODES, type LockMode, strongest, type TableLock } from "./lockModes.ts";

/** What a statement alone does not say of a schema's tables. */
export interface KnownTables {
  /** The table of each index. */
  indexes: ReadonlyMap<string, string>;
  foreignKeys: readonly { table: string; name: string; schema: string; referenced: string }[];
}

const NOTHING_KNOWN: KnownTables = { indexes: new Map(), foreignKeys: [] };

/**
 * The table locks of a statement, one a table, as PostgreSQL documents them. Left out are ACCESS SHARE, which every
 * SELECT takes and only ACCESS EXCLUSIVE minds, and partitions, which are locked like their parents.
 */
export function findLocks(node: Node, known: KnownTables = NOTHING_KNOWN): TableLock[] {
  const found = new Map<string, TableLock>();
  for (const lock of [...readLocks(node), ...inferLocks(node, known)]) {
    const key = `${lock.schema ?? ""}.${lock.table}`;
    const before = found.get(key);
    found.set(key, { ...lock, mode: strongest([lock.mode, before?.mode ?? "ACCESS SHARE"]) ?? lock.mode });
  }
  return [...found.values()].filter(({ mode }) => mode !== "ACCESS SHARE");
}

/** Whether what a statement locks shows only when it runs: it calls code. */
export function isOpaque(node: Node): boolean {
  return "DoStmt" in node || "CallStmt" in node || "ExecuteStmt" in node;
}

/** Tables, views and the like that a statement makes: nobody can be waiting for them. */
export function findCreated(node: Node): { schema: string | undefined; table: string }[] {
  const relation =
    "CreateStmt" in node
      ? node.CreateStmt.relation
      : "CreateTableAsStmt" in node
        ? node.CreateTableAsStmt.into?.rel
        : "ViewStmt" in node
          ? node.ViewStmt.view
          : "CreateSeqStmt" in node
            ? node.CreateSeqStmt.sequence
            : undefined;
  return relation ? [{ schema: relation.schemaname || undefined, table: relation.relname ?? "" }] : [];
}

function readLocks(node: Node): TableLock[] {
  const one = (relation: RangeVar | undefined, mode: LockMode) => (relation ? [lockOn(relation, mode)] : []);
  if ("AlterTableStmt" in node) {
    const { relation, cmds } = node.AlterTableStmt;
    return relation ? findAlterLocks(relation, cmds ?? []) : [];
  }
  if ("CreateStmt" in node) return readCreate(node.CreateStmt);
  if ("IndexStmt" in node)
    return one(node.IndexStmt.relation, node.IndexStmt.concurrent ? "SHARE UPDATE EXCLUSIVE" : "SHARE");
  if ("DropStmt" in node) return readDrop(node.DropStmt);
  if ("CreateTrigStmt" in node)
    return [
      ...one(node.CreateTrigStmt.relation, "SHARE ROW EXCLUSIVE"),
      ...one(node.CreateTrigStmt.constrrel, "SHARE ROW EXCLUSIVE"),
    ];
  if ("RenameStmt" in node) {
    const { relation, renameType } = node.RenameStmt;
    return one(relation, renameType === "OBJECT_INDEX" ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE");
  }
  if ("AlterObjectSchemaStmt" in node) return one(node.AlterObjectSchemaStmt.relation, "ACCESS EXCLUSIVE");
  if ("CreatePolicyStmt" in node) return one(node.CreatePolicyStmt.table, "ACCESS EXCLUSIVE");
  if ("AlterPolicyStmt" in node) return one(node.AlterPolicyStmt.table, "ACCESS EXCLUSIVE");
  if ("RuleStmt" in node) return one(node.RuleStmt.relation, "ACCESS EXCLUSIVE");
  if ("TruncateStmt" in node) return each(node.TruncateStmt.relations, "ACCESS EXCLUSIVE");
  if ("CreateStatsStmt" in node) return each(node.CreateStatsStmt.relations, "SHARE UPDATE EXCLUSIVE");
  if ("CommentStmt" in node) return readComment(node.CommentStmt.objtype, node.CommentStmt.object);
  if ("LockStmt" in node)
    return each(node.LockStmt.relations, LOCK_MODES[(node.LockStmt.mode ?? 1) - 1] ?? "ACCESS EXCLUSIVE");
  if ("AlterSeqStmt" in node) return one(node.AlterSeqStmt.sequence, "SHARE ROW EXCLUSIVE");
  if ("ViewStmt" in node) return node.ViewStmt.replace ? one(node.ViewStmt.view, "ACCESS EXCLUSIVE") : [];
  return readMaintenance(node) ?? readWrites(node);
}

function each(relations: readonly Node[] | undefined, mode: LockMode): TableLock[] {
  return (relations ?? []).flatMap((node) => ("RangeVar" in node ? [lockOn(node.RangeVar, mode)] : []));
}

function readWrites(node: Node): TableLock[] {
  const write =
    ("InsertStmt" in node && node.InsertStmt) ||
    ("UpdateStmt" in node && node.UpdateStmt) ||
    ("DeleteStmt" in node && node.DeleteStmt) ||
    ("MergeStmt" in node && node.MergeStmt) ||
    ("CopyStmt" in node && node.CopyStmt.is_from && node.CopyStmt) ||
    undefined;
  return write?.relation ? [lockOn(write.relation, "ROW EXCLUSIVE")] : [];
}

function readMaintenance(node: Node): TableLock[] | undefined {
  const isOn = (params: readonly Node[] | undefined, name: string) =>
    (params ?? []).some((param) => "DefElem" in param && param.DefElem.defname === name);
  if ("RefreshMatViewStmt" in node) {
    const { relation, concurrent } = node.RefreshMatViewStmt;
    return relation ? [lockOn(relation, concurrent ? "EXCLUSIVE" : "ACCESS EXCLUSIVE")] : [];
  }
  if ("ClusterStmt" in node) return each(wrap(node.ClusterStmt.relation), "ACCESS EXCLUSIVE");
  if ("ReindexStmt" in node) {
    const mode = isOn(node.ReindexStmt.params, "concurrently") ? "SHARE UPDATE EXCLUSIVE" : "SHARE";
    return node.ReindexStmt.kind === "REINDEX_OBJECT_TABLE"
      ? each(wrap(node.ReindexStmt.relation), mode)
      : [];
  }
  if ("VacuumStmt" in node) {
    const mode = isOn(node.VacuumStmt.options, "full") ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE";
    const relations = (node.VacuumStmt.rels ?? []).flatMap((rel) =>
      "VacuumRelation" in rel ? wrap(rel.VacuumRelation.relation) : [],
    );
    return each(relations, mode);
  }
  return undefined;
}

function wrap(relation: RangeVar | undefined): Node[] {
  return relation ? [{ RangeVar: relation }] : [];
}

function readCreate({
  tableElts,
  inhRelations,
  partbound,
  constraints,
}: Extract<Node, { CreateStmt: unknown }>["CreateStmt"]): TableLock[] {
  const columns = (tableElts ?? []).flatMap((element) =>
    "ColumnDef" in element ? (element.ColumnDef.constraints ?? []) : [element],
  );
  return [
    ...findReferenced([...columns, ...(constraints ?? [])]),
    ...each(inhRelations, partbound ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE"),
  ];
}

function readDrop({
  objects,
  removeType,
  concurrent,
}: Extract<Node, { DropStmt: unknown }>["DropStmt"]): TableLock[] {
  const names = (objects ?? []).map(partsOf);
  switch (removeType) {
    case "OBJECT_TABLE":
    case "OBJECT_FOREIGN_TABLE":
    case "OBJECT_VIEW":
    case "OBJECT_MATVIEW":
    case "OBJECT_SEQUENCE":
      return names.map((parts) => lockOnParts(parts, "ACCESS EXCLUSIVE"));
    case "OBJECT_INDEX":
      return names.map((parts) =>
        lockOnParts(parts, concurrent ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE"),
      );
    case "OBJECT_TRIGGER":
    case "OBJECT_POLICY":
    case "OBJECT_RULE":
      return names.map((parts) => lockOnParts(parts.slice(0, -1), "ACCESS EXCLUSIVE"));
    default:
      return [];
  }
}

function readComment(objtype: string | undefined, object: Node | undefined): TableLock[] {
  if (!object) return [];
  const parts = partsOf(object);
  const of = objtype === "OBJECT_COLUMN" || objtype === "OBJECT_TABCONSTRAINT" ? parts.slice(0, -1) : parts;
  const kinds = ["COLUMN", "TABLE", "VIEW", "MATVIEW", "INDEX", "SEQUENCE", "FOREIGN_TABLE"];
  return kinds.includes((objtype ?? "").replace("OBJECT_", ""))
    ? [lockOnParts(of, "SHARE UPDATE EXCLUSIVE")]
    : [];
}

function lockOnParts(parts: readonly string[], mode: LockMode): TableLock {
  return { schema: parts.at(-2), table: parts.at(-1) ?? "", mode };
}

function partsOf(node: Node): string[] {
  if ("String" in node) return [node.String.sval ?? ""];
  return "List" in node ? (node.List.items ?? []).flatMap(partsOf) : [];
}

/** What the catalog adds: the tables of indexes, and those at the other end of foreign keys that go. */
function inferLocks(node: Node, { indexes, foreignKeys }: KnownTables): TableLock[] {
  const tableOf = (index: string, mode: LockMode): TableLock[] => {
    const table = indexes.get(index);
    return table === undefined ? [] : [{ schema: undefined, table, mode }];
  };
  if ("DropStmt" in node) {
    const { removeType, concurrent, objects } = node.DropStmt;
    const names = (objects ?? []).map((object) => partsOf(object).at(-1) ?? "");
    const mode = concurrent ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE";
    if (removeType === "OBJECT_INDEX") return names.flatMap((name) => tableOf(name, mode));
    if (removeType !== "OBJECT_TABLE") return [];
    return foreignKeys
      .filter(({ table }) => names.includes(table))
      .map(({ schema, referenced }) => ({ schema, table: referenced, mode: "ACCESS EXCLUSIVE" }));
  }
  if ("ReindexStmt" in node && node.ReindexStmt.kind === "REINDEX_OBJECT_INDEX") {
    const concurrently = node.ReindexStmt.params?.some(
      (param) => "DefElem" in param && param.DefElem.defname === "concurrently",
    );
    return tableOf(
      node.ReindexStmt.relation?.relname ?? "",
      concurrently ? "SHARE UPDATE EXCLUSIVE" : "SHARE",
    );
  }
  if (!("AlterTableStmt" in node)) return [];
  const { relation, cmds } = node.AlterTableStmt;
  return (cmds ?? []).flatMap((cmd) => {
    if (!("AlterTableCmd" in cmd)) return [];
    const { subtype, name } = cmd.AlterTableCmd;
    const mode = subtype === "AT_DropConstraint" ? "ACCESS EXCLUSIVE" : "ROW SHARE";
    if (subtype !== "AT_DropConstraint" && subtype !== "AT_ValidateConstraint") return [];
    return foreignKeys
      .filter((key) => key.table === relation?.relname && key.name === name)
      .map(({ schema, referenced }): TableLock => ({ schema, table: referenced, mode }));
  });
}
