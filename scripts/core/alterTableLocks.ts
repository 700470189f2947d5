import type { AlterTableCmd, AlterTableType, Node, RangeVar } from "libpg-query";
import { type LockMode, strongest, type TableLock } from "./lockModes.ts";

/**
 * What a subcommand of ALTER TABLE takes on its table where that is less than ACCESS EXCLUSIVE
 * (AlterTableGetLockLevel in PostgreSQL's tablecmds.c, and the page of ALTER TABLE).
 */
const MILDER: Readonly<Partial<Record<AlterTableType, LockMode>>> = {
  AT_SetStatistics: "SHARE UPDATE EXCLUSIVE",
  AT_SetOptions: "SHARE UPDATE EXCLUSIVE",
  AT_ResetOptions: "SHARE UPDATE EXCLUSIVE",
  AT_ClusterOn: "SHARE UPDATE EXCLUSIVE",
  AT_DropCluster: "SHARE UPDATE EXCLUSIVE",
  AT_ValidateConstraint: "SHARE UPDATE EXCLUSIVE",
  AT_AttachPartition: "SHARE UPDATE EXCLUSIVE",
  AT_DetachPartitionFinalize: "SHARE UPDATE EXCLUSIVE",
  AT_EnableTrig: "SHARE ROW EXCLUSIVE",
  AT_EnableAlwaysTrig: "SHARE ROW EXCLUSIVE",
  AT_EnableReplicaTrig: "SHARE ROW EXCLUSIVE",
  AT_EnableTrigAll: "SHARE ROW EXCLUSIVE",
  AT_EnableTrigUser: "SHARE ROW EXCLUSIVE",
  AT_DisableTrig: "SHARE ROW EXCLUSIVE",
  AT_DisableTrigAll: "SHARE ROW EXCLUSIVE",
  AT_DisableTrigUser: "SHARE ROW EXCLUSIVE",
};

/** Storage parameters that readers depend on; the others can be set beside them. */
const STRONG_OPTIONS = new Set([
  "user_catalog_table",
  "security_barrier",
  "security_invoker",
  "check_option",
  "buffering",
  "fastupdate",
  "gin_pending_list_limit",
  "pages_per_range",
  "autosummarize",
]);

/** The locks of one ALTER TABLE: the strongest that any of its subcommands wants, and those on other tables. */
export function findAlterLocks(relation: RangeVar, cmds: readonly Node[]): TableLock[] {
  const own: LockMode[] = [];
  const others: TableLock[] = [];
  for (const node of cmds) {
    if (!("AlterTableCmd" in node)) continue;
    own.push(modeOf(node.AlterTableCmd));
    others.push(...findOthers(node.AlterTableCmd));
  }
  const mode = strongest(own);
  return [...(mode ? [lockOn(relation, mode)] : []), ...others];
}

/** A lock on a table as a statement names it. */
export function lockOn({ schemaname, relname }: RangeVar, mode: LockMode): TableLock {
  return { schema: schemaname || undefined, table: relname ?? "", mode };
}

/** Foreign keys among constraints lock the tables that they refer to. */
export function findReferenced(constraints: readonly Node[]): TableLock[] {
  return constraints.flatMap((node) =>
    "Constraint" in node && node.Constraint.contype === "CONSTR_FOREIGN" && node.Constraint.pktable
      ? [lockOn(node.Constraint.pktable, "SHARE ROW EXCLUSIVE")]
      : [],
  );
}

function modeOf({ subtype, def }: AlterTableCmd): LockMode {
  if (subtype === "AT_AddConstraint") {
    return def && "Constraint" in def && def.Constraint.contype === "CONSTR_FOREIGN"
      ? "SHARE ROW EXCLUSIVE"
      : "ACCESS EXCLUSIVE";
  }
  if (subtype === "AT_DetachPartition")
    return def && "PartitionCmd" in def && def.PartitionCmd.concurrent
      ? "SHARE UPDATE EXCLUSIVE"
      : "ACCESS EXCLUSIVE";
  if (subtype === "AT_SetRelOptions" || subtype === "AT_ResetRelOptions") {
    const options = def && "List" in def ? (def.List.items ?? []) : [];
    const strong = options.some(
      (option) => "DefElem" in option && STRONG_OPTIONS.has(option.DefElem.defname ?? ""),
    );
    return strong ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE";
  }
  return (subtype && MILDER[subtype]) ?? "ACCESS EXCLUSIVE";
}

function findOthers({ subtype, def }: AlterTableCmd): TableLock[] {
  if (!def) return [];
  if ("Constraint" in def) return findReferenced([def]);
  if ("ColumnDef" in def) return findReferenced(def.ColumnDef.constraints ?? []);
  if ("PartitionCmd" in def && def.PartitionCmd.name)
    return [lockOn(def.PartitionCmd.name, "ACCESS EXCLUSIVE")];
  if ("RangeVar" in def && subtype === "AT_AddInherit")
    return [lockOn(def.RangeVar, "SHARE UPDATE EXCLUSIVE")];
  return [];
}
