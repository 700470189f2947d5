import type { SqlResultSet } from "@prisma/driver-adapter-utils";
import { type Externals, parseExternals } from "../../scripts/core/externals.ts";
import { LEDGER_TABLE } from "../../scripts/core/ledger.ts";
import { parseExtensions } from "../../scripts/core/schemaFile.ts";

/**
 * What an engine may see. Of extensions those that its schema file declares; of the schemas that a service lists after its own, only the tables and enums that its schema
 * file repeats: the rest belongs to other services, and the engine would take it for its own, to be dropped.
 */
export interface Visibility {
  /** The service's own schema, all of which is seen. */
  own: string;
  /** As `schema.table`. */
  tables: Set<string>;
  /** As `schema.enum`. */
  enums: Set<string>;
  /** Extensions that schema files declare; wherever they live is searched after the own schema. */
  extensions: Set<string>;
  /** Those of them that the live database has from provision, as far as that was asked. */
  provided: Set<string>;
  /** The own schema's ledger is hidden too. */
  withoutLedger: boolean;
  /** Leaves out of all that what need not be compared. */
  view?: View;
}

/** Part of a database: tables to be compared, those that they refer to, and enums, as `schema.name`. */
export interface View {
  tables: ReadonlySet<string>;
  neighbours: ReadonlySet<string>;
  enums: ReadonlySet<string>;
}

/** Shows what schema files repeat of other services, beside what is shown already. */
export function showRepeated(
  visibility: Visibility,
  contents: readonly string[],
  more?: Partial<Externals>,
): void {
  for (const text of contents) for (const name of parseExtensions(text)) visibility.extensions.add(name);
  for (const { tables = [], enums = [] } of [
    ...contents.map((text) => parseExternals(text, visibility.own)),
    more ?? {},
  ]) {
    for (const table of tables) visibility.tables.add(table);
    for (const name of enums) visibility.enums.add(name);
  }
}

/**
 * An answer of the catalog without what is not to be seen. The engine's queries are told apart by their columns: all
 * name the schema `namespace`, but for the one that asks whether the database is empty, which says `table_namespace`.
 */
export function hideForeign(result: SqlResultSet, visibility: Visibility): SqlResultSet {
  const { columnNames } = result;
  const extension = columnNames.indexOf("extension_name");
  if (extension !== -1) {
    const rows = result.rows.filter((row) => visibility.extensions.has(String(row[extension])));
    return { ...result, rows };
  }
  if (!columnNames.includes("namespace") && !columnNames.includes("table_namespace")) return result;
  const column = Object.fromEntries(columnNames.map((name, index) => [name, index]));
  const isSeen = rowTest(column, visibility);
  return { ...result, rows: result.rows.filter(isSeen) };
}

/** Looked up once for an answer, not once for each of its rows: a schema of a hundred tables has thousands. */
function rowTest(
  column: Readonly<Record<string, number>>,
  { own, tables, enums, withoutLedger, view }: Visibility,
): (row: unknown[]) => boolean {
  const {
    namespace: schemaAt = -1,
    table_namespace: tableSchemaAt,
    table_name: tableAt,
    parent_table: parentAt,
    referenced_schema_name: parentSchemaAt = -1,
    value: valueAt,
    name: nameAt = -1,
  } = column;
  const isViewed = (name: string) => !view || view.tables.has(name) || view.neighbours.has(name);
  const isSeen = (schema: unknown, table: unknown) => {
    if (schema === own && !view) return true;
    const name = `${schema}.${table}`;
    return (schema === own || tables.has(name)) && isViewed(name);
  };
  // Of what refers to each other beside the tables that are compared the narrowed schema file says nothing.
  const isCompared = (schema: unknown, table: unknown) => !view || view.tables.has(`${schema}.${table}`);
  if (tableSchemaAt !== undefined) return (row) => row[tableSchemaAt] === own;
  if (tableAt !== undefined) {
    return (row) => {
      const [schema, table] = [row[schemaAt], row[tableAt]];
      if (table === LEDGER_TABLE && (withoutLedger || schema !== own)) return false;
      // A foreign key to a table that is not seen would fail the whole reading.
      if (!isSeen(schema, table)) return false;
      if (parentAt === undefined) return true;
      const [parentSchema, parent] = [row[parentSchemaAt], row[parentAt]];
      return isSeen(parentSchema, parent) && (isCompared(schema, table) || isCompared(parentSchema, parent));
    };
  }
  if (valueAt !== undefined)
    return (row) => {
      const name = `${row[schemaAt]}.${row[nameAt]}`;
      return (row[schemaAt] === own || enums.has(name)) && (!view || view.enums.has(name));
    };
  // Sequences only explain the defaults of columns that are seen.
  return (row) => row[schemaAt] === own || column.sequence_name !== undefined;
}
