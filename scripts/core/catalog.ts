/** Objects of a database by kind and qualified name; see the reader of the catalog. */
export type CatalogLike = Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>
>;

/** One object that is not as it was. */
export interface CatalogDifference {
  kind: string;
  name: string;
  change: "missing" | "added" | "changed";
  /** For one that was changed: which of its properties, in the words of the catalog. */
  details: string[];
}

/** How a second state differs from a first, object by object, in the order of kinds and names. */
export function compareCatalogs(first: CatalogLike, second: CatalogLike): CatalogDifference[] {
  const differences: CatalogDifference[] = [];
  for (const kind of Object.keys(first)) {
    const before = first[kind] ?? {};
    const after = second[kind] ?? {};
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const was = before[name];
      const is = after[name];
      if (!was) differences.push({ kind, name, change: "added", details: [] });
      else if (!is) differences.push({ kind, name, change: "missing", details: [] });
      else {
        const details = compareFacts(was, is);
        if (details.length > 0) differences.push({ kind, name, change: "changed", details });
      }
    }
  }
  return differences;
}

type Facts = Readonly<Record<string, unknown>>;

function compareFacts(was: Facts, is: Facts): string[] {
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
    (name) => JSON.stringify(was[name]) !== JSON.stringify(is[name]),
  );
  return names.flatMap((name) => (name === "columns" ? compareColumns(was, is) : [name]));
}

function compareColumns(was: Facts, is: Facts): string[] {
  const before = columnsOf(was);
  const after = columnsOf(is);
  const details: string[] = [];
  for (const [name, column] of before) {
    const now = after.get(name);
    if (!now) details.push(`column "${name}" is missing`);
    else if (JSON.stringify(now) !== JSON.stringify(column)) {
      details.push(`column "${name}": ${compareFacts(column, now).join(", ")}`);
    }
  }
  for (const name of after.keys()) if (!before.has(name)) details.push(`column "${name}" is new`);
  // An order can only be told from the columns that both have.
  return details.length > 0 ? details : ["order of columns"];
}

function columnsOf({ columns }: Facts): Map<string, Facts> {
  const list = (Array.isArray(columns) ? columns : []) as Facts[];
  return new Map(list.map((column) => [String(column.name), column]));
}
