/** An object of a schema, or a part of one that is made by a statement of its own. */
export interface Definition {
  id: string;
  /** Where nothing else decides, lower comes first; then the older. */
  phase: number;
  age: number;
  /** What the catalog also knows it by: a table's row type, a constraint's index. */
  aliases: readonly string[];
  create: readonly string[];
  drop: readonly string[];
}

/** `from` needs `to`; both as ids or aliases. */
export interface Need {
  from: string;
  to: string;
}

/** The order in which definitions can be made: whatever one needs stands before it. A circle is cut at its first. */
export function orderDefinitions(definitions: readonly Definition[], needs: readonly Need[]): Definition[] {
  const byAlias = new Map(
    definitions.flatMap((one) => [one.id, ...one.aliases].map((id) => [id, one] as const)),
  );
  const needed = new Map<Definition, Set<Definition>>();
  for (const { from, to } of needs) {
    const [one, other] = [byAlias.get(from), byAlias.get(to)];
    if (one && other && one !== other) needed.set(one, (needed.get(one) ?? new Set()).add(other));
  }
  const ordered: Definition[] = [];
  const seen = new Set<Definition>();
  const visit = (one: Definition): void => {
    if (seen.has(one)) return;
    seen.add(one);
    for (const other of sort([...(needed.get(one) ?? [])])) visit(other);
    ordered.push(one);
  };
  for (const one of sort([...definitions])) visit(one);
  return ordered;
}

function sort(definitions: Definition[]): Definition[] {
  return definitions.sort((a, b) => a.phase - b.phase || a.age - b.age);
}

/** A script that makes them, and one that undoes it. */
export function renderDefinitions(ordered: readonly Definition[]): { up: string; down: string } {
  const join = (statements: readonly string[]) =>
    statements.map((statement) => `${statement.trimEnd().replace(/;$/, "")};\n`).join("\n");
  const create = ordered.flatMap((one) => one.create);
  // A body may name what comes later.
  const bodies = create.some((statement) => /^CREATE OR REPLACE (FUNCTION|PROCEDURE)/.test(statement));
  return {
    up: join([...(bodies ? ["SET LOCAL check_function_bodies = off"] : []), ...create]),
    down: join(ordered.toReversed().flatMap((one) => one.drop)),
  };
}
