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

/** Whether the head of a down.sql says that it was proven; {@link isProven} tells whether that still holds. */
export function claimsProof(down: string): boolean {
  return PROOF.test(unixLines(down));
}

/** What a down.sql says after its migration got another name or place, or another head. */
export interface DownChange {
  migration: string;
  /** The migration.sql beside it. */
  up: string;
  /** What a new proof has found; absent: none was made, and the former one stays where there was one. */
  proof?: { proven: boolean; notes: readonly string[] };
  /** The migration.sql that was beside it when it was proven. */
  formerUp: string;
}

/** The same down.sql under a new head; what people wrote into the old one stays. */
export function changeDownFile(down: string, { migration, up, proof, formerUp }: DownChange): string {
  const { head, sql } = splitHead(unixLines(down));
  const found = /^(?:Undoes .*\.$|proven: |NOT PROVEN: )/;
  const kept = head.filter((line) => !found.test(line));
  const stays = proof?.proven ?? isProven(down, formerUp);
  const failed = proof ? [] : head.filter((line) => line.startsWith("NOT PROVEN: "));
  return renderDownFile({
    migration,
    sql,
    notes: [...new Set([...failed, ...kept, ...(proof?.notes ?? [])])],
    provenWith: stays ? up : undefined,
  });
}

/** The comment lines at a script's beginning, without their dashes, and what follows them. */
function splitHead(text: string): { head: string[]; sql: string } {
  const start = text.search(/^(?!--)/m);
  const end = start === -1 ? text.length : start;
  const lines = text.slice(0, end).split("\n");
  const head = lines.filter((line) => line.startsWith("--")).map((line) => line.replace(/^-- ?/, ""));
  return { head, sql: text.slice(end).replace(/^\n/, "") };
}

/** Whether a down.sql is the one that was proven, with the migration.sql beside it; line endings don't matter. */
export function isProven(down: string, migration: string): boolean {
  const text = unixLines(down);
  const [, recorded] = PROOF.exec(text) ?? [];
  if (recorded === undefined) return false;
  return recorded === proofOf(migration, splitHead(text).sql);
}

/** A digest of both scripts, so that a change of either makes the proof void. */
function proofOf(migration: string, down: string): string {
  return hash("sha256", `${unixLines(migration)}\0${unixLines(down)}`);
}

function unixLines(text: string): string {
  return text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
}
