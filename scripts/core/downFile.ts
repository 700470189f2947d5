import { hash } from "node:crypto";

/** A reversal as it was found to be. */
export interface DownScript {
  /** The migration's name. */
  migration: string;
  sql: string;
  /** Whole sentences for the head of the file. */
  notes: readonly string[];
  /** The migration.sql that it was proven with; absent: it was not. */
  provenWith?: string | undefined;
}

const PROOF = /^-- proven: ([0-9a-f]{64})$/m;

/** down.sql: what it undoes, the proof, what it costs, then the script. */
export function renderDownFile({ migration, sql, notes, provenWith }: DownScript): string {
  const head = [
    `Undoes ${migration}.`,
    ...(provenWith === undefined ? [] : [`proven: ${proofOf(provenWith, sql)}`]),
    ...notes,
  ];
  // A name may hold a line break, which would end the comment.
  const comment = head.map((line) => `-- ${line.replaceAll(/[\r\n]+/g, " ")}\n`).join("");
  return sql === "" ? comment : `${comment}\n${sql}`;
}

/** Whether a down.sql is the one that was proven, with the migration.sql beside it; line endings don't matter. */
export function isProven(down: string, migration: string): boolean {
  const text = unixLines(down);
  const [, recorded] = PROOF.exec(text) ?? [];
  if (recorded === undefined) return false;
  const start = text.search(/^(?!--)/m);
  return recorded === proofOf(migration, start === -1 ? "" : text.slice(start).replace(/^\n/, ""));
}

/** A digest of both scripts, so that a change of either makes the proof void. */
function proofOf(migration: string, down: string): string {
  return hash("sha256", `${unixLines(migration)}\0${unixLines(down)}`);
}

function unixLines(text: string): string {
  return text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
}
