import type { CheckFinding } from "../../core/check/finding.ts";
import { SchemataError } from "../../core/errors.ts";
import type { Service } from "../../core/service.ts";
import { explainEngine, readSchemaFile } from "../revision/engine.ts";
import { findSchemaFile } from "./questions.ts";

/** Asks Prisma's parser about schema files; no database is needed. */
export async function checkSchemaFiles(services: readonly Service[]): Promise<CheckFinding[]> {
  const { openEngine } = await import("../../../prisma/engine/open.ts");
  const findings: CheckFinding[] = [];
  for (const service of services) {
    const schemaFiles = [{ path: service.schemaFile, content: readSchemaFile(service) }];
    try {
      await explainEngine(service, async () => {
        await using engine = await openEngine({ schemaFiles });
        await engine.validate();
      });
    } catch (error) {
      if (!(error instanceof SchemataError)) throw error;
      findings.push(findSchemaFile(service, error));
    }
  }
  return findings;
}
