import type { Definition, Need } from "./order.ts";

/** A column of a table, as far as ALTER TABLE can change it. */
export interface ColumnDefinition {
  /** As SQL names them. */
  table: string;
  column: string;
  /** As CREATE TABLE writes it, without its default. */
  definition: string;
  type: string;
  notNull: boolean;
  /** The default's expression; null: none. */
  default: string | null;
  /** It cannot be altered to or from another column: generated, or an identity. */
  special: boolean;
}

/** A schema as the catalog writes it down. */
export interface WrittenSchema {
  definitions: readonly Definition[];
  needs: readonly Need[];
  columns: readonly ColumnDefinition[];
}

/** What a schema holds before and after a change, by what it is called. */
export interface Both {
  was: ReadonlyMap<string, Definition>;
  is: ReadonlyMap<string, Definition>;
}

export const COMMENT = /^(COMMENT ON [\s\S]*?) IS (?=E?')/;
export const SEQUENCE = /^CREATE (?:UNLOGGED )?SEQUENCE ((?:"(?:[^"]|"")*"|[^" ])+) /;

/** What an object is called in any database: the statement that drops it. */
export function keyOf(one: Definition): string {
  return dropOf(one)[0] ?? one.create[0] ?? "";
}

/** The statement that takes an object away, if it takes one of its own. */
export function dropOf({ create: [create = ""], drop }: Definition): readonly string[] {
  if (drop.length > 0) return drop;
  const [, comment] = COMMENT.exec(create) ?? [];
  if (comment !== undefined) return [`${comment} IS NULL`];
  // That of a column may have gone with it.
  const [, sequence] = SEQUENCE.exec(create) ?? [];
  return sequence === undefined ? [] : [`DROP SEQUENCE IF EXISTS ${sequence}`];
}

export function indexByKey(definitions: readonly Definition[]): Map<string, Definition> {
  return new Map(definitions.map((one) => [keyOf(one), one]));
}

/** Whether it is a table, partitioned or not. */
export function isTable(one: Definition): boolean {
  return keyOf(one).startsWith("DROP TABLE ");
}

/** A table as SQL names it. */
export function tableOf(one: Definition): string {
  return keyOf(one).slice("DROP TABLE ".length);
}

/** Whether dropping one of the tables drops it, too. */
export function belongsTo(one: Definition, tables: ReadonlySet<string>): boolean {
  const key = keyOf(one);
  for (const table of tables) {
    if (key.startsWith(`ALTER TABLE ${table} `) || key.endsWith(` ON ${table}`)) return true;
    if (key.startsWith(`COMMENT ON TABLE ${table} `) || key.startsWith(`COMMENT ON COLUMN ${table}.`))
      return true;
    if (key.startsWith("DROP SEQUENCE ") && one.create[0]?.includes(` OWNED BY ${table}.`)) return true;
    if (key.startsWith("DROP INDEX ") && one.create[0]?.includes(` ON ${table} `)) return true;
  }
  return false;
}
