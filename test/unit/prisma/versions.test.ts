import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { engineCommit, engineFolder } from "../../../prisma/engine/load.ts";

const require = createRequire(import.meta.url);

interface Manifest {
  version: string;
  dependencies?: Record<string, string>;
}

function manifestOf(name: string): Manifest {
  return require(`${name}/package.json`);
}

test("the CLI, the client and the adapters are of one version, pinned exactly", () => {
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
  for (const name of ["prisma", "@prisma/client", "@prisma/adapter-pg", "@prisma/driver-adapter-utils"]) {
    expect(dependencies, name).toHaveProperty([name], manifestOf("prisma").version);
  }
  const engines = join(require.resolve("prisma/package.json"), "../../@prisma/engines-version/package.json");
  const { version } = JSON.parse(readFileSync(engines, "utf8")) as Manifest;
  expect(dependencies).toHaveProperty(["@prisma/schema-engine-wasm"], version);
  expect(version.endsWith(`.${engineCommit()}`)).toBe(true);
});

test("the engine is byte for byte the one that the CLI ships", () => {
  const ours = readFileSync(join(engineFolder(), "schema_engine_bg.wasm"));
  const theirs = readFileSync(join(require.resolve("prisma/package.json"), "../build/schema_engine_bg.wasm"));
  expect(ours.length).toBeGreaterThan(1_000_000);
  expect(ours.equals(theirs)).toBe(true);
});
