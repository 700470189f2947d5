import { readSource, type SchemaSource } from "../../core/dependency/repeated.ts";
import type { Service } from "../../core/service.ts";
import { readSchemaFile } from "../revision/engine.ts";
import { readMigrations, readScript } from "../workspace.ts";

/** The schema files of those services that can be worked with. */
export function readSources(services: readonly Service[]): SchemaSource[] {
  return services
    .filter(({ problem }) => !problem)
    .map((service) => ({
      ...readSource(service, readSchemaFile(service)),
      history: () => readMigrations(service).map((migration) => readScript(service, migration)),
    }));
}
