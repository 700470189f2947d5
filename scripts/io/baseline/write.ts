import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVICE_CONFIG } from "../../core/baseline/schemaFile.ts";
import { fail } from "../../core/errors.ts";
import { LOCK_FILE } from "../revision/write.ts";
import { PATHS } from "../workspace.ts";
import { BASELINE, type BaselineDraft } from "./draft.ts";
import type { BaselineTarget } from "./target.ts";

/** Writes a baseline's files and returns their paths, relative to the workspace. */
export function writeBaseline(
  root: string,
  { service, isNew }: BaselineTarget,
  draft: BaselineDraft,
): string[] {
  const folder = `${PATHS.migrations}/${BASELINE}`;
  const files: [path: string, content: string][] = [
    // The schema file comes last: a folder with one is a service, and has its migration by then.
    [`${folder}/${PATHS.down}`, draft.down],
    [`${folder}/${PATHS.up}`, draft.up],
    [`${PATHS.migrations}/${PATHS.lock}`, LOCK_FILE],
    [PATHS.schemaFile, draft.schemaFile],
  ];
  const config = join(service.dir, PATHS.config);
  if (isNew && existsSync(join(root, "prisma/service.ts")) && !existsSync(config))
    files.push([PATHS.config, SERVICE_CONFIG]);
  try {
    mkdirSync(join(service.dir, folder), { recursive: true });
    for (const [path, content] of files) writeFileSync(join(service.dir, path), content);
  } catch (error) {
    fail({
      fact: `${service.name}: the baseline cannot be written: ${(error as Error).message}`,
      fix: `chmod -R u+rwX services/${service.name}, then run it again`,
      cause: error,
    });
  }
  return files.map(([path]) => `services/${service.name}/${path}`);
}
