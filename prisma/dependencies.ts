import { parseDependsOn } from "../scripts/core/dependsOn.ts";
import { EXTENSIONS_SCHEMA, renderExtensions } from "../scripts/core/extensions.ts";
import { namesOf, parseReplaces } from "../scripts/core/replaces.ts";
import type { Service } from "../scripts/core/service.ts";
import { quoteIdent } from "../scripts/core/sql.ts";
import { makesItself } from "../scripts/io/shadow/extensions.ts";
import { readMigrations, readScript } from "../scripts/io/workspace.ts";
import { SCRIPT_BREAK } from "./engine/scriptBreak.ts";
import { isLeftTo, readLoneTransfers } from "./transfers.ts";

/** A service whose migrations are being written down, one after the other. */
interface Course {
  service: Service;
  migrations: ReturnType<typeof readMigrations>;
  /** How many are written down, or being so. */
  next: number;
}

/**
 * SQL that makes, in an empty database, the schemas a service depends on, from the migrations of the services that
 * own them, each after what its depends-on lines name. Where these need some of the service itself, that is made first
 * and dropped in the end, since its own migrations are replayed next: what referred to it goes with it. `undefined`: there
 * is nothing to be set up.
 */
export function renderShadowSetup(service: Service, services: readonly Service[]): string | undefined {
  const { origins, statements } = readLoneTransfers(service);
  if (service.schemas.length < 2 && statements.length === 0) return undefined;
  const parts: string[] = [];
  const courses = new Map<string, Course>();
  const start = (owner: Service): Course => {
    const known = courses.get(owner.name);
    if (known) return known;
    const course = { service: owner, migrations: readMigrations(owner), next: 0 };
    courses.set(owner.name, course);
    if (owner !== service) for (const schema of owner.schemas.slice(1)) addSchema(schema);
    const extensions = (owner.extensions ?? []).filter((name) => !makesItself(owner, name));
    parts.push(...renderExtensions(extensions).map((statement) => statement.replace(/;$/, "")));
    parts.push(`CREATE SCHEMA IF NOT EXISTS ${quoteIdent(owner.schema)}`);
    return course;
  };
  /** Writes down a service's migrations up to one of them, or all. */
  const reach = (course: Course, last = course.migrations.length - 1): void => {
    for (let at = course.next; at <= last; at = course.next) {
      const migration = course.migrations[at];
      if (!migration) return;
      course.next += 1;
      const script = readScript(course.service, migration);
      if (isLeftTo(service, script)) continue;
      for (const needed of parseDependsOn(script)) {
        const owner = services.find(({ name, problem }) => name === needed.service && !problem);
        if (!owner) continue;
        const other = start(owner);
        reach(other, indexOf(other, needed.migration));
      }
      // Each anew, since a migration may leave another search path behind.
      parts.push(renderSearchPath(course.service.schema), script);
    }
  };
  const addSchema = (schema: string): void => {
    if (schema === service.schema) return;
    const owner = services.find((candidate) => candidate.schema === schema && !candidate.problem);
    if (owner) reach(start(owner));
    else parts.push(`CREATE SCHEMA IF NOT EXISTS ${quoteIdent(schema)}`);
  };
  for (const schema of [...service.schemas.slice(1), ...origins]) addSchema(schema);
  const own = quoteIdent(service.schema);
  if (courses.has(service.name)) parts.push(`DROP SCHEMA ${own} CASCADE`, `CREATE SCHEMA ${own}`);
  parts.push(...statements, renderSearchPath(service.schema));
  return parts.join(`\n;\n${SCRIPT_BREAK}\n`);
}

/** Where a migration stands in its course, or the one that it was squashed into; -1: nowhere. */
function indexOf({ service, migrations }: Course, wanted: string): number {
  const index = migrations.findIndex(({ name }) => name === wanted);
  if (index !== -1) return index;
  return migrations.findIndex((migration) =>
    namesOf(parseReplaces(readScript(service, migration))).includes(wanted),
  );
}

function renderSearchPath(schema: string): string {
  // A schema that does not exist is passed over.
  return `SET search_path TO ${[schema, EXTENSIONS_SCHEMA].map(quoteIdent).join(", ")}`;
}
