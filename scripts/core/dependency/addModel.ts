import type { Definition } from "../models.ts";
import { readBlocks } from "../schemaBlocks.ts";
import { alignRun, fieldRuns } from "../schemaLayout.ts";
import { applyEdits, lineBreakOf, readTokens, type TextEdit } from "../schemaText.ts";
import { columnFields, keysOf } from "./columns.ts";
import { enumNamer, freeName, renderNewEnums } from "./newEnums.ts";
import { renderBlock, renderField, renderPlace } from "./render.ts";
import type { SchemaSource } from "./repeated.ts";

/** The schema file with one more model repeated at its end: columns and keys, without relations; its schema is listed. */
export function addModel(
  source: SchemaSource,
  { owner, original }: { owner: SchemaSource; original: Definition },
): string {
  const { text } = source;
  const lineBreak = lineBreakOf(text);
  const name = freeName(original, source.definitions);
  const names = enumNamer(source, [name]);
  const passage = { source, owner, enumName: names.nameOf };
  const lines = columnFields(original, owner).map((field) => {
    const { type, attributes } = renderField(field, { name: field.field.name }, passage);
    return [field.field.name, type, ...attributes].join(" ");
  });
  const keys = keysOf(original)
    .filter(({ field }) => !field)
    .map(({ kind, fields }) => `@@${kind}([${fields.join(", ")}])`);
  const place = [...keys, ...renderPlace(original, name)];
  const block = renderBlock(`model ${name}`, { lines, place, lineBreak });
  const aligned = applyEdits(
    block,
    readBlocks(block).flatMap((one) => fieldRuns(block, one).flatMap((run) => alignRun(block, run))),
  );
  const end = /[\r\n]$/.test(text) ? "" : lineBreak;
  const enums = renderNewEnums(source, names);
  return (
    applyEdits(text, listSchemas(source, [original, ...names.added.map((one) => one.original)])) +
    end +
    lineBreak +
    aligned +
    enums
  );
}

/** The edit that lists the schemas of some definitions after those that are listed already; none where all are. */
function listSchemas({ service, text }: SchemaSource, definitions: readonly Definition[]): TextEdit[] {
  const wanted = new Set(definitions.map(({ schema }) => schema));
  const missing = [...wanted].filter((schema) => !service.schemas.includes(schema));
  const value = readBlocks(text)
    .find(({ kind }) => kind === "datasource")
    ?.members.find(({ name }) => name === "schemas")?.value;
  if (!value || missing.length === 0) return [];
  const last = readTokens(text.slice(value.start, value.end)).findLast(({ kind }) => kind === "string");
  const at = value.start + (last?.end ?? 1);
  return [{ start: at, end: at, text: missing.map((schema) => `, ${JSON.stringify(schema)}`).join("") }];
}
