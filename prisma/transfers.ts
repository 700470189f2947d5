import type { Service } from "../scripts/core/service.ts";
import { quoteIdent, quoteLiteral } from "../scripts/core/sql.ts";
import { ALONE } from "../scripts/core/transfer/sql.ts";
import { type Half, parseMark, type Transfer } from "../scripts/core/transfer/transfer.ts";
import { readMigrations, readScript } from "../scripts/io/workspace.ts";

/** What a service's own history has to find, where it is replayed without the others', of tables that came or went. */
export interface LoneTransfers {
  /** Schemas that tables came from. */
  origins: string[];
  /** Statements to be run last. */
  statements: string[];
}

/** Reads a service's history for halves of transfers; most have none. */
export function readLoneTransfers(service: Service): LoneTransfers {
  const halves = readMigrations(service).flatMap((migration) => {
    const mark = parseMark(readScript(service, migration));
    return mark?.transfer ? [{ half: mark.half, transfer: mark.transfer }] : [];
  });
  const first = new Map<string, { half: Half; transfer: Transfer }>();
  for (const one of halves) {
    const { table, from, to } = one.transfer;
    const key = JSON.stringify([table, one.half === "arrival" ? from : to]);
    if (!first.has(key)) first.set(key, one);
  }
  // What the others' histories have put there, this one will put there itself.
  const drops = [...first.values()].flatMap(({ half, transfer: { table, to, types } }) => {
    const drop = (kind: string, name: string) =>
      `DROP ${kind} IF EXISTS ${quoteIdent(to)}.${quoteIdent(name)} CASCADE`;
    return half === "arrival" ? [] : [drop("TABLE", table), ...types.map((type) => drop("TYPE", type))];
  });
  return {
    origins: halves.flatMap(({ half, transfer }) => (half === "arrival" ? [transfer.from] : [])),
    statements:
      halves.length === 0
        ? []
        : [...drops, `SELECT set_config(${quoteLiteral(ALONE)}, ${quoteLiteral(service.schema)}, false)`],
  };
}

/** Whether a script lets a table go to the service, whose own history will take it. */
export function isLeftTo({ schema }: Service, script: string): boolean {
  const mark = parseMark(script);
  return mark?.half === "departure" && mark.transfer?.to === schema;
}
