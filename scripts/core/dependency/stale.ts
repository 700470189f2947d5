import type { CheckFinding } from "../check/finding.ts";
import { locate } from "../locate.ts";
import { readBlocks } from "../schemaBlocks.ts";
import { readTokens, type Span, unquoteString } from "../schemaText.ts";
import { compareRepeated } from "./compare.ts";
import { fieldsOfType, pairRepeated, type SchemaSource } from "./repeated.ts";

/**
 * What a schema file repeats of other services and these no longer have so, and schemas that it lists and nobody
 * owns; `owned` are those that somebody does.
 */
export function findStale(
  source: SchemaSource,
  { sources, owned }: { sources: readonly SchemaSource[]; owned: readonly string[] },
): CheckFinding[] {
  const { name, schemaFile } = source.service;
  const common = { service: name, part: "dependency" as const, file: schemaFile };
  const at = ({ start }: Span) => locate(source.text, start);
  const stale = pairRepeated(source, sources).flatMap((pair) =>
    compareRepeated(pair, source).map((difference): CheckFinding => {
      const { definition } = pair;
      const stuck = difference.kind === "gone" && fieldsOfType(source, definition.name).length > 0;
      return {
        ...common,
        rule: definition.kind === "model" ? "stale-model" : "stale-enum",
        severity: "error",
        ...at(difference),
        message: difference.message,
        fix: stuck
          ? `take ${definition.name} and the fields of its type out of ${schemaFile}, then make revision app=${name} m="…"`
          : `make sync app=${name}`,
      };
    }),
  );
  return [...stale, ...findUnowned(source, owned).map((one) => ({ ...common, ...one }))];
}

function findUnowned(
  { service, text }: SchemaSource,
  owned: readonly string[],
): Pick<CheckFinding, "rule" | "severity" | "line" | "column" | "message" | "fix">[] {
  const value = readBlocks(text)
    .find(({ kind }) => kind === "datasource")
    ?.members.find(({ name }) => name === "schemas")?.value;
  return service.schemas.slice(1).flatMap((schema) => {
    if (owned.includes(schema)) return [];
    const written = value && text.slice(value.start, value.end);
    const token = readTokens(written ?? "").find(
      ({ kind, text: name }) => kind === "string" && unquoteString(name) === schema,
    );
    return [
      {
        rule: "unowned-schema",
        severity: "warning" as const,
        ...locate(text, (value?.start ?? 0) + (token?.start ?? 0)),
        message: `no service of this workspace owns the schema "${schema}", so nobody can tell whether what is repeated of it is so`,
        fix: `correct schemas in ${service.schemaFile}, or take "${schema}" out of it`,
      },
    ];
  });
}
