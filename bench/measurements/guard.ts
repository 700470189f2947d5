import { join } from "node:path";
import { atMostSeconds, type Measurement } from "../measurement.ts";
import { schemata } from "../tools/index.ts";
import { UPGRADE } from "../tools/upgraders.ts";
import { writeWorkspace } from "../workspace/formats.ts";

const SERVICES = 50;
const COUNT = SERVICES * UPGRADE.migrations;

/** Every migration of a workspace parsed and judged; no database is asked. */
export const guard: Measurement = {
  name: "guard",
  title: `guard of ${COUNT} migrations`,
  verbs: ["guard"],
  rounds: 5,
  contestants: async (bench) => {
    const { server, dir } = bench;
    const workspace = writeWorkspace(join(dir, "workspace"), {
      services: SERVICES,
      migrations: UPGRADE.migrations,
    });
    const url = await server.createDatabase("bench_guard");
    const task = { commands: [schemata(bench, workspace, url, ["guard"])], jobs: 1 };
    return [
      { id: "schemata", label: "schemata guard", services: SERVICES, jobs: 1, prepare: async () => task },
    ];
  },
  targets: (find) => [atMostSeconds(1.5, `guard of ${COUNT} migrations`, find("schemata"))],
};
