import type { Service } from "../scripts/core/service.ts";
import { quoteIdent } from "../scripts/core/sql.ts";
import { readMigrations, readScript } from "../scripts/io/workspace.ts";
import { SCRIPT_BREAK } from "./engine/scriptBreak.ts";

/**
 * SQL that makes, in an empty database, the schemas a service depends on, from the migrations of the services that
 * own them, each after those that it depends on itself. A circle is broken where it closes.
 */
export function renderShadowSetup(service: Service, services: readonly Service[]): string {
  const parts: string[] = [];
  const done = new Set<string>([service.schema]);
  const add = (schema: string): void => {
    if (done.has(schema)) return;
    done.add(schema);
    const owner = services.find((candidate) => candidate.schema === schema && !candidate.problem);
    for (const needed of owner?.schemas.slice(1) ?? []) add(needed);
    parts.push(`CREATE SCHEMA IF NOT EXISTS ${quoteIdent(schema)}`);
    if (!owner) return;
    for (const migration of readMigrations(owner)) {
      // Each anew, since a migration may leave another search path behind.
      parts.push(renderSearchPath(schema), readScript(owner, migration));
    }
  };
  for (const schema of service.schemas.slice(1)) add(schema);
  parts.push(renderSearchPath(service.schema));
  return parts.join(`\n;\n${SCRIPT_BREAK}\n`);
}

function renderSearchPath(schema: string): string {
  return `SET search_path TO ${quoteIdent(schema)}`;
}
