import { quoteIdent } from "../sql.ts";
import { asList, asText, asTree, nameParts, type Tree, unwrap } from "./tree.ts";

/** What stands for an identifier that only the run knows; hostile to any real name. */
export const UNKNOWN_NAME = "chosen at run time";

/** A text as far as reading tells it: `certain` is false where a part of it could be any SQL. */
export interface FoldedText {
  text: string;
  certain: boolean;
}

const UNKNOWN: FoldedText = { text: quoteIdent(UNKNOWN_NAME), certain: false };

/**
 * Folds a text expression. Quoted identifiers and literals of unknown value are certain all the same: they cannot
 * become anything but one name or one value.
 */
export function foldText(expression: unknown, ownSchema: string): FoldedText {
  const constant = unwrap(expression, "A_Const");
  if (constant) return { text: constantText(constant), certain: true };
  const cast = unwrap(expression, "TypeCast");
  if (cast) return foldText(cast.arg, ownSchema);
  const collated = unwrap(expression, "CollateClause");
  if (collated) return foldText(collated.arg, ownSchema);
  const operation = unwrap(expression, "A_Expr");
  if (operation && nameParts(operation.name)?.at(-1) === "||") {
    return join([foldText(operation.lexpr, ownSchema), foldText(operation.rexpr, ownSchema)]);
  }
  const call = unwrap(expression, "FuncCall");
  return call ? foldCall(call, ownSchema) : UNKNOWN;
}

/** The value of an expression, when it is a known text and no more. */
export function literalText(expression: unknown, ownSchema: string): string | undefined {
  const value = nameValue(expression, ownSchema);
  if (value !== undefined) return value;
  const folded = foldText(expression, ownSchema);
  return folded.certain && !folded.text.includes(UNKNOWN_NAME) ? folded.text : undefined;
}

function constantText(constant: Tree): string {
  for (const field of ["sval", "fval", "ival", "boolval"]) {
    const value = asTree(constant[field]);
    if (value) return String(value[field] ?? (field === "sval" ? "" : 0));
  }
  return "";
}

function foldCall(call: Tree, ownSchema: string): FoldedText {
  const args = asList(call.args);
  const [first] = args;
  switch (nameParts(call.funcname)?.at(-1)) {
    case "format":
      return foldFormat(args, ownSchema);
    case "concat":
      return join(args.map((arg) => foldText(arg, ownSchema)));
    case "quote_ident":
      return foldIdentifier(first, ownSchema);
    case "quote_literal":
    case "quote_nullable":
      return { text: `'${UNKNOWN_NAME}'`, certain: true };
    default:
      return UNKNOWN;
  }
}

function foldIdentifier(expression: unknown, ownSchema: string): FoldedText {
  const value = nameValue(expression, ownSchema) ?? literalText(expression, ownSchema);
  return { text: quoteIdent(value ?? UNKNOWN_NAME), certain: true };
}

/** The service's own schema, where an expression can mean nothing else. */
function nameValue(expression: unknown, ownSchema: string): string | undefined {
  const special = unwrap(expression, "SQLValueFunction");
  if (special) return special.op === "SVFOP_CURRENT_SCHEMA" ? ownSchema : undefined;
  const called = nameParts(unwrap(expression, "FuncCall")?.funcname)?.at(-1);
  const column = nameParts(unwrap(expression, "ColumnRef")?.fields)?.at(-1);
  return called === "current_schema" || column === "tg_table_schema" ? ownSchema : undefined;
}

/** `format()`: its template with every specifier replaced; `%%`, positions and widths as Postgres reads them. */
function foldFormat(args: readonly unknown[], ownSchema: string): FoldedText {
  const [first, ...rest] = args;
  const template = foldText(first, ownSchema);
  if (!template.certain) return template;
  let next = 0;
  const parts: FoldedText[] = [];
  let end = 0;
  for (const found of template.text.matchAll(/%(?:(\d+)\$)?-?(?:\d+|\*(?:\d+\$)?)?([%sIL])/g)) {
    parts.push({ text: template.text.slice(end, found.index), certain: true });
    end = found.index + found[0].length;
    if (found[2] === "%") {
      parts.push({ text: "%", certain: true });
      continue;
    }
    if (found[1]) next = Number(found[1]) - 1;
    const value = rest[next++];
    if (found[2] === "I") parts.push(foldIdentifier(value, ownSchema));
    else if (found[2] === "L") parts.push(foldLiteral(value, ownSchema));
    else parts.push(foldText(value, ownSchema));
  }
  return join([...parts, { text: template.text.slice(end), certain: true }]);
}

function foldLiteral(expression: unknown, ownSchema: string): FoldedText {
  const value = literalText(expression, ownSchema) ?? UNKNOWN_NAME;
  return { text: `'${value.replaceAll("'", "''")}'`, certain: true };
}

function join(parts: readonly FoldedText[]): FoldedText {
  return { text: parts.map(({ text }) => text).join(""), certain: parts.every(({ certain }) => certain) };
}

/** The expression of a parsed `SELECT <expression>`. */
export function selectedExpression(fields: Tree): unknown {
  return unwrap(asList(fields.targetList)[0], "ResTarget")?.val;
}

/** The name of a function's language, lower-case as Postgres folds it. */
export function languageOf(options: ReadonlyMap<string, unknown>): string | undefined {
  const value = options.get("language");
  return value === undefined ? undefined : asText(asTree(asTree(value)?.String)?.sval).toLowerCase();
}
