/**
 * Statements under an empty search path, in one message: the server then qualifies every name that it deparses, and what
 * it has prepared once it need not plan anew because of another path. To be sent within a transaction.
 */
export function atEmptyPath(...statements: readonly string[]): string {
  return [
    "SELECT set_config('schemata.search_path', current_setting('search_path'), true)",
    "SET LOCAL search_path = ''",
    ...statements,
    "SELECT set_config('search_path', current_setting('schemata.search_path'), true)",
  ].join(";\n");
}
