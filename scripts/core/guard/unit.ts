import { nextToken } from "../lexer.ts";
import { readNames, type StatementNames } from "./names.ts";
import { opened, type Tree } from "./tree.ts";

/** Where a statement stands: in the script itself, in a block that runs at once, or in a body that runs later. */
export type Origin = "script" | "do" | "function";

/** One statement to be judged, wherever it was found. */
export interface Unit {
  kind: string;
  fields: Tree;
  origin: Origin;
  names: StatementNames;
  /** JavaScript string index in the file; a location or a name makes it more precise. */
  place(hint?: PlaceHint): number;
}

/** What of a statement a finding is about. */
export interface PlaceHint {
  location?: number | undefined;
  schema?: string | undefined;
}

/** Something found while reading, before rules are asked: a body that cannot be read, a text that cannot be known. */
export interface Remark {
  rule: "dynamic-sql" | "unreadable-body" | "syntax" | "transaction-control" | "foreign-schema";
  offset: number;
  message: string;
}

/** A piece of SQL somewhere in a file. */
export interface Source {
  /** The whole file, and the part of it to search for names. */
  file: string;
  start: number;
  end: number;
  /** The statement's own text, which a body has only in quoted form in the file. */
  text: string;
  origin: Origin;
  /** Turns a UTF-8 byte offset of the parsed text into a JavaScript string index of the file. */
  at(location: number): number;
}

/** Makes a unit of a parsed statement. */
export function makeUnit(node: unknown, source: Source): Unit {
  const [kind, fields] = opened(node);
  return {
    kind,
    fields,
    origin: source.origin,
    names: readNames(node),
    place: (hint) => placeIn(source, hint),
  };
}

function placeIn(source: Source, hint: PlaceHint = {}): number {
  if (hint.location !== undefined) return source.at(hint.location);
  return (hint.schema !== undefined && findQualifier(source, hint.schema)) || source.start;
}

/** Where a schema's name stands before a dot, or at least where it stands at all. */
function findQualifier({ file, start, end }: Source, schema: string): number | undefined {
  let alone: number | undefined;
  for (
    let token = nextToken(file, start);
    token.start < end && token.kind !== "end";
    token = nextToken(file, token.end)
  ) {
    if (token.kind === "broken") break;
    if (token.kind === "body" || token.kind === "string" || token.kind === "symbol") continue;
    const text = file.slice(token.start, token.end);
    const name = token.kind === "name" ? text.slice(1, -1).replaceAll('""', '"') : text.toLowerCase();
    if (name !== schema) continue;
    const next = nextToken(file, token.end);
    if (file[next.start] === ".") return token.start;
    alone ??= token.start;
  }
  return alone;
}
