import { asText, asTree, type Tree } from "./tree.ts";

/** A part of a PL/pgSQL body that is SQL itself. */
export interface BodyPart {
  /** `dynamic` parts are expressions whose value is run as SQL. */
  kind: "statement" | "expression" | "assignment" | "dynamic" | "type" | "transaction-end";
  text: string;
  /** Counts from 1 at the body's first line. */
  line: number;
}

/** RawParseMode of PostgreSQL's parser. */
const MODES: Readonly<Record<number, BodyPart["kind"]>> = {
  0: "statement",
  2: "expression",
  3: "assignment",
  4: "assignment",
  5: "assignment",
};

/** Every part of a body that is SQL, from the tree that PL/pgSQL's own parser made of it. */
export function readBody(tree: unknown): BodyPart[] {
  const parts: BodyPart[] = [];
  walk(tree, { line: 1, parent: "", field: "" }, parts);
  return parts;
}

interface Place {
  line: number;
  parent: string;
  field: string;
}

function walk(value: unknown, place: Place, parts: BodyPart[]): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, place, parts);
    return;
  }
  const node = asTree(value);
  if (!node) return;
  for (const [key, child] of Object.entries(node)) {
    const fields = asTree(child);
    if (key.startsWith("PLpgSQL_") && fields) {
      const line = typeof fields.lineno === "number" && fields.lineno > 0 ? fields.lineno : place.line;
      readNode(key, fields, { ...place, line }, parts);
      walk(fields, { line, parent: key, field: "" }, parts);
    } else if (typeof child === "object") walk(child, { ...place, field: key }, parts);
  }
}

function readNode(kind: string, fields: Tree, { line, parent, field }: Place, parts: BodyPart[]): void {
  if (kind === "PLpgSQL_expr") {
    const mode = typeof fields.parseMode === "number" ? fields.parseMode : 0;
    const dynamic = field === "dynquery" || (field === "query" && /_(dynexecute|dynfors)$/.test(parent));
    parts.push({
      kind: dynamic ? "dynamic" : (MODES[mode] ?? "statement"),
      text: asText(fields.query),
      line,
    });
  } else if (kind === "PLpgSQL_type") {
    // Only a qualified type can be another schema's.
    const text = asText(fields.typname);
    if (text.includes(".")) parts.push({ kind: "type", text, line });
  } else if (kind === "PLpgSQL_stmt_commit" || kind === "PLpgSQL_stmt_rollback") {
    parts.push({ kind: "transaction-end", text: kind.endsWith("commit") ? "COMMIT" : "ROLLBACK", line });
  }
}
