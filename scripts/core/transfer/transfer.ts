import { headLines } from "../dependsOn.ts";

/** A table that goes from one service's schema to another's, with what goes along by name. */
export interface Transfer {
  table: string;
  from: string;
  to: string;
  /** Enum types that only this table uses. */
  types: readonly string[];
  /** Extended statistics of the table, which do not follow it by themselves. */
  statistics: readonly string[];
}

/** The two migrations of a transfer: the one that moves the table, the new owner's, and the one that lets it go. */
export type Half = "arrival" | "departure";

const MARK: Readonly<Record<Half, string>> = { arrival: "transfers", departure: "transferred" };
const LINE = /^-- (transfers|transferred): (.*)$/s;

/** The line in the head of a migration by which it is known as half of a transfer; stock Prisma takes it for a comment. */
export function renderMark(half: Half, { table, from, to, types, statistics }: Transfer): string {
  const parts = {
    ...{ table, from, to },
    ...(types.length > 0 && { types }),
    ...(statistics.length > 0 && { statistics }),
  };
  return `-- ${MARK[half]}: ${JSON.stringify(parts)}`;
}

/** What a script's head says of itself; `undefined`: nothing. What it says that nobody can read has no `transfer`. */
export function parseMark(script: string): { half: Half; transfer: Transfer | undefined } | undefined {
  if (!script.includes("-- transfer")) return undefined;
  for (const line of headLines(script)) {
    const [, mark, text = ""] = LINE.exec(line) ?? [];
    if (mark === undefined) continue;
    return { half: mark === MARK.arrival ? "arrival" : "departure", transfer: readParts(text) };
  }
  return undefined;
}

function readParts(text: string): Transfer | undefined {
  try {
    const { table, from, to, types = [], statistics = [] } = JSON.parse(text);
    const names = [table, from, to, ...types, ...statistics];
    return names.every((name) => typeof name === "string" && name !== "")
      ? { table, from, to, types, statistics }
      : undefined;
  } catch {
    return undefined;
  }
}

/** The way back. */
export function reverseTransfer(transfer: Transfer): Transfer {
  return { ...transfer, from: transfer.to, to: transfer.from };
}

/** Whether two of them are about the same table, types and schemas. */
export function isSameTransfer(a: Transfer, b: Transfer): boolean {
  return renderMark("arrival", a) === renderMark("arrival", b);
}
