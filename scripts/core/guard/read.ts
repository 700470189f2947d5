import { readCode } from "./body.ts";
import { type ReadContext, type Reading, type ReadScript, runText } from "./reading.ts";
import { optionsOf } from "./tree.ts";
import { makeUnit, type Source } from "./unit.ts";

/** Bodies within bodies are read this deep. */
const MAX_DEPTH = 6;

/** pg_catalog's functions that run a text as SQL, with the position of that text among their arguments. */
const QUERY_FUNCTIONS: ReadonlyMap<string, number> = new Map([
  ["query_to_xml", 0],
  ["query_to_xmlschema", 0],
  ["query_to_xml_and_xmlschema", 0],
  ["ts_stat", 0],
  ["ts_rewrite", 1],
  ["crosstab", 0],
]);

/** Takes a script apart by PostgreSQL's own parsers. */
export function readScript(sql: string, context: ReadContext): ReadScript {
  const found: ReadScript = { units: [], remarks: [] };
  const parsed = context.parser.parseSql(sql);
  if (!parsed.ok) {
    found.remarks.push({ rule: "syntax", offset: parsed.error.offset, message: parsed.error.message });
    return found;
  }
  for (const { node, start, end } of parsed.statements) {
    const text = sql.slice(start, end);
    const source: Source = { file: sql, start, end, text, origin: "script", at: parsed.indexOf };
    readStatement(node, source, { ...context, found, depth: 0, readStatement });
  }
  return found;
}

function readStatement(node: unknown, source: Source, reading: Reading): void {
  const unit = makeUnit(node, source);
  reading.found.units.push(unit);
  if (reading.depth >= MAX_DEPTH) return;
  const deeper = { ...reading, depth: reading.depth + 1 };
  if (unit.kind === "DoStmt") {
    const origin = source.origin === "function" ? "function" : "do";
    readCode(optionsOf(unit.fields.args), { ...source, origin }, deeper);
  }
  if (unit.kind === "CreateFunctionStmt") {
    readCode(optionsOf(unit.fields.options), { ...source, origin: "function" }, deeper);
  }
  for (const call of unit.names.calls) {
    const position = QUERY_FUNCTIONS.get(call.name);
    if (position === undefined) continue;
    const offset = unit.place({ location: call.location });
    runText(call.args[position], { source, offset, what: `${call.name}() runs` }, deeper);
  }
}
