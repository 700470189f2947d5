/** The schema file of a service that has none yet; models are to follow. */
export function renderNewSchemaFile(schema: string): string {
  return `datasource db {
  provider = "postgresql"
  schemas  = [${JSON.stringify(schema)}]
}

generator client {
  provider            = "prisma-client"
  output              = "./src/generated"
  runtime             = "nodejs"
  moduleFormat        = "esm"
  importFileExtension = "ts"
}
`;
}

/** prisma.config.ts of a service, in a workspace that keeps the shared set-up. */
export const SERVICE_CONFIG =
  'export default (await import("../../prisma/service.ts")).defineService(import.meta.dirname);\n';

/** Why a name cannot be a service's folder; undefined: it can. */
export function refuseServiceName(name: string): string | undefined {
  if (/^[\w][\w.-]*$/u.test(name)) return undefined;
  return "a service is a folder under services/: letters, digits, _, - and . after the first";
}

const SETTINGS = /^(?:generator|datasource)[ \t]+\w+[ \t]*\{[\s\S]*?^\}\n*/gm;

/**
 * A schema file with the models that were found. One that held none stays as it is before them: introspection would
 * turn its blocks around and lose its comments.
 */
export function addModels(text: string, introspected: string): string {
  if (/^[ \t]*(?:model|enum|view|type)[ \t]+\w+[ \t]*\{/m.test(text)) return introspected;
  return `${text.trimEnd()}\n\n${introspected.replaceAll(SETTINGS, "").trim()}\n`;
}
