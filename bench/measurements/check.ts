import { join } from "node:path";
import { atMostSeconds, type Measurement } from "../measurement.ts";
import { runTask } from "../process.ts";
import { schemata } from "../tools/index.ts";
import { UPGRADE } from "../tools/upgraders.ts";
import { writeWorkspace } from "../workspace/formats.ts";

/** One answer for CI over a workspace in which nothing changed since the last one. */
export const check: Measurement = {
  name: "check",
  title: `check of ${UPGRADE.services} unchanged services`,
  verbs: ["upgrade-head", "check"],
  rounds: 5,
  contestants: async (bench) => {
    const { repo, server, dir } = bench;
    const { services, migrations } = UPGRADE;
    const workspace = writeWorkspace(join(dir, "workspace"), { services, migrations });
    const url = await server.createDatabase("bench_check");
    // 3, findings: the generated down.sql files carry no proof.
    const task = { commands: [schemata(bench, workspace, url, ["check"])], jobs: 1, statuses: [0, 3] };
    await runTask(repo, dir, { commands: [schemata(bench, workspace, url, ["upgrade-head"])], jobs: 1 });
    await runTask(repo, dir, task);
    return [{ id: "schemata", label: "schemata check", services, jobs: 1, prepare: async () => task }];
  },
  targets: (find) => [atMostSeconds(3, `check of ${UPGRADE.services} unchanged services`, find("schemata"))],
};
