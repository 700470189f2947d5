import type { CheckFinding } from "../../core/check/finding.ts";
import { findStale } from "../../core/dependency/stale.ts";
import type { Service } from "../../core/service.ts";
import { readSources } from "./sources.ts";

/** What some services repeat of others and is stale; the schema files of those that they list are read. */
export function findStaleModels(chosen: readonly Service[], services: readonly Service[]): CheckFinding[] {
  const listed = new Set(chosen.flatMap(({ schemas }) => schemas));
  const sources = readSources(services.filter(({ schema }) => listed.has(schema)));
  const owned = services.map(({ schema }) => schema);
  return sources
    .filter(({ service }) => chosen.some(({ name }) => name === service.name))
    .flatMap((source) => findStale(source, { sources, owned }));
}
