import { type Dirent, existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type Failure, fail } from "../core/errors.ts";
import { type Externals, parseExternals } from "../core/externals.ts";
import { byName, type Migration } from "../core/history.ts";
import { parseExtensions, parseSchemaFile } from "../core/schemaFile.ts";
import { markSharedSchemas, type Service } from "../core/service.ts";
import { checksumOf } from "./checksum.ts";

/** Every path of a service that the tool knows, from its folder. */
export const PATHS = {
  schemaFile: "schema.prisma",
  migrations: "migrations",
  lock: "migration_lock.toml",
  up: "migration.sql",
  down: "down.sql",
  config: "prisma.config.ts",
} as const;

/** All services of a workspace, sorted by name; those that cannot be worked with carry their `problem`. */
export function readServices(root: string): Service[] {
  const folder = join(root, "services");
  const entries = listFolder(folder, (error) =>
    fail({
      fact: `${folder} cannot be read: ${reason(error)}`,
      why: "a workspace is a folder that holds services/<name>/schema.prisma",
      fix: "go to the workspace, or name it with --root DIR or SCHEMATA_ROOT",
      cause: error,
    }),
  );
  const names = entries
    .filter((entry) => isFolder(entry) && !entry.name.startsWith("."))
    .map(({ name }) => name);
  return markSharedSchemas(names.sort(byName).map((name) => readService(root, name)));
}

function readService(root: string, name: string): Service {
  const dir = join(root, "services", name);
  const schemaFile = relative(root, join(dir, PATHS.schemaFile));
  const service = { name, schema: name, schemas: [name], dir, schemaFile };
  let text: string;
  try {
    text = readFileSync(join(root, schemaFile), "utf8");
  } catch (error) {
    return { ...service, problem: unreadableSchemaFile(service, error) };
  }
  const parsed = parseSchemaFile(text, { service: name, file: schemaFile });
  if ("problem" in parsed) return { ...service, problem: parsed.problem };
  // Few files hold the word, and reading this one twice takes its time.
  const extensions = text.includes("extensions") ? parseExtensions(text) : [];
  return {
    ...service,
    schema: parsed.schemas[0],
    schemas: parsed.schemas,
    ...(extensions.length > 0 && { extensions }),
  };
}

function unreadableSchemaFile(
  { name, schemaFile }: Pick<Service, "name" | "schemaFile">,
  error: unknown,
): Failure {
  const absent = errorCode(error) === "ENOENT";
  return {
    fact: absent
      ? `${name}: ${schemaFile} is missing`
      : `${name}: ${schemaFile} cannot be read: ${reason(error)}`,
    why: "every folder under services/ is a service with a schema file of its own",
    fix: absent
      ? `write ${schemaFile}, or move services/${name} elsewhere`
      : `make it readable: chmod u+r ${schemaFile}`,
    cause: error,
  };
}

/** What a service's schema file repeats of other services. */
export function readExternals({ dir, schema, schemas }: Service): Externals {
  if (schemas.length < 2) return { tables: [], enums: [] };
  return parseExternals(readFileSync(join(dir, PATHS.schemaFile), "utf8"), schema);
}

/**
 * A service's migrations on disk in the order in which they apply, each with its checksum and without its text:
 * a workspace of a thousand services stays small in memory. No migrations folder means none.
 */
export function readMigrations(service: Service): Migration[] {
  const folder = join(service.dir, PATHS.migrations);
  const migrations: Migration[] = [];
  const names = listMigrationsFolder(service, folder).map(({ name }) => name);
  for (const name of names.sort(byName)) {
    const file = `${folder}/${name}/${PATHS.up}`;
    const checksum = explainUnreadable(service, name, () => checksumOf(file));
    if (checksum !== undefined) migrations.push({ name, file, checksum });
  }
  return migrations;
}

/** The names of a service's migrations, told without reading any; a folder without a script counts. */
export function listMigrationNames(service: Service): string[] {
  return listMigrationsFolder(service, join(service.dir, PATHS.migrations))
    .filter(isFolder)
    .map(({ name }) => name);
}

/** Whether a service has a migration beside this one, told without reading any. */
export function hasOtherMigrations(service: Service, name: string | undefined): boolean {
  return listMigrationsFolder(service, join(service.dir, PATHS.migrations)).some(
    (other) => other.name !== name,
  );
}

/** What lies in the folder, but for the one file that Prisma keeps there. */
function listMigrationsFolder(service: Service, folder: string): Dirent[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter(({ name }) => name !== PATHS.lock && !name.startsWith("."));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    return fail({
      fact: `${service.name}: services/${service.name}/${PATHS.migrations} cannot be read: ${reason(error)}`,
      fix: `chmod u+rx services/${service.name}/${PATHS.migrations}`,
      cause: error,
    });
  }
}

/** The text of one migration as it stands in its file. */
export function readScript(service: Service, { name, file }: Pick<Migration, "name" | "file">): string {
  return explainUnreadable(service, name, () => readFileSync(file, "utf8")) ?? "";
}

/** The reversal that stands beside a migration, as a script of the same name; undefined where there is none. */
export function findDown(service: Service, { name, file }: Migration): Migration | undefined {
  const down = join(dirname(file), PATHS.down);
  if (!existsSync(down)) return undefined;
  try {
    return { name, file: down, checksum: checksumOf(down) };
  } catch (error) {
    const shown = relative(join(service.dir, "../.."), down);
    return fail({
      fact: `${service.name}: ${shown} cannot be read: ${reason(error)}`,
      fix: `chmod u+r ${shown}`,
      cause: error,
    });
  }
}

/** Reads a migration's file, or says why it cannot be read; undefined where the name is no folder's. */
function explainUnreadable<T>(service: Service, name: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    // Asking each entry what it is would cost as much as reading it.
    if (errorCode(error) === "ENOTDIR") return undefined;
    const shown = `services/${service.name}/${PATHS.migrations}/${name}`;
    const absent = errorCode(error) === "ENOENT";
    return fail({
      fact: absent
        ? `${service.name}: ${shown} has no ${PATHS.up}`
        : `${service.name}: ${shown}/${PATHS.up} cannot be read: ${reason(error)}`,
      why: absent
        ? "every folder under migrations/ is a migration; without its script the history has a hole"
        : undefined,
      fix: absent
        ? `restore the file (git checkout ${shown}) or remove the empty folder (rm -r ${shown})`
        : `chmod u+r ${shown}/${PATHS.up}`,
      cause: error,
    });
  }
}

function listFolder(folder: string, onError: (error: unknown) => Dirent[]): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    return onError(error);
  }
}

/** A link counts as the folder that it may point at; readers find out. */
function isFolder(entry: Dirent): boolean {
  return entry.isDirectory() || entry.isSymbolicLink();
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

function reason(error: unknown): string {
  const reasons: Record<string, string> = {
    EACCES: "permission denied",
    EPERM: "permission denied",
    ENOENT: "there is no such folder",
    ENOTDIR: "it is no folder",
    EISDIR: "it is a folder",
    ELOOP: "it is a circle of links",
  };
  return reasons[errorCode(error) ?? ""] ?? (error instanceof Error ? error.message : String(error));
}
