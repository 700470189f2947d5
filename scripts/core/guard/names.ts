import { asList, asText, asTree, nameParts, stringOf, type Tree, unwrap } from "./tree.ts";

/** How a statement uses what it names: `reference` is the target of a foreign key. */
export type Use = "read" | "change" | "create" | "reference";

/** A name in a statement; only with `schema` does it say where the object is. */
export interface Name {
  schema: string | undefined;
  name: string;
  object: "relation" | "type" | "function" | "schema" | "other";
  use: Use;
  /** UTF-8 byte offset in the parsed text, where the parser tells it. */
  location: number | undefined;
}

/** A function call by name, with its argument nodes. */
export interface Call {
  schema: string | undefined;
  name: string;
  args: readonly unknown[];
  location: number | undefined;
}

/** Everything that a statement names, found by one walk. */
export interface StatementNames {
  names: Name[];
  calls: Call[];
  /** Texts cast to regclass and its kin, which name an object too. */
  regTexts: { type: string; value: unknown; location: number | undefined }[];
  /** Settings made by SET, RESET and the SET clauses of functions. */
  settings: { fields: Tree; ofFunction: boolean }[];
}

/** Fields under which relations are only read, whatever the statement does. */
const READ_FIELDS = new Set([
  "fromClause",
  "usingClause",
  "sourceRelation",
  "inhRelations",
  "constrrel",
  "ofTypename",
]);

/** Fields whose list of strings is a qualified name, with how it is used. */
const NAME_FIELDS: Readonly<Record<string, [Name["object"], Use]>> = {
  collname: ["other", "read"],
  collation: ["other", "read"],
  opclass: ["other", "read"],
  opclassname: ["other", "create"],
  opfamilyname: ["other", "change"],
  operName: ["other", "read"],
  useOp: ["other", "read"],
  method: ["function", "read"],
  func_name: ["function", "read"],
  handler_name: ["function", "read"],
  plhandler: ["function", "read"],
  plinline: ["function", "read"],
  plvalidator: ["function", "read"],
  conversion_name: ["other", "create"],
  domainname: ["type", "create"],
  defnames: ["other", "create"],
  dictname: ["other", "change"],
  cfgname: ["other", "change"],
};

const CREATES = new Set([
  "CreateStmt",
  "CreateForeignTableStmt",
  "ViewStmt",
  "CreateSeqStmt",
  "CompositeTypeStmt",
  "CreateEnumStmt",
  "CreateRangeStmt",
  "CreateFunctionStmt",
  "CreateTableAsStmt",
]);

/** Walks a statement's tree and gathers what it names. */
export function readNames(node: unknown): StatementNames {
  const found: StatementNames = { names: [], calls: [], regTexts: [], settings: [] };
  walkNode(node, { use: "change", statement: "", outer: "" }, found);
  return found;
}

interface Place {
  use: Use;
  /** The types of the innermost statement and of the one around it. */
  statement: string;
  outer: string;
}

function walkNode(value: unknown, place: Place, found: StatementNames): void {
  if (Array.isArray(value)) {
    for (const item of value) walkNode(item, place, found);
    return;
  }
  const fields = asTree(value);
  if (!fields) return;
  const [kind] = Object.keys(fields);
  const isWrapper = kind !== undefined && /^[A-Z]/.test(kind);
  if (isWrapper) {
    const inner = asTree(fields[kind]) ?? {};
    readFields(inner, enter(kind, inner, place), found, kind);
  } else readFields(fields, place, found, "");
}

function enter(kind: string, fields: Tree, place: Place): Place {
  if (kind === "SelectStmt" || kind === "TableLikeClause") return { ...place, use: "read" };
  if (!kind.endsWith("Stmt")) return place;
  const use = CREATES.has(kind) ? "create" : kind === "CopyStmt" && !fields.is_from ? "read" : "change";
  return { use, statement: kind, outer: place.statement };
}

function readFields(fields: Tree, place: Place, found: StatementNames, kind: string): void {
  readOwnName(fields, place, found, kind);
  for (const [key, value] of Object.entries(fields)) {
    if (typeof value !== "object" || value === null) continue;
    const named = NAME_FIELDS[key];
    if (named && addParts(value, { object: named[0], use: named[1] }, found)) continue;
    walkNode(value, inField(key, place), found);
  }
}

function inField(key: string, place: Place): Place {
  if (key === "pktable") return { ...place, use: "reference" };
  if (key === "intoClause" || key === "into") return { ...place, use: "create" };
  if (READ_FIELDS.has(key)) return { ...place, use: "read" };
  // Only the first relation of a CREATE is made; what its clauses name is there already.
  const made = ["relation", "view", "sequence", "typevar", "base", "rel"].includes(key);
  return place.use === "create" && !made ? { ...place, use: "change" } : place;
}

function readOwnName(fields: Tree, place: Place, found: StatementNames, kind: string): void {
  const location = typeof fields.location === "number" && fields.location >= 0 ? fields.location : undefined;
  if (typeof fields.relname === "string") {
    const temporary = fields.relpersistence === "t" && fields.schemaname === undefined;
    const schema = temporary ? "pg_temp" : optional(fields.schemaname);
    found.names.push({
      schema,
      name: fields.relname,
      object: "relation",
      use: place.use,
      location: location ?? 0,
    });
  }
  if (kind === "TypeCast") readCast(fields, found);
  if (kind === "VariableSetStmt") {
    found.settings.push({ fields, ofFunction: /FunctionStmt$/.test(place.outer) });
  }
  if (kind === "A_Expr") addParts(fields.name, { object: "other", use: "read", location }, found);
  if (kind === "CreateEnumStmt" || kind === "CreateRangeStmt") {
    addParts(fields.typeName, { object: "type", use: "create" }, found);
  }
  if (kind === "AlterEnumStmt" || kind === "AlterDomainStmt" || kind === "AlterTypeStmt") {
    addParts(fields.typeName, { object: "type", use: "change" }, found);
  }
  if (kind === "ReindexStmt" && fields.kind === "REINDEX_OBJECT_SCHEMA") {
    const schema = asText(fields.name);
    found.names.push({ schema, name: "", object: "schema", use: "change", location: undefined });
  }
  if (kind === "DefElem") readDefinition(fields, found);
  if (kind === "Constraint") {
    for (const exclusion of asList(fields.exclusions)) {
      const [, operator] = asList(unwrap(exclusion, "List")?.items);
      addParts(operator, { object: "other", use: "read" }, found);
    }
  }
  if (kind === "AlterTSConfigurationStmt") {
    for (const dict of asList(fields.dicts)) addParts(dict, { object: "other", use: "read" }, found);
  }
  if (fields.objname) {
    const uses =
      kind === "CreateOpClassItem" ||
      place.statement === "CreateCastStmt" ||
      place.statement === "CreateOpClassStmt";
    addParts(fields.objname, { object: "function", use: uses ? "read" : "change" }, found);
  }
  if (fields.names) {
    // `table.column%TYPE` names a column last.
    const names = fields.pct_type ? asList(fields.names).slice(0, -1) : fields.names;
    addParts(names, { object: "type", use: "read", location }, found);
  }
  if (fields.funcname) readFunction(fields, location, kind, found);
  if (fields.object !== undefined || fields.objects !== undefined) readObjects(fields, found);
}

function readFunction(fields: Tree, location: number | undefined, kind: string, found: StatementNames): void {
  const use = kind === "CreateFunctionStmt" ? "create" : "read";
  addParts(fields.funcname, { object: "function", use, location }, found);
  const parts = nameParts(fields.funcname) ?? [];
  if (use === "read") {
    found.calls.push({ schema: parts.at(-2), name: parts.at(-1) ?? "", args: asList(fields.args), location });
  }
}

function readCast({ arg, typeName }: Tree, found: StatementNames): void {
  const name = nameParts(asTree(typeName)?.names)?.at(-1) ?? "";
  if (!/^reg[a-z]+$/.test(name)) return;
  const location = asTree(typeName)?.location;
  found.regTexts.push({
    type: name,
    value: arg,
    location: typeof location === "number" ? location : undefined,
  });
}

/** Names in options: `OWNED BY schema.table.column`, `FROM collation`. */
function readDefinition({ defname, arg }: Tree, found: StatementNames): void {
  const parts = nameParts(arg);
  if (!parts || defname === "schemas") return;
  if (defname === "owned_by") {
    if (parts.length > 1) add(parts.slice(0, -1), { object: "relation", use: "change" }, found);
  } else if (defname === "from" || defname === "sequence_name")
    add(parts, { object: "other", use: "read" }, found);
}

/** Names of DROP, COMMENT, ALTER … OWNER, ALTER … SET SCHEMA and the like, whose form depends on the kind of object. */
function readObjects(fields: Tree, found: StatementNames): void {
  const type = asText(fields.removeType ?? fields.objtype ?? fields.objectType ?? fields.renameType);
  const objects = fields.objects === undefined ? [fields.object] : asList(fields.objects);
  for (const object of objects) {
    const single = stringOf(object);
    if (single !== undefined) {
      if (type === "OBJECT_SCHEMA" || fields.targtype === "ACL_TARGET_ALL_IN_SCHEMA") {
        found.names.push({ schema: single, name: "", object: "schema", use: "change", location: undefined });
      }
      continue;
    }
    const parts = nameParts(object);
    if (parts) add(objectName(type, parts), { object: objectKind(type), use: "change" }, found);
    else if (type === "OBJECT_DOMAIN" || type === "OBJECT_TYPE") {
      addParts(unwrap(object, "TypeName")?.names, { object: "type", use: "change" }, found);
    }
  }
}

/** Leaves out what is no part of the qualified name: a column, a constraint, an access method. */
function objectName(type: string, parts: string[]): string[] {
  if (/_(COLUMN|TABCONSTRAINT|TRIGGER|POLICY|RULE|ATTRIBUTE)$/.test(type)) return parts.slice(0, -1);
  return /_(OPCLASS|OPFAMILY)$/.test(type) ? parts.slice(1) : parts;
}

function objectKind(type: string): Name["object"] {
  if (/_(TYPE|DOMAIN)$/.test(type)) return "type";
  return /_(TABLE|VIEW|MATVIEW|SEQUENCE|INDEX|COLUMN|TABCONSTRAINT|TRIGGER|POLICY|RULE)$/.test(type)
    ? "relation"
    : "other";
}

type Kind = Pick<Name, "object" | "use"> & { location?: number | undefined };

function addParts(value: unknown, kind: Kind, found: StatementNames): boolean {
  const parts = nameParts(value);
  if (parts) add(parts, kind, found);
  return parts !== undefined;
}

function add(parts: string[], { location, ...kind }: Kind, found: StatementNames): void {
  const name = parts.at(-1);
  if (name !== undefined) found.names.push({ schema: parts.at(-2), name, ...kind, location });
}

function optional(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
