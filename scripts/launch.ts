#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { nodeBuild } from "./nodeBuild.ts";

// The program that is built to dist/cli.js: it runs the tool, one script beside it, from the code that the build has
// compiled. Another release of Node finds no such code and compiles by itself.

const FILE = fileURLToPath(new URL("schemata.cjs", import.meta.url));

/** One byte a letter: the bundle is ASCII, and Node need not look for more. */
const source = readFileSync(FILE, "latin1");
const script = new Script(`(function (require, __filename, __importModule) { "use strict"; ${source}\n})`, {
  filename: FILE,
  cachedData: readCompiled(),
});
script.runInThisContext()(createRequire(FILE), FILE, (url: string) => import(url));

function readCompiled(): Buffer | undefined {
  try {
    return readFileSync(`${FILE}.${nodeBuild()}.bin`);
  } catch {
    return undefined;
  }
}
