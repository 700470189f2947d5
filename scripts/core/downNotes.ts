import { type Drop, renderLoss } from "./drops.ts";

/**
 * What undoing a migration costs, for the people who are asked: what the head of down.sql says, or, where it says
 * nothing, what the script drops.
 */
export function describeLosses(down: string, drops: readonly Drop[]): string[] {
  const written = readNotes(down);
  return written.length > 0 ? written : drops.flatMap((drop) => renderLoss(drop) ?? []);
}

/** The comment lines before the first statement, without those that only the tool reads. */
function readNotes(down: string): string[] {
  const notes: string[] = [];
  for (const line of down.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/)) {
    const [, comment] = /^\s*--+\s*(.*?)\s*$/.exec(line) ?? [];
    if (comment === undefined) {
      if (line.trim() !== "") break;
    } else if (comment !== "" && !/^(?:Undoes \S+\.$|proven: |depends-on: )/.test(comment))
      notes.push(comment);
  }
  return notes;
}
