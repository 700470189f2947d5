import type { Node } from "libpg-query";
import type { ParsedStatement } from "./parse.ts";

/** Something that is there, or is not, once a script has run. Names are the service's own. */
export interface Claim {
  /** `relation`: whatever goes by such a name, invalid indexes too; `index`: a valid one. */
  kind: "relation" | "index" | "column" | "constraint" | "type" | "label" | "trigger";
  /** Of a part, with what it is part of before it: `users.email`. */
  name: string;
  present: boolean;
}

/** What a schema holds, by the names that claims use. */
export type SchemaContents = Readonly<Record<Claim["kind"], ReadonlySet<string>>>;

/** Whether a script's work is in the database; `unknown` where its statements leave no trace, or only some of it is there. */
export type Verdict = "done" | "not done" | "unknown";

/**
 * What statements leave in the catalog when they have run. Left out is what may have been so before: IF EXISTS, OR
 * REPLACE, and whatever is both made and dropped; and what names another schema.
 */
export function listClaims(statements: readonly ParsedStatement[]): Claim[] {
  const found = new Map<string, Claim | undefined>();
  for (const { node } of statements) {
    for (const claim of claimsOf(node)) {
      const key = `${claim.kind} ${claim.name}`;
      // Said twice, it tells nothing: the first may have been so, or the second.
      found.set(key, found.has(key) ? undefined : claim);
    }
  }
  return [...found.values()].flatMap((claim) => claim ?? []);
}

/** Holds claims against what is there. */
export function judge(
  claims: readonly Claim[],
  contents: SchemaContents,
): { verdict: Verdict; holds: Claim[] } {
  const holds = claims.filter(({ kind, name, present }) => contents[kind].has(name) === present);
  if (claims.length === 0) return { verdict: "unknown", holds };
  if (holds.length === claims.length) return { verdict: "done", holds };
  return { verdict: holds.length === 0 ? "not done" : "unknown", holds };
}

/** A claim that holds, for people. */
export function renderClaim({ kind, name, present }: Claim): string {
  if (!present) return `"${name}" is gone`;
  const what = { relation: "table", label: "enum value" }[kind as string] ?? kind;
  return `the ${what} "${name}" is there`;
}

function claimsOf(node: Node): Claim[] {
  const claim = (kind: Claim["kind"], name: string | undefined, present = true): Claim[] =>
    name ? [{ kind, name, present }] : [];
  if ("CreateStmt" in node) {
    const { relation, if_not_exists } = node.CreateStmt;
    return if_not_exists || relation?.schemaname ? [] : claim("relation", relation?.relname);
  }
  if ("IndexStmt" in node) {
    const { idxname, relation, if_not_exists } = node.IndexStmt;
    return if_not_exists || relation?.schemaname ? [] : claim("index", idxname);
  }
  if ("ViewStmt" in node) {
    const { view, replace } = node.ViewStmt;
    return replace || view?.schemaname ? [] : claim("relation", view?.relname);
  }
  if ("CreateTableAsStmt" in node) {
    const { into, if_not_exists } = node.CreateTableAsStmt;
    return if_not_exists || into?.rel?.schemaname ? [] : claim("relation", into?.rel?.relname);
  }
  if ("CreateSeqStmt" in node) {
    const { sequence, if_not_exists } = node.CreateSeqStmt;
    return if_not_exists || sequence?.schemaname ? [] : claim("relation", sequence?.relname);
  }
  if ("CreateEnumStmt" in node) return claim("type", ownName(node.CreateEnumStmt.typeName));
  if ("CreateDomainStmt" in node) return claim("type", ownName(node.CreateDomainStmt.domainname));
  if ("CreateTrigStmt" in node) {
    const { relation, trigname, replace } = node.CreateTrigStmt;
    return replace || relation?.schemaname ? [] : claim("trigger", `${relation?.relname}.${trigname}`);
  }
  if ("AlterEnumStmt" in node) {
    const { typeName, newVal, oldVal, skipIfNewValExists } = node.AlterEnumStmt;
    const type = ownName(typeName);
    if (type === undefined || newVal === undefined || skipIfNewValExists) return [];
    return [
      ...claim("label", `${type}.${newVal}`),
      ...(oldVal ? claim("label", `${type}.${oldVal}`, false) : []),
    ];
  }
  if ("AlterTableStmt" in node) return alterClaims(node.AlterTableStmt);
  if ("RenameStmt" in node) return renameClaims(node.RenameStmt);
  if ("DropStmt" in node) return dropClaims(node.DropStmt);
  return [];
}

function alterClaims({
  relation,
  cmds,
}: Extract<Node, { AlterTableStmt: unknown }>["AlterTableStmt"]): Claim[] {
  const table = relation?.relname;
  if (table === undefined || relation?.schemaname) return [];
  return (cmds ?? []).flatMap((cmd): Claim[] => {
    if (!("AlterTableCmd" in cmd) || cmd.AlterTableCmd.missing_ok) return [];
    const { subtype, name, def } = cmd.AlterTableCmd;
    if (subtype === "AT_AddColumn" && def && "ColumnDef" in def)
      return [{ kind: "column", name: `${table}.${def.ColumnDef.colname}`, present: true }];
    if (subtype === "AT_AddConstraint" && def && "Constraint" in def && def.Constraint.conname)
      return [{ kind: "constraint", name: `${table}.${def.Constraint.conname}`, present: true }];
    if (subtype === "AT_DropColumn") return [{ kind: "column", name: `${table}.${name}`, present: false }];
    if (subtype === "AT_DropConstraint")
      return [{ kind: "constraint", name: `${table}.${name}`, present: false }];
    return [];
  });
}

function renameClaims({
  renameType,
  relation,
  subname,
  newname,
}: Extract<Node, { RenameStmt: unknown }>["RenameStmt"]): Claim[] {
  const table = relation?.relname;
  if (table === undefined || newname === undefined || relation?.schemaname) return [];
  const both = (kind: Claim["kind"], before: string, after: string): Claim[] => [
    { kind, name: before, present: false },
    { kind, name: after, present: true },
  ];
  switch (renameType) {
    case "OBJECT_TABLE":
    case "OBJECT_VIEW":
      return both("relation", table, newname);
    case "OBJECT_INDEX":
      return [
        { kind: "relation", name: table, present: false },
        { kind: "index", name: newname, present: true },
      ];
    case "OBJECT_COLUMN":
      return both("column", `${table}.${subname}`, `${table}.${newname}`);
    case "OBJECT_TABCONSTRAINT":
      return both("constraint", `${table}.${subname}`, `${table}.${newname}`);
    default:
      return [];
  }
}

function dropClaims({
  objects,
  removeType,
  missing_ok,
}: Extract<Node, { DropStmt: unknown }>["DropStmt"]): Claim[] {
  const kinds: Readonly<Record<string, Claim["kind"]>> = {
    OBJECT_TABLE: "relation",
    OBJECT_VIEW: "relation",
    OBJECT_MATVIEW: "relation",
    OBJECT_SEQUENCE: "relation",
    // An index that is no longer valid is not gone.
    OBJECT_INDEX: "relation",
    OBJECT_TYPE: "type",
    OBJECT_DOMAIN: "type",
    OBJECT_TRIGGER: "trigger",
  };
  const kind = kinds[removeType ?? ""];
  if (!kind || missing_ok) return [];
  const length = kind === "trigger" ? 2 : 1;
  return (objects ?? []).flatMap((object): Claim[] => {
    const parts = partsOf(object);
    return parts.length === length ? [{ kind, name: parts.join("."), present: false }] : [];
  });
}

/** The name, where no schema is written before it. */
function ownName(parts: readonly Node[] | undefined): string | undefined {
  const [name, more] = (parts ?? []).flatMap(partsOf);
  return more === undefined ? name : undefined;
}

function partsOf(node: Node): string[] {
  if ("String" in node) return [node.String.sval ?? ""];
  if ("List" in node) return (node.List.items ?? []).flatMap(partsOf);
  return "TypeName" in node ? (node.TypeName.names ?? []).flatMap(partsOf) : [];
}
