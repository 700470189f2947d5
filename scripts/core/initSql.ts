import { declaredExtensions, renderExtensions } from "./extensions.ts";
import { renderAdoption, renderOwnership } from "./roles.ts";
import type { Service } from "./service.ts";

/** The key, in SQL, of the advisory lock that whoever runs init.sql or a part of it holds: two at once would collide. */
export const INIT_LOCK = "hashtext('schemata init.sql')";

const HEAD = `-- What every service needs in the shared database before its first migration.
-- Runs whenever the server starts, so every statement must bear being run again.
-- Generated from services/: schemata init-sql --write`;

/** The text of init.sql; the same services give the same bytes, whatever their order. */
export function renderInitSql(services: readonly Pick<Service, "name" | "schema" | "extensions">[]): string {
  const sections = services
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((service) => renderSection(service).join("\n"));
  const schemas = services.map(({ schema }) => schema).toSorted();
  const tail =
    schemas.length === 0 ? [] : [`-- What was made before the roles were\n${renderAdoption(schemas)}`];
  return `${[HEAD, ...renderShared(schemas), ...renderAllExtensions(services), ...sections, ...tail].join("\n\n")}\n`;
}

/** Nobody makes objects in the schema that is everybody's, unless a service owns it. */
function renderShared(schemas: readonly string[]): string[] {
  return schemas.includes("public") ? [] : ["REVOKE CREATE ON SCHEMA public FROM PUBLIC;"];
}

function renderAllExtensions(services: readonly Pick<Service, "extensions">[]): string[] {
  const statements = renderExtensions(declaredExtensions(services));
  return statements.length === 0 ? [] : [["-- Extensions, for every service", ...statements].join("\n")];
}

function renderSection({ name, schema }: Pick<Service, "name" | "schema">): string[] {
  return [`-- ${renderName(name)}`, ...renderOwnership(schema)];
}

/** A folder's name may hold a line break, which would end the comment. */
function renderName(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : JSON.stringify(name).replaceAll(/[\u2028\u2029\u0085]/g, " ");
}
