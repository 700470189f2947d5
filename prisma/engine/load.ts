import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readCompiled, setEngineFlags } from "./compiled.ts";

/** The engine's JavaScript side, bound to one WebAssembly instance. */
export type EngineModule = typeof import("@prisma/schema-engine-wasm/schema_engine_bg");

type Exports = Record<string, unknown>;
type Bindings = EngineModule & { __wbg_set_wasm(exports: Exports): void };

/** The two functions used here: TypeScript has WebAssembly's types only among those of browsers. */
interface Wasm {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: Record<string, object>): Promise<{ exports: Exports }>;
}

const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: Wasm };

/** From scripts/launch.ts: in code that was compiled ahead of its run, Node refuses import(). */
declare const __importModule: ((url: string) => Promise<unknown>) | undefined;
const importModule =
  typeof __importModule === "undefined" ? (url: string): Promise<unknown> => import(url) : __importModule;

const PACKAGE = "@prisma/schema-engine-wasm";

let place: string | undefined;

/**
 * Where the package of the engine lies; found from this file, so that a bundle in dist/ finds the same one. Looked for
 * where it nearly always is: Node's own search takes 8 ms of a command's start.
 */
export function engineFolder(): string {
  place ??= findFolder(fileURLToPath(import.meta.url));
  return place;
}

function findFolder(from: string): string {
  for (let at = dirname(from); at !== dirname(at); at = dirname(at)) {
    const found = join(at, "node_modules", PACKAGE);
    if (existsSync(join(found, "package.json"))) return found;
  }
  return dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/schema_engine_bg`));
}

let commit: string | undefined;

/** The engine's commit, as the native engine prints it for `--version`. */
export function engineCommit(): string {
  commit ??= readCommit();
  return commit;
}

function readCommit(): string {
  const manifest = JSON.parse(readFileSync(join(engineFolder(), "package.json"), "utf8")) as {
    version: string;
  };
  return manifest.version.slice(manifest.version.lastIndexOf(".") + 1);
}

/** The last panic's message; the engine itself only says "unreachable". */
const panics: { last: string | undefined } = { last: undefined };

let compiled: Promise<object> | undefined;
let loaded: Promise<EngineModule> | undefined;
let instances = 0;

/** Compiles (about 10 ms) and instantiates the engine at the first call, then answers with the same one. */
export function loadEngine(): Promise<EngineModule> {
  loaded ??= instantiate();
  return loaded;
}

/** The message of the panic that just happened, if one did. Its instance is broken: the next engine gets another. */
export function takePanic(): string | undefined {
  const { last } = panics;
  if (last !== undefined) {
    panics.last = undefined;
    loaded = undefined;
  }
  return last;
}

/** The engine's WebAssembly module, as far as the build has compiled it. */
export function compiledEngine(): Promise<object> {
  compiled ??= compile();
  return compiled;
}

async function compile(): Promise<object> {
  setEngineFlags();
  // At once: what is read piece by piece comes when the connection has been made, and the engine is waited for.
  const bytes = readFileSync(join(engineFolder(), "schema_engine_bg.wasm"));
  const kept = readCompiled(engineCommit(), bytes);
  precompiled = kept !== undefined;
  return kept ?? wasm.compile(bytes);
}

let precompiled = false;

/** Whether the engine that is loaded was compiled by the build, and not only now. */
export function isPrecompiled(): boolean {
  return precompiled;
}

async function instantiate(): Promise<EngineModule> {
  const remember = (text: string) => {
    panics.last = text;
  };
  // Without this registry a panic would end in a TypeError that hides its message.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: { set_message: remember },
  });
  // The bindings hold their instance in a module variable, so a second instance needs a second copy of them.
  const bindingsUrl = `${pathToFileURL(join(engineFolder(), "schema_engine_bg.js")).href}?instance=${instances++}`;
  const [wasmModule, bindings] = await Promise.all([
    compiledEngine(),
    importModule(bindingsUrl) as Promise<Bindings>,
  ]);
  const instance = await wasm.instantiate(wasmModule, {
    "./schema_engine_bg.js": bindings,
  });
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports.__wbindgen_start as () => void)();
  return bindings;
}
