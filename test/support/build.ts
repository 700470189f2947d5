import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { execa } from "execa";

const CHECKOUT = resolve(import.meta.dirname, "../..");
const BUILDS = join(CHECKOUT, ".schemata");
const PREFIX = "dist-test-";
const HOUR = 3_600_000;

/**
 * The folder of the tool, built from the sources as they stand. Named after their contents, so that runs at the same
 * time share a build or leave each other's alone.
 */
export async function ensureTool(): Promise<string> {
  const folder = join(BUILDS, PREFIX + fingerprint());
  if (existsSync(folder)) return folder;
  sweepOldBuilds();
  const making = `${folder}-${process.pid}`;
  await execa(process.execPath, ["scripts/build.mjs"], { cwd: CHECKOUT, env: { SCHEMATA_DIST: making } });
  try {
    renameSync(making, folder);
  } catch (error) {
    // Another run has finished the same build first.
    if (!existsSync(folder)) throw error;
    rmSync(making, { recursive: true });
  }
  return folder;
}

function fingerprint(): string {
  const hash = createHash("sha256");
  for (const file of ["package-lock.json", ...listSources("scripts"), ...listSources("prisma")]) {
    hash.update(`${file}\0`).update(readFileSync(join(CHECKOUT, file)));
  }
  return hash.digest("hex").slice(0, 16);
}

function listSources(folder: string): string[] {
  return readdirSync(join(CHECKOUT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(CHECKOUT.length + 1))
    .sort();
}

/** No run lasts that long, so nobody uses them any more. */
function sweepOldBuilds(): void {
  for (const name of existsSync(BUILDS) ? readdirSync(BUILDS) : []) {
    const path = join(BUILDS, name);
    if (name.startsWith(PREFIX) && Date.now() - statSync(path).mtimeMs > 2 * HOUR) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}
