import { asList, asText, asTree, stringOf, type Tree, unwrap } from "../guard/tree.ts";
import type { Unit } from "../guard/unit.ts";

/** A statement that a Citus cluster does not do as it stands; plain Postgres, and so the shadow database, does. */
export interface CitusRefusal {
  /** JavaScript string index in the file. */
  offset: number;
  message: string;
  fix: string;
  /** `warning`: it is done, but the table stays on the coordinator. */
  severity: "error" | "warning";
}

type Judgement = Omit<CitusRefusal, "offset" | "severity"> & Partial<Pick<CitusRefusal, "severity">>;

/** What of a migration's statements Citus 13 refuses in a schema that it distributes; `others` are other services' schemas. */
export function findCitusRefusals(units: readonly Unit[], others: readonly string[]): CitusRefusal[] {
  return units.flatMap((unit) =>
    [...judgeTable(unit), ...judgeForeignKeys(unit, others), ...judgeKind(unit)].map((judgement) => ({
      severity: "error" as const,
      ...judgement,
      offset: unit.place(),
    })),
  );
}

function commandsOf({ kind, fields }: Unit): { subtype: string; def: unknown }[] {
  if (kind !== "AlterTableStmt") return [];
  return asList(fields.cmds).flatMap((item) => {
    const command = unwrap(item, "AlterTableCmd");
    return command ? [{ subtype: asText(command.subtype), def: command.def }] : [];
  });
}

function judgeTable(unit: Unit): Judgement[] {
  const commands = commandsOf(unit);
  const has = (subtype: string) => commands.some((one) => one.subtype === subtype);
  const found: Judgement[] = [];
  if (
    commands.some(({ subtype, def }) => subtype === "AT_AddColumn" && countsItself(unwrap(def, "ColumnDef")))
  )
    found.push({
      message: "ADD COLUMN of a SERIAL or identity column",
      fix: "make the column with the table; or add a plain column and a sequence, and SET DEFAULT nextval(…) apart",
    });
  if (has("AT_DropConstraint") && has("AT_AddConstraint"))
    found.push({
      message: "DROP CONSTRAINT and ADD CONSTRAINT in one ALTER TABLE",
      fix: "make two statements of it",
    });
  const inherits =
    has("AT_AddInherit") ||
    (unit.kind === "CreateStmt" && asList(unit.fields.inhRelations).length > 0 && !unit.fields.partbound);
  if (inherits)
    found.push({ message: "inheritance of tables", fix: "partition the table, or repeat its columns" });
  return found;
}

/** Whether a column draws its values from a sequence of its own. */
function countsItself(column: Tree | undefined): boolean {
  const names = asList(asTree(column?.typeName)?.names).map(stringOf);
  const isSerial = /^(?:small|big)?serial[248]?$/.test(names.at(-1) ?? "");
  return isSerial || constraintsOf(column).some(({ contype }) => contype === "CONSTR_IDENTITY");
}

function constraintsOf(column: Tree | undefined): Tree[] {
  return asList(column?.constraints).flatMap((item): Tree[] => {
    const constraint = unwrap(item, "Constraint");
    return constraint ? [constraint] : [];
  });
}

function judgeForeignKeys(unit: Unit, others: readonly string[]): Judgement[] {
  const definitions = [
    ...commandsOf(unit).map(({ def }) => def),
    ...(unit.kind === "CreateStmt" ? asList(unit.fields.tableElts) : []),
  ];
  const constraints = definitions.flatMap((def) => {
    const own = unwrap(def, "Constraint");
    return own ? [own] : constraintsOf(unwrap(def, "ColumnDef"));
  });
  return constraints.flatMap(({ contype, pktable }) => {
    const schema = asText(asTree(pktable)?.schemaname);
    if (contype !== "CONSTR_FOREIGN" || !others.includes(schema)) return [];
    return [
      {
        message: `a foreign key into the schema "${schema}", which lies on another node`,
        fix: "keep the column without the foreign key; or make what is shared a reference table in a schema that is not distributed",
      },
    ];
  });
}

function judgeKind({ kind, fields, origin }: Unit): Judgement[] {
  if (kind === "CreateTrigStmt")
    return [
      { message: "a trigger", fix: "do its work where the rows are written, or in a generated column" },
    ];
  if (kind === "RenameStmt" && fields.renameType === "OBJECT_TABCONSTRAINT")
    return [
      { message: "RENAME CONSTRAINT", fix: "drop it and add it under the new name, in two statements" },
    ];
  if (kind === "CreateStmt" && origin === "do")
    return [
      {
        severity: "warning",
        message: "a table made inside a DO block, which stays on the coordinator",
        fix: "make it by a statement of its own",
      },
    ];
  return [];
}
