/** A parse node, or a part of one, as libpg-query gives it: fields that are zero, false or empty are absent. */
export type Tree = Readonly<Record<string, unknown>>;

/** The value as a node; anything else is `undefined`. */
export function asTree(value: unknown): Tree | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Tree) : undefined;
}

/** The value as a list; anything else is empty. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value as a text; anything else is empty. */
export function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The fields of a node that is wrapped in its type's name: `{ A_Const: … }`. */
export function unwrap(value: unknown, type: string): Tree | undefined {
  return asTree(asTree(value)?.[type]);
}

/** The text of a `String` node. */
export function stringOf(value: unknown): string | undefined {
  const string = unwrap(value, "String");
  return string && asText(string.sval);
}

/** The parts of a name, from a list or `List` of `String` nodes; `undefined` when it is anything else. */
export function nameParts(value: unknown): string[] | undefined {
  const items = Array.isArray(value) ? value : asList(unwrap(value, "List")?.items);
  const parts = items.map(stringOf);
  return parts.length > 0 && parts.every((part) => part !== undefined) ? (parts as string[]) : undefined;
}

/** The type of a wrapped node and its fields. */
export function opened(node: unknown): [kind: string, fields: Tree] {
  const [kind, fields] = Object.entries(asTree(node) ?? {})[0] ?? ["", {}];
  return [kind, asTree(fields) ?? {}];
}

/** The options of a statement by name: what `DefElem` nodes of a list hold. */
export function optionsOf(list: unknown): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const item of asList(list)) {
    const option = unwrap(item, "DefElem");
    if (option) found.set(asText(option.defname), option.arg);
  }
  return found;
}

/** The value of an option that is a text. */
export function optionText(options: ReadonlyMap<string, unknown>, name: string): string | undefined {
  const value = options.get(name);
  return value === undefined ? undefined : (stringOf(value) ?? asText(asTree(value)?.sval));
}

/** The values of SET's list: texts, numbers or names. */
export function settingValues(fields: Tree): (string | undefined)[] {
  return asList(fields.args).map((arg) => {
    const constant = unwrap(arg, "A_Const");
    const value = asTree(constant?.sval)?.sval;
    return constant === undefined ? undefined : typeof value === "string" ? value : JSON.stringify(constant);
  });
}
