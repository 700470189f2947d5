/** A column as far as its data are concerned. */
export interface Column {
  /** As Postgres writes it, such as `character varying(20)`. */
  type: string;
  /** A row needs a value for it, and neither a default nor a sequence gives one. */
  required: boolean;
}

/** The tables of a schema with their columns in order, by the names that the database knows. */
export type Tables = ReadonlyMap<string, ReadonlyMap<string, Column>>;

/** What a migration and its reversal do to data, as sentences. */
export interface DataEffects {
  /** What the reversal throws away. */
  lost: string[];
  /** What the migration has thrown away, so that no reversal brings it back. */
  gone: string[];
  /** What the reversal cannot do while there are rows. */
  blocked: string[];
}

/** What happens to data between two states and back, told by tables and columns alone; renamed ones keep theirs. */
export function describeDataEffects(before: Tables, after: Tables): DataEffects {
  const effects: DataEffects = { lost: [], gone: [], blocked: [] };
  for (const [table, columns] of after) {
    const old = before.get(table);
    if (!old) effects.lost.push(`the table "${table}" with all its rows`);
    for (const [column, { type }] of columns) {
      const was = old?.get(column);
      if (old && !was) effects.lost.push(`the column "${column}" of "${table}" with its values`);
      if (was && was.type !== type)
        effects.lost.push(`whatever of "${column}" in "${table}" does not fit ${was.type} (it is ${type})`);
    }
  }
  for (const [table, columns] of before) {
    const now = after.get(table);
    if (!now) effects.gone.push(`the rows of "${table}", which migration.sql drops`);
    for (const [column, { required }] of now ? columns : []) {
      if (now?.has(column)) continue;
      effects.gone.push(`the values of "${column}" in "${table}", which migration.sql drops`);
      if (required)
        effects.blocked.push(`"${table}" to be empty: "${column}" is required and has no default`);
    }
  }
  return effects;
}

/** The same tables under the names that they have after some renames. */
export function renameTables(
  tables: Tables,
  renames: readonly (
    | { kind: "table"; from: string; to: string }
    | { kind: "column"; table: string; from: string; to: string }
  )[],
): Tables {
  let now = new Map(tables);
  for (const rename of renames) {
    if (rename.kind === "table") {
      now = new Map([...now].map(([name, columns]) => [name === rename.from ? rename.to : name, columns]));
    } else {
      const columns = now.get(rename.table) ?? new Map<string, Column>();
      now.set(
        rename.table,
        new Map([...columns].map(([name, column]) => [name === rename.from ? rename.to : name, column])),
      );
    }
  }
  return now;
}
