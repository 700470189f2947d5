import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { engineCommit, isPrecompiled, loadEngine } from "../../../prisma/engine/load.ts";
import type { Diagnosis } from "../../core/doctor.ts";
import { SchemataError } from "../../core/errors.ts";
import type { Settings } from "../../core/settings.ts";
import { findPostgresPackage } from "../server/binaries.ts";

interface Manifest {
  name?: string;
  version?: string;
  engines?: { node?: string };
  dependencies?: Record<string, string>;
}

const require = createRequire(import.meta.url);
const area = "tools";

/** Node, make, packages and the engine; `env` is the environment of programs that the tool starts. */
export async function diagnoseTools(
  settings: Pick<Settings, "databaseFrom">,
  env: NodeJS.ProcessEnv,
): Promise<Diagnosis[]> {
  const manifest = readOwnManifest();
  return [
    diagnoseNode(process.versions.node, manifest.engines?.node ?? ""),
    diagnoseMake(),
    ...diagnosePackages(manifest.dependencies ?? {}),
    ...(await diagnoseEngine(env)),
    diagnosePrograms(settings),
  ];
}

/** The tool's package.json, found upwards from this file, wherever it is built to. */
function readOwnManifest(): Manifest {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    const file = join(dir, "package.json");
    if (!existsSync(file)) continue;
    const manifest = readManifest(file);
    if (manifest.dependencies?.prisma !== undefined) return manifest;
  }
  return {};
}

function readManifest(file: string): Manifest {
  return JSON.parse(readFileSync(file, "utf8")) as Manifest;
}

function diagnoseNode(version: string, range: string): Diagnosis {
  const [, major = "0", minor = "0"] = /(\d+)\.(\d+)/.exec(range) ?? [];
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  const enough = ownMajor > Number(major) || (ownMajor === Number(major) && ownMinor >= Number(minor));
  if (enough) return { area, state: "ok", fact: `Node ${version}` };
  return {
    area,
    state: "broken",
    fact: `Node ${version} is too old`,
    fix: `install Node ${major}.${minor} or newer`,
  };
}

function diagnoseMake(): Diagnosis {
  const { stdout, error } = spawnSync("make", ["--version"], { encoding: "utf8" });
  const [first = ""] = (stdout ?? "").split("\n");
  if (/^GNU Make/.test(first)) return { area, state: "ok", fact: first };
  return {
    area,
    state: "warning",
    fact: error ? "make is not installed" : "make is not GNU make",
    why: "the Makefile is a short way to the verbs, which work without it",
    fix: "install GNU make, or type node dist/cli.js <verb>",
  };
}

function diagnosePackages(dependencies: Readonly<Record<string, string>>): Diagnosis[] {
  const wrong = Object.entries(dependencies).flatMap(([name, wanted]) => {
    const found = versionOf(name);
    if (found === undefined) return [`${name} is missing`];
    return /^\d/.test(wanted) && found !== wanted ? [`${name} is ${found}, not ${wanted}`] : [];
  });
  if (wrong.length === 0)
    return [
      {
        area,
        state: "ok",
        fact: `${Object.keys(dependencies).length} npm packages, as package.json pins them`,
      },
    ];
  return wrong.map((fact) => ({ area, state: "broken" as const, fact, fix: "npm ci" }));
}

function versionOf(name: string): string | undefined {
  const file = findPackageFile(name, require.resolve.paths(name) ?? []);
  return file === undefined ? undefined : readManifest(file).version;
}

function findPackageFile(name: string, folders: readonly string[]): string | undefined {
  return folders.map((folder) => join(folder, name, "package.json")).find((file) => existsSync(file));
}

async function diagnoseEngine(env: NodeJS.ProcessEnv): Promise<Diagnosis[]> {
  const own = env.PRISMA_SCHEMA_ENGINE_BINARY;
  const native: Diagnosis[] =
    own === undefined || own === ""
      ? []
      : [
          existsSync(own)
            ? {
                area,
                state: "ok",
                fact: `stock Prisma commands use the engine ${own} (PRISMA_SCHEMA_ENGINE_BINARY)`,
              }
            : {
                area,
                state: "broken",
                fact: `PRISMA_SCHEMA_ENGINE_BINARY names ${own}, which does not exist`,
                fix: "unset it: the WebAssembly engine is used then",
              },
        ];
  try {
    await loadEngine();
    return [compareEngine(), tellCompiled(), ...native];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [
      { area, state: "broken", fact: "Prisma's schema engine does not load", why, fix: "npm ci" },
      ...native,
    ];
  }
}

/** The engine and the CLI must come from one commit: they speak to each other. */
function compareEngine(): Diagnosis {
  const commit = engineCommit();
  const cli = versionOf("prisma");
  const engines = versionOf("@prisma/engines-version");
  const wanted = engines?.slice(engines.lastIndexOf(".") + 1);
  if (wanted === commit)
    return { area, state: "ok", fact: `Prisma ${cli}, and its schema engine of the same commit` };
  return {
    area,
    state: "broken",
    fact: `Prisma ${cli} wants the schema engine ${wanted ?? "unknown"}, and ${commit} is installed`,
    fix: "npm ci; prisma and @prisma/schema-engine-wasm belong together and are pinned as a pair",
  };
}

/** V8 takes compiled code only from its own version, under the same flags. */
function tellCompiled(): Diagnosis {
  if (isPrecompiled())
    return { area, state: "ok", fact: "Prisma's schema engine starts from what the build has compiled" };
  return {
    area,
    state: "warning",
    fact: "Prisma's schema engine is compiled anew by each command",
    why: `Node ${process.versions.node}, or flags in NODE_OPTIONS, are not those of the build: a revision takes a third longer`,
    fix: "rm -r dist; make build",
  };
}

function diagnosePrograms({ databaseFrom }: Pick<Settings, "databaseFrom">): Diagnosis {
  try {
    findPostgresPackage();
    return { area, state: "ok", fact: "the embedded server's programs are installed" };
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    const { message: fact, why = "", fix = "" } = error;
    return { area, state: databaseFrom === "embedded" ? "broken" : "warning", fact, why, fix };
  }
}
