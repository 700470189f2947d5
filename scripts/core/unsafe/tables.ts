import type { Node } from "libpg-query";

/** The tables of a schema that were there before some scripts, and the table of each index. */
export interface PresentTables {
  tables: ReadonlySet<string>;
  indexes: ReadonlyMap<string, string>;
}

/** What a schema's tables are called in the course of some scripts, and which of them are new. */
export interface TableNames {
  /** Those that a statement works on, by the names that they had before all scripts; new ones are left out. */
  concerned(node: Node): string[];
  /** Takes note of what a statement makes, renames and drops. */
  follow(node: Node): void;
}

/** `present` absent: nobody knows what is there, so that whatever the scripts don't make themselves is. */
export function followTables(schema: string, present: PresentTables | undefined): TableNames {
  /** By present name; undefined for what these scripts make. */
  const former = new Map<string, string | undefined>();
  const indexes = new Map(present?.indexes);
  /** Of an index that nobody knows its own name stands for its table. */
  const tableOf = (index: string) => indexes.get(index) ?? (present ? [] : index);
  const formerOf = (table: string) => {
    if (former.has(table)) return former.get(table);
    return !present || present.tables.has(table) ? table : undefined;
  };
  return {
    concerned: (node) => [
      ...new Set(findTables(node, { schema, tableOf }).flatMap((table) => formerOf(table) ?? [])),
    ],
    follow: (node) => {
      for (const table of findMade(node)) former.set(table, undefined);
      if ("IndexStmt" in node && node.IndexStmt.idxname) {
        indexes.set(node.IndexStmt.idxname, node.IndexStmt.relation?.relname ?? "");
      }
      if ("RenameStmt" in node && node.RenameStmt.renameType === "OBJECT_TABLE") {
        const { relation, newname = "" } = node.RenameStmt;
        former.set(newname, formerOf(relation?.relname ?? ""));
        former.set(relation?.relname ?? "", undefined);
      }
    },
  };
}

function findMade(node: Node): string[] {
  if ("CreateStmt" in node) return [node.CreateStmt.relation?.relname ?? ""];
  return "CreateTableAsStmt" in node ? [node.CreateTableAsStmt.into?.rel?.relname ?? ""] : [];
}

/** The tables whose rows or readers a statement concerns: for a foreign key those of the table that refers. */
function findTables(
  node: Node,
  { schema, tableOf }: { schema: string; tableOf: (index: string) => string | string[] },
): string[] {
  if ("DropStmt" in node) {
    const { removeType, objects = [] } = node.DropStmt;
    const names = objects.map(nameOf).filter(({ parts }) => (parts.at(-2) ?? schema) === schema);
    const last = names.map(({ parts }) => parts.at(-1) ?? "");
    if (removeType === "OBJECT_INDEX") return last.flatMap(tableOf);
    return removeType === "OBJECT_TABLE" ? last : [];
  }
  if ("ReindexStmt" in node && node.ReindexStmt.kind === "REINDEX_OBJECT_INDEX") {
    return [tableOf(node.ReindexStmt.relation?.relname ?? "")].flat();
  }
  const relations =
    "AlterTableStmt" in node
      ? [node.AlterTableStmt.relation]
      : "RenameStmt" in node
        ? [node.RenameStmt.relation]
        : "IndexStmt" in node
          ? [node.IndexStmt.relation]
          : "ReindexStmt" in node
            ? [node.ReindexStmt.relation]
            : "TruncateStmt" in node
              ? (node.TruncateStmt.relations ?? []).map((one) =>
                  "RangeVar" in one ? one.RangeVar : undefined,
                )
              : [];
  return relations.flatMap((relation) =>
    relation && (relation.schemaname || schema) === schema ? [relation.relname ?? ""] : [],
  );
}

function nameOf(node: Node): { parts: string[] } {
  const items = "List" in node ? (node.List.items ?? []) : [node];
  return { parts: items.flatMap((item) => ("String" in item ? [item.String.sval ?? ""] : [])) };
}
