import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");

interface Lock {
  packages: Record<string, { version?: string; optionalDependencies?: Record<string, string> }>;
}

function readLock(folder: string): Lock["packages"] {
  return JSON.parse(readFileSync(join(ROOT, folder, "package-lock.json"), "utf8")).packages;
}

/** Where a package placed at `from` finds another, as Node looks for it. */
function resolveIn(packages: Lock["packages"], from: string, name: string): string | undefined {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
    const place = [base, "node_modules", name].filter(Boolean).join("/");
    if (packages[place]) return place;
    if (base === "") return undefined;
  }
}

/** npm forgets other platforms' packages when it updates a lock file beside an installed node_modules. */
test.each([".", "test/postgres", "bench"])(
  "npm ci finds every platform's packages locked in %s",
  (folder) => {
    const packages = readLock(folder);
    const wanted = Object.entries(packages).flatMap(([from, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).map((name) => ({ from, name })),
    );
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.filter(({ from, name }) => !resolveIn(packages, from, name))).toEqual([]);
  },
);

test.each([".", "test/postgres", "bench"])("the lock file in %s names no registry", (folder) => {
  expect(readFileSync(join(ROOT, folder, "package-lock.json"), "utf8")).not.toContain('"resolved"');
});
