import { type Drop, renderLoss } from "./drops.ts";

/**
 * What undoing a migration costs, for the people who are asked: what the head of down.sql says, or, where it says
 * nothing, what the script drops.
 */
export function describeLosses(down: string, drops: readonly Drop[]): string[] {
  const written = readNotes(down);
  return written.length > 0 ? written : drops.flatMap((drop) => renderLoss(drop) ?? []);
}

/** Lines that only the tool, its linter or its guard reads. */
const MARKS =
  /^(?:Undoes .*\.$|proven: |depends-on: |replaces: |transfer(?:s|red): |schemata:allow\b|squawk-ignore)/;

/** What Prisma writes above each of its statements, such as `DropForeignKey`. */
const PRISMA = /^(?:Add|Alter|Create|Drop|Recreate|Redefine|Rename)(?:[A-Z][a-z]+)+$/;

/**
 * The comment lines at the beginning, before the first statement, that are written for people. Those right above that
 * statement are about it alone, unless they are also the file's first.
 */
function readNotes(down: string): string[] {
  const blocks: string[][] = [[]];
  for (const line of down.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/)) {
    const [, comment] = /^\s*--+\s*(.*?)\s*$/.exec(line) ?? [];
    if (comment !== undefined) blocks.at(-1)?.push(comment);
    else if (line.trim() !== "") {
      if (blocks.length > 1) blocks.pop();
      break;
    } else if (blocks.at(-1)?.length !== 0) blocks.push([]);
  }
  return blocks.flat().filter((note) => note !== "" && !MARKS.test(note) && !PRISMA.test(note));
}
