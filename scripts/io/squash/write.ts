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
  const parent = join(root, ".schemata");
  const stages = () =>
    existsSync(parent) ? readdirSync(parent).filter((name) => name.startsWith(stagePrefix(service))) : [];
  if (existsSync(folder) || stages().length === 0) return false;
  // Another squash may be between its renames just now.
  await sleep(500);
  if (existsSync(folder)) return false;
  for (const stage of stages()) {
    const next = join(parent, stage, "next");
    if (existsSync(folder) || !existsSync(next) || !existsSync(join(parent, stage, "former"))) continue;
    renameSync(next, folder);
    rmSync(join(parent, stage), { recursive: true, force: true });
    return true;
  }
  return false;
}

function stagePrefix({ name }: Service): string {
  return `squash-${name}-`;
}
