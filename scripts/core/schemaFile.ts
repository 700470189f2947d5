import type { Failure } from "./errors.ts";
import { eachToken, OPAQUE, unquoteString } from "./schemaText.ts";

/** Postgres cuts longer identifiers, so a longer schema name would not be found again. */
const MAX_IDENTIFIER_BYTES = 63;

/** What of a schema file decides where a service's migrations go: `schemas` of its datasource block, own schema first. */
export type ParsedSchemaFile = { schemas: [string, ...string[]] } | { problem: Failure };

/**
 * Reads `schemas` from the datasource block of a Prisma schema file; all else is Prisma's own parser's to judge.
 * `service` and `file` appear in the problems only.
 */
export function parseSchemaFile(
  text: string,
  { service, file }: { service: string; file: string },
): ParsedSchemaFile {
  const example = `write schemas = ["${service.replaceAll('"', '\\"')}"] in the datasource block of ${file}`;
  const block = datasourceBlock(text);
  if (!block) {
    return { problem: { fact: `${service}: ${file} has no datasource block`, fix: example } };
  }
  const schemas = stringList(block, "schemas");
  const [own, ...others] = schemas ?? [];
  if (own === undefined) {
    return {
      problem: {
        fact: `${service}: ${file} names no schema of its own`,
        why: "the first entry of schemas is the Postgres schema that the service owns",
        fix: example,
      },
    };
  }
  const bad = [own, ...others].find(
    (name) => name === "" || name.includes("\0") || byteLength(name) > MAX_IDENTIFIER_BYTES,
  );
  if (bad !== undefined) {
    return {
      problem: {
        fact: `${service}: ${file} names the schema "${bad}"`,
        why: `a Postgres name has 1 to ${MAX_IDENTIFIER_BYTES} bytes, this one ${byteLength(bad)}`,
        fix: `choose a shorter name in ${file}`,
      },
    };
  }
  if (own.startsWith("pg_") || own === "information_schema") {
    return {
      problem: {
        fact: `${service}: ${file} names the schema "${own}"`,
        why: "Postgres keeps that name for itself",
        fix: `choose another name in ${file}`,
      },
    };
  }
  if (own === "$user") {
    return {
      problem: {
        fact: `${service}: ${file} names the schema "${own}"`,
        why: "in a search path Postgres takes it, even quoted, for the name of the login",
        fix: `choose another name in ${file}`,
      },
    };
  }
  return { schemas: [own, ...others] };
}

/** The extensions that the datasource block of a Prisma schema file declares, by their names in the database. */
export function parseExtensions(text: string): string[] {
  const block = datasourceBlock(text) ?? [];
  const start = block.findIndex(
    (token, index) => token === "extensions" && block[index + 1] === "=" && block[index + 2] === "[",
  );
  if (start === -1) return [];
  const names: string[] = [];
  let depth = 0;
  for (let index = start + 3; index < block.length && block[index] !== "]"; index++) {
    const token = block[index] ?? "";
    if (token === "(") depth += 1;
    else if (token === ")") depth -= 1;
    else if (depth === 0 && /^\w/.test(token)) names.push(token);
    // `uuid(map: "uuid-ossp")`: the name in brackets is the database's.
    else if (block[index - 2] === "map" && token.startsWith('"')) names.splice(-1, 1, unquoteString(token));
  }
  return names;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/**
 * A schema file with nothing but its datasource and generators, each on its lines: all that the engine needs to know
 * where it is. Many models take it tens of milliseconds each time.
 */
export function withoutModels(text: string): string {
  let kept = "";
  let end = 0;
  let depth = 0;
  let isSetting = false;
  const moveTo = (index: number) => {
    const part = text.slice(end, index);
    kept += isSetting ? part : part.replaceAll(/[^\n]+/g, "");
    end = index;
  };
  // Only braces and the beginnings of settings count: less to collect than tokens.
  for (const { 0: found, index } of text.matchAll(LANDMARK)) {
    if (found === "{") depth += 1;
    else if (found === "}") {
      depth -= 1;
      if (depth > 0) continue;
      moveTo(index + 1);
      isSetting = false;
    } else if (/^[dg]/.test(found) && depth === 0 && !isSetting) {
      moveTo(index);
      isSetting = true;
    }
  }
  moveTo(text.length);
  return kept;
}

const LANDMARK = new RegExp(`${OPAQUE}|[{}]|(?<![\\w-])(?:datasource|generator)\\s+[\\w-]+\\s*(?=\\{)`, "gu");

/** The tokens in the braces of the datasource block; strings keep their opening quote, so that none passes for punctuation. */
function datasourceBlock(text: string): string[] | undefined {
  let block: string[] | undefined;
  let depth = 0;
  let [last, lastButOne] = ["", ""];
  for (const { kind, text: token } of eachToken(text)) {
    if (kind === "newline" || kind === "comment") continue;
    if (block && token === "}") return block;
    if (block) block.push(token);
    else if (token === "{" && depth === 0 && lastButOne === "datasource") block = [];
    else if (token === "{") depth += 1;
    else if (token === "}") depth -= 1;
    [last, lastButOne] = [token, last];
  }
  return block;
}

function stringList(block: string[], name: string): string[] | undefined {
  const start = block.findIndex(
    (token, index) => token === name && block[index + 1] === "=" && block[index + 2] === "[",
  );
  if (start === -1) return undefined;
  const end = block.indexOf("]", start);
  return (
    block
      .slice(start + 3, end === -1 ? undefined : end)
      .filter((token) => token.startsWith('"'))
      // One that the line breaks off is no name.
      .map((token) => (/^".*"$/.test(token) ? unquoteString(token) : ""))
  );
}
