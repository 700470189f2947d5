import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { PrismaConfig } from "prisma/config";
import { fail, renderError, SchemataError } from "../scripts/core/errors.ts";
import { PATHS, readExternals, readServices } from "../scripts/io/workspace.ts";
import { pinToSchema, readServiceSettings } from "./database.ts";
import { renderShadowSetup } from "./dependencies.ts";

const HERE = dirname(fileURLToPath(import.meta.url));

/**
 * The whole Prisma configuration of the service in that folder: `export default defineService(import.meta.dirname)`.
 * Stock Prisma commands then work there with no environment, on the service's schema only, without a native engine.
 */
export function defineService(dir: string): PrismaConfig {
  try {
    return configure(dir);
  } catch (error) {
    // Prisma prints the message of whatever a configuration throws.
    throw error instanceof SchemataError ? new Error(renderError(error)) : error;
  }
}

function configure(dir: string): PrismaConfig {
  const settings = readServiceSettings(dir);
  const services = readServices(settings.root);
  const service = services.find(({ name }) => name === basename(dir));
  if (!service) return fail({ fact: `${dir} is no service`, why: "a service is a folder services/<name>" });
  if (service.problem) return fail(service.problem);
  process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= engineProgram();
  // Prisma's check for news of itself would wait for a network that may not be there.
  process.env.CHECKPOINT_DISABLE ??= "1";
  const { shadowDatabaseUrl } = settings;
  const externals = readExternals(service);
  const seed = seedCommand(service.dir);
  const initShadowDb = renderShadowSetup(service, services);
  return {
    schema: join(service.dir, PATHS.schemaFile),
    datasource: {
      url: pinToSchema(settings.databaseUrl, service.schema),
      ...(shadowDatabaseUrl !== undefined && { shadowDatabaseUrl }),
    },
    experimental: { externalTables: true },
    tables: { external: externals.tables },
    enums: { external: externals.enums },
    migrations: {
      path: join(service.dir, PATHS.migrations),
      ...(seed !== undefined && { seed }),
      ...(initShadowDb !== undefined && { initShadowDb }),
    },
  };
}

/** Beside this file once bundled, otherwise where the build puts it. */
function engineProgram(): string {
  const places = [join(HERE, "schema-engine.js"), join(HERE, "../dist/schema-engine.js")];
  const found = places.find((file) => existsSync(file));
  return (
    found ??
    fail({
      fact: "The schema engine is not built",
      why: `${places[1]} is missing`,
      fix: "make build",
    })
  );
}

/** seed.ts, run by what reads TypeScript on every supported Node; relative, since Prisma splits the command at spaces. */
function seedCommand(dir: string): string | undefined {
  const file = join(dir, "seed.ts");
  if (!existsSync(file)) return undefined;
  const runner = join(createRequire(import.meta.url).resolve("jiti/package.json"), "../lib/jiti-cli.mjs");
  return ["node", ...[runner, file].map((path) => relative(process.cwd(), path))].join(" ");
}
