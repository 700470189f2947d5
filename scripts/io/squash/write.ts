import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail } from "../../core/errors.ts";
import type { Service } from "../../core/service.ts";
import { PATHS } from "../workspace.ts";

export interface SquashFiles {
  root: string;
  service: Service;
  name: string;
  /** What the new migration stands for: folders that go. */
  replaced: readonly string[];
  up: string;
  down: string;
}

/**
 * Puts one migration in the place of several. A whole new folder is made beside the old one and takes its place by
 * two renames; killed between them, {@link finishSquash} does the second.
 */
export function writeSquash({ root, service, name, replaced, up, down }: SquashFiles): void {
  const folder = realpathSync(join(service.dir, PATHS.migrations));
  const stage = join(root, ".schemata", `${stagePrefix(service)}${randomBytes(6).toString("hex")}`);
  const [next, former] = [join(stage, "next"), join(stage, "former")];
  try {
    // What killed runs have left is no other's: one squash of a service at a time has the shadow database.
    for (const left of listStages(root, service)) rmSync(left, { recursive: true, force: true });
    mkdirSync(join(next, name), { recursive: true });
    writeFileSync(join(next, name, PATHS.up), up);
    writeFileSync(join(next, name, PATHS.down), down);
    for (const entry of readdirSync(folder)) {
      if (!replaced.includes(entry))
        cpSync(join(folder, entry), join(next, entry), { recursive: true, verbatimSymlinks: true });
    }
    renameSync(folder, former);
    renameSync(next, folder);
  } catch (error) {
    if (existsSync(former) && !existsSync(folder)) renameSync(former, folder);
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    fail({
      fact: `${service.name}: the squashed migration cannot be written: ${(error as Error).message}`,
      why: "every migration is as it was",
      fix: `chmod -R u+rwX services/${service.name} ${join(root, ".schemata")}, then run it again`,
      cause: error,
    });
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** Completes a squash that was killed between its two renames; tells whether there was one. */
export async function finishSquash(root: string, service: Service): Promise<boolean> {
  const folder = join(service.dir, PATHS.migrations);
  if (existsSync(folder) || listStages(root, service).length === 0) return false;
  // Another squash may be between its renames just now.
  await sleep(500);
  if (existsSync(folder)) return false;
  for (const stage of listStages(root, service)) {
    const next = join(stage, "next");
    if (!existsSync(next) || !existsSync(join(stage, "former"))) continue;
    renameSync(next, folder);
    rmSync(stage, { recursive: true, force: true });
    return true;
  }
  return false;
}

/** The folders in which squashes of this service were prepared; another service's name may begin like this one's. */
function listStages(root: string, service: Service): string[] {
  const parent = join(root, ".schemata");
  const prefix = stagePrefix(service);
  return (existsSync(parent) ? readdirSync(parent) : [])
    .filter((name) => name.startsWith(prefix) && /^[0-9a-f]{12}$/.test(name.slice(prefix.length)))
    .map((name) => join(parent, name));
}

function stagePrefix({ name }: Service): string {
  return `squash-${name}-`;
}
