/** What extensions have brought into one schema: types and functions by name. */
export interface ExtensionNames {
  schema: string;
  names: readonly string[];
}

/**
 * Makes deparsed text, escaped as in JSON or not, the same wherever an extension lives: its types, functions and
 * operators without the schema before them.
 */
export function unqualifyExtensions(members: readonly ExtensionNames[]): (text: string) => string {
  const patterns = members.map(({ schema, names }) => {
    const quoted = String.raw`\\?"${escapePattern(schema.replaceAll('"', '""'))}\\?"`;
    const before = String.raw`(?<![\w$.])(?:${escapePattern(schema)}|${quoted})\.`;
    const name = names.map(escapePattern).join("|");
    return new RegExp(String.raw`(?<=OPERATOR\()${before}|${before}(?=\\?"?(?:${name})(?![\w$]))`, "g");
  });
  return (text) => patterns.reduce((found, pattern) => found.replaceAll(pattern, ""), text);
}

function escapePattern(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&");
}
