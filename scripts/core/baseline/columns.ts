import type { Both, ColumnDefinition, WrittenSchema } from "./written.ts";

/** What becomes of the columns of tables that stay. `retyped`: tables of which views must be made anew. */
export function changeColumns(
  from: WrittenSchema,
  to: WrittenSchema,
  { was, is }: Both,
): { statements: string[]; retyped: Set<string>; defaults: Set<string> } {
  const statements: string[] = [];
  const retyped = new Set<string>();
  /** Keys of defaults that stand with their new columns, as a table with rows wants them. */
  const defaults = new Set<string>();
  const stays = ({ table }: ColumnDefinition) =>
    was.has(`DROP TABLE ${table}`) && is.has(`DROP TABLE ${table}`);
  const nameOf = ({ table, column }: ColumnDefinition) => `${table}.${column}`;
  const before = new Map(from.columns.filter(stays).map((one) => [nameOf(one), one]));
  const after = new Map(to.columns.filter(stays).map((one) => [nameOf(one), one]));
  const alter = ({ table }: ColumnDefinition, change: string) =>
    statements.push(`ALTER TABLE ${table} ${change}`);
  const isReplaced = (old: ColumnDefinition, now: ColumnDefinition) =>
    old.definition !== now.definition && (old.special || now.special);
  for (const [name, old] of before) {
    const now = after.get(name);
    if (now && !isReplaced(old, now)) continue;
    retyped.add(old.table);
    alter(old, `DROP COLUMN ${old.column}`);
  }
  for (const [name, now] of after) {
    const old = before.get(name);
    const { column } = now;
    if (!old || isReplaced(old, now)) {
      const inline = now.default !== null && !/\bnextval\(/.test(now.default);
      if (inline) defaults.add(`ALTER TABLE ${now.table} ALTER COLUMN ${column} DROP DEFAULT`);
      alter(now, `ADD COLUMN ${now.definition}${inline ? ` DEFAULT ${now.default}` : ""}`);
      continue;
    }
    if (old.type !== now.type) {
      retyped.add(now.table);
      alter(now, `ALTER COLUMN ${column} TYPE ${now.type} USING ${column}::${now.type}`);
    }
    if (old.notNull !== now.notNull)
      alter(now, `ALTER COLUMN ${column} ${now.notNull ? "SET" : "DROP"} NOT NULL`);
  }
  return { statements, retyped, defaults };
}
