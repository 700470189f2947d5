import { parseDependsOn } from "../../core/dependsOn.ts";
import type { Service } from "../../core/service.ts";
import { isSameTransfer, parseMark } from "../../core/transfer/transfer.ts";
import { readMigrations, readScript } from "../workspace.ts";

/** The services at the other end of the transfers that some of a service's migrations are halves of. */
export function findPartners(
  service: Service,
  names: readonly string[],
  services: readonly Service[],
): Service[] {
  const schemas = new Set<string>();
  for (const migration of readMigrations(service)) {
    if (!names.includes(migration.name)) continue;
    const { transfer } = parseMark(readScript(service, migration)) ?? {};
    if (transfer) schemas.add(transfer.from === service.schema ? transfer.to : transfer.from);
  }
  return services.filter((one) => !one.problem && schemas.has(one.schema));
}

/** A migration of another service that has to run before one that moves. */
export interface Arrival {
  schema: string;
  up: string;
}

/** What moves the table that a script lets go; `undefined`: the script lets none go, or nothing moves it. */
export function findArrival(sql: string, services: readonly Service[]): Arrival | undefined {
  const mark = parseMark(sql);
  if (mark?.half !== "departure" || !mark.transfer) return undefined;
  const { transfer } = mark;
  const partner = services.find(({ schema, problem }) => schema === transfer.to && !problem);
  if (!partner) return undefined;
  const named = parseDependsOn(sql).flatMap((one) => (one.service === partner.name ? [one.migration] : []));
  for (const migration of readMigrations(partner)) {
    if (!named.includes(migration.name)) continue;
    const up = readScript(partner, migration);
    const other = parseMark(up);
    if (other?.half === "arrival" && other.transfer && isSameTransfer(other.transfer, transfer))
      return { schema: partner.schema, up };
  }
  return undefined;
}
