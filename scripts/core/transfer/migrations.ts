import { type Dependency, renderDependsOn } from "../dependsOn.ts";
import { renderLeave, renderMove } from "./sql.ts";
import { type Half, renderMark, type Transfer } from "./transfer.ts";

/** Rules of the guard that the two migrations break by their nature. */
const BROKEN: Readonly<Record<Half, readonly string[]>> = {
  arrival: ["foreign-schema", "ownership", "grant", "dynamic-sql"],
  departure: ["schema-ddl", "move-object"],
};

interface Surroundings {
  dependsOn: readonly Dependency[];
  /** Names of the services. */
  from: string;
  to: string;
}

/** migration.sql of the service that gets the table: it moves it. */
export function renderArrival(transfer: Transfer, around: Surroundings): string {
  return `${renderHead("arrival", transfer, around)}\n${renderMove(transfer)}`;
}

/** migration.sql of the service that loses the table: it agrees, and its history knows from here on. */
export function renderDeparture(transfer: Transfer, around: Surroundings): string {
  return `${renderHead("departure", transfer, around)}\n${renderLeave(transfer)}`;
}

function renderHead(half: Half, transfer: Transfer, { dependsOn, from, to }: Surroundings): string {
  const lines = [
    ...dependsOn.map(renderDependsOn),
    renderMark(half, transfer),
    ...BROKEN[half].map(
      (rule) =>
        `-- schemata:allow ${rule} because a table moves from ${from} to ${to}, and this is what schemata transfer writes`,
    ),
  ];
  // A name may hold a line break, which would end the comment.
  return lines.map((line) => `${line.replaceAll(/[\r\n]+/g, " ")}\n`).join("");
}
