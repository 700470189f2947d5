import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";

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

/** Where the package of the engine lies; found from this file, so that a bundle in dist/ finds the same one. */
export function engineFolder(): string {
  return join(createRequire(import.meta.url).resolve("@prisma/schema-engine-wasm/schema_engine_bg"), "..");
}

/** The engine's commit, as the native engine prints it for `--version`. */
export function engineCommit(): string {
  const manifest = createRequire(import.meta.url)(join(engineFolder(), "package.json")) as {
    version: string;
  };
  return manifest.version.slice(manifest.version.lastIndexOf(".") + 1);
}

/** The last panic's message; the engine itself only says "unreachable". */
const panics: { last: string | undefined } = { last: undefined };

let compiled: Promise<object> | undefined;
let loaded: Promise<EngineModule> | undefined;
let instances = 0;

/** Compiles (about 15 ms) and instantiates the engine at the first call, then answers with the same one. */
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

/**
 * Each function of the engine is checked and compiled when it is first called, once, by the quick compiler: a command
 * is over before the optimizing one would have paid, and exit would wait for it.
 */
function compileForOneCommand(): void {
  for (const flag of ["--wasm-lazy-validation", "--no-wasm-dynamic-tiering", "--no-wasm-tier-up"])
    setFlagsFromString(flag);
}

async function instantiate(): Promise<EngineModule> {
  const remember = (text: string) => {
    panics.last = text;
  };
  // Without this registry a panic would end in a TypeError that hides its message.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: { set_message: remember },
  });
  const folder = engineFolder();
  compileForOneCommand();
  compiled ??= readFile(join(folder, "schema_engine_bg.wasm")).then((bytes) => wasm.compile(bytes));
  // The bindings hold their instance in a module variable, so a second instance needs a second copy of them.
  const bindingsUrl = `${pathToFileURL(join(folder, "schema_engine_bg.js")).href}?instance=${instances++}`;
  const [wasmModule, bindings] = await Promise.all([
    compiled,
    importModule(bindingsUrl) as Promise<Bindings>,
  ]);
  const instance = await wasm.instantiate(wasmModule, {
    "./schema_engine_bg.js": bindings,
  });
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports.__wbindgen_start as () => void)();
  return bindings;
}
