import { setFlagsFromString } from "node:v8";
import { keepCompiled, setEngineFlags } from "./compiled.ts";
import { compiledEngine, engineCommit } from "./load.ts";
import { openEngine } from "./open.ts";
import { SAMPLES } from "./samples.ts";

// Run by the build, with the folder of the built programs: has the engine compare sample schema files, so that what a
// revision calls is compiled, and keeps the compiled code there.

const [folder] = process.argv.slice(2);
// At once by the optimizing compiler, which otherwise sees only what was called a thousand times.
setFlagsFromString("--no-liftoff");
for (const before of SAMPLES) {
  for (const after of SAMPLES) {
    const content = (text: string) => [{ path: "schema.prisma", content: text }];
    await using engine = await openEngine({ schemaFiles: content(after) });
    await engine.diff({ schemaFiles: content(before) }, "schema");
    await engine.diff("schema", { schemaFiles: content(before) });
  }
}
setFlagsFromString("--liftoff");
setEngineFlags();
keepCompiled(engineCommit(), await compiledEngine(), folder);
