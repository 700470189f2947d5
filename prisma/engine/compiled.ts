import { closeSync, fstatSync, openSync, readSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { nodeBuild } from "../../scripts/nodeBuild.ts";

// V8 keeps what it has compiled of WebAssembly for browsers, and hands it to scripts only through two functions meant for
// its own tests. It checks itself that its version, processor and flags are the same, and takes nothing otherwise.

/**
 * Each function of the engine that the build has not compiled is checked and compiled when it is first called, once, by
 * the quick compiler, and nothing else is compiled again: a command is over before the optimizing compiler would have
 * paid, and exit would wait for it. Two are the command line's: V8 takes compiled code only under the flags under which
 * it was kept.
 */
const FLAGS = [
  "--wasm-lazy-validation",
  "--no-wasm-dynamic-tiering",
  "--no-wasm-tier-up",
  "--semi-space-growth-factor=1",
  "--no-incremental-marking",
  "--no-opt",
];

const END_BYTES = 8;

/** To be called before the engine is compiled, and when its compiled code is kept. */
export function setEngineFlags(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
}

/** Where the build keeps this Node's compiled code of that engine: beside the program that this is a part of. */
function compiledFile(commit: string, folder = dirname(fileURLToPath(import.meta.url))): string {
  return join(folder, `schema-engine-${commit.slice(0, 12)}.${nodeBuild()}.bin`);
}

/** The module of these bytes with the compiled code that the build has kept; `undefined` where V8 does not take it. */
export function readCompiled(commit: string, bytes: Uint8Array): object | undefined {
  try {
    const code = readCode(compiledFile(commit));
    return code && callNative<object | undefined>("%DeserializeWasmModule", code, bytes);
  } catch {
    return undefined;
  }
}

/** What a file holds before its length, which V8 wants as a buffer of its own: beyond what is cut off it would read on. */
function readCode(file: string): ArrayBuffer | undefined {
  const opened = openSync(file, "r");
  try {
    const end = Buffer.alloc(END_BYTES);
    const code = new Uint8Array(Math.max(fstatSync(opened).size - END_BYTES, 0));
    readSync(opened, code, { position: 0 });
    readSync(opened, end, { position: code.length });
    return end.readDoubleLE() === code.length && code.length > 0 ? code.buffer : undefined;
  } finally {
    closeSync(opened);
  }
}

/** Keeps the compiled code of a module in a folder, whole or not at all, with its length behind it. */
export function keepCompiled(commit: string, module: object, folder: string | undefined): void {
  const code = Buffer.from(callNative<ArrayBuffer>("%SerializeWasmModule", module));
  const end = Buffer.alloc(END_BYTES);
  end.writeDoubleLE(code.length);
  const file = compiledFile(commit, folder);
  writeFileSync(`${file}.new`, Buffer.concat([code, end]));
  renameSync(`${file}.new`, file);
}

/** Where there is no such function, this is a syntax error. */
function callNative<T>(name: string, ...values: unknown[]): T {
  setFlagsFromString("--allow-natives-syntax");
  try {
    const call = new Function(
      "values",
      `return ${name}(${values.map((_, index) => `values[${index}]`).join()})`,
    );
    return call(values) as T;
  } finally {
    setFlagsFromString("--no-allow-natives-syntax");
  }
}
