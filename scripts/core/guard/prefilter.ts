import { nextToken } from "../lexer.ts";

/** Statements that can be judged by their words; whatever begins otherwise is for the parser. */
const PLAIN_STARTS: Readonly<Record<string, RegExp>> = {
  CREATE: /^(?:TABLE|INDEX|UNIQUE|TYPE)$/,
  ALTER: /^(?:TABLE|INDEX|TYPE)$/,
  DROP: /^(?:TABLE|INDEX|TYPE)$/,
  INSERT: /^INTO$/,
  DELETE: /^FROM$/,
  UPDATE: /^/,
};

/** Clauses of those statements that concern owners, schemas and what else the service does not have to itself. */
const SUSPECT_WORDS = new Set(["OWNER", "SCHEMA", "TABLESPACE"]);

/**
 * Names that rules look for, and comments that are the guard's. They are sought in the raw text, so that quoted
 * ones count too; `U&` could spell any of them.
 */
const SUSPECT_TEXT =
  /_prisma_migrations|schemata:|-- transfer|\bpg_|\breg(?:class|collation|config|dictionary|namespace|oper|operator|proc|procedure|role|type)\b|to_reg|set_config|(?:next|curr|set)val\b|dblink|_to_xml|\bts_(?:stat|rewrite|headline|lexize|debug)|_tsvector|_tsquery|crosstab|\bbrin_|\bgin_|row_security|\blo_|\blo(?:read|write)\b|\blocreat|u&/i;

/**
 * Whether the guard may find anything in a script, told without a parser: `false` is certain. Plain statements
 * without any of those words and without a dot name nothing but the service's own objects.
 */
export function mayHaveFindings(sql: string): boolean {
  if (SUSPECT_TEXT.test(sql)) return true;
  let first = "";
  let second = "";
  let before = "";
  let beforeThat = "";
  let position = 0;
  for (let token = nextToken(sql, 0); token.kind !== "end"; token = nextToken(sql, token.end)) {
    if (token.kind === "broken" || token.kind === "body") return true;
    if (token.kind === "symbol") {
      const symbol = sql[token.start];
      if (symbol === "." || position === 1) return true;
      if (symbol === ";") position = 0;
      before = "";
      continue;
    }
    const word = token.kind === "word" ? sql.slice(token.start, token.end).toUpperCase() : "";
    position++;
    if (position === 1) first = word;
    else if (position === 2) second = word;
    const plain = Object.hasOwn(PLAIN_STARTS, first) ? PLAIN_STARTS[first] : undefined;
    if (!plain || (position === 2 && !plain.test(word)) || SUSPECT_WORDS.has(word)) return true;
    if (word === "CASCADE" && !isKeyAction(first, beforeThat, before)) return true;
    if (first === "DROP" && second === "TYPE" && position > 2 && mayBeBuiltIn(word)) return true;
    beforeThat = before;
    before = word;
  }
  return position === 1;
}

/** ON DELETE CASCADE changes rows of the service's own tables only; DELETE alone may be what a table is called, ON may not. */
function isKeyAction(statement: string, on: string, event: string): boolean {
  const isTable = statement === "CREATE" || statement === "ALTER";
  return isTable && on === "ON" && (event === "DELETE" || event === "UPDATE");
}

/** DROP TYPE takes `int` for the catalog's type; in quotes it means the service's own. */
function mayBeBuiltIn(word: string): boolean {
  return word !== "" && !/^(?:IF|EXISTS|RESTRICT)$/.test(word);
}
