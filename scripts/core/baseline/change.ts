import { changeColumns } from "./columns.ts";
import { type Definition, orderDefinitions } from "./order.ts";
import { changeInPlace, findRemade, remakeEnums } from "./remake.ts";
import { belongsTo, dropOf, indexByKey, isTable, keyOf, tableOf, type WrittenSchema } from "./written.ts";

/** What is of a table's own making stands before its indexes, views and triggers; types and functions before that. */
const TABLES = 2;

/**
 * The statements that lead from one state of a schema to another, data kept; what it cannot tell how to change in
 * place is made anew. Whether it gets there, a comparison must tell.
 */
export function renderChange(from: WrittenSchema, to: WrittenSchema): string {
  const [before, after] = [from, to].map(({ definitions, needs }) =>
    orderDefinitions(definitions, needs),
  ) as [Definition[], Definition[]];
  const both = { was: indexByKey(before), is: indexByKey(after) };
  const { was, is } = both;
  const columns = changeColumns(from, to, both);
  const enums = remakeEnums(from, to, both);
  const anew = findRemade(from, { ...both, retyped: new Set([...columns.retyped, ...enums.retyped]) });
  const gone = before.filter((one) => !is.has(keyOf(one)) || anew.has(keyOf(one))).reverse();
  const goneTables = new Set(gone.filter(isTable).map(tableOf));
  const drops = gone.filter((one) => isTable(one) || !belongsTo(one, goneTables));
  const makes = after.flatMap((one) => {
    const old = was.get(keyOf(one));
    if (!old || anew.has(keyOf(one))) return columns.defaults.has(keyOf(one)) ? [] : [one];
    const change = changeInPlace(old, one);
    return change.length > 0 ? [{ ...one, create: change }] : [];
  });
  const early = makes.filter(({ phase }) => phase < TABLES);
  const bodies = early.some(({ create }) => create.some((text) => /^CREATE OR REPLACE /.test(text)));
  const makeEarly = (one: Definition) =>
    enums.statements.get(keyOf(one)) ?? (anew.has(keyOf(one)) ? [...dropOf(one), ...one.create] : one.create);
  return [
    ...(bodies ? ["SET LOCAL check_function_bodies = off"] : []),
    ...drops.filter(({ phase }) => phase >= TABLES).flatMap(dropOf),
    ...early.flatMap(makeEarly),
    ...columns.statements,
    ...makes.filter(({ phase }) => phase >= TABLES).flatMap(({ create }) => create),
    ...drops.filter((one) => one.phase < TABLES && !anew.has(keyOf(one))).flatMap(dropOf),
    ...enums.late,
  ]
    .map((statement) => `${statement.trimEnd().replace(/;$/, "")};\n`)
    .join("\n");
}
