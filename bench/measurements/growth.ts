import { join } from "node:path";
import {
  atMostSeconds,
  type Bench,
  type Contestant,
  type Measurement,
  type Result,
  type Target,
} from "../measurement.ts";
import { fromEmpty, ourUpgrader, UPGRADE } from "../tools/upgraders.ts";
import { writeWorkspace } from "../workspace/formats.ts";

const SIZES = [1, 10, 100, 1000] as const;

/** How time and memory grow with the number of services. */
export const growth: Measurement = {
  name: "growth",
  title: `growth, ${UPGRADE.migrations} migrations a service`,
  verbs: ["upgrade-head"],
  rounds: 2,
  contestants: async (bench) => SIZES.flatMap((services) => twoRuns(bench, services)),
  targets: (find) => [
    atMostSeconds(1, "nothing to do, 1,000 services", find("nothing-1000")),
    memoryGrowth("from empty", find("empty-100"), find("empty-1000")),
    memoryGrowth("nothing to do", find("nothing-100"), find("nothing-1000")),
  ],
};

/** One from empty, then one on the database that it leaves. */
function twoRuns(bench: Bench, services: number): Contestant[] {
  const workspace = writeWorkspace(join(bench.dir, String(services)), {
    services,
    migrations: UPGRADE.migrations,
  });
  const upgrader = {
    ...ourUpgrader(bench, workspace),
    id: `empty-${services}`,
    label: "schemata, from empty",
  };
  let url = "";
  const first = fromEmpty(bench, {
    ...upgrader,
    task: (fresh) => {
      url = fresh;
      return upgrader.task(fresh);
    },
  });
  const again = { ...upgrader, id: `nothing-${services}`, label: "schemata, nothing to do" };
  return [first, { ...again, prepare: async () => upgrader.task(url) }];
}

function memoryGrowth(
  what: string,
  small: Result | undefined,
  large: Result | undefined,
): Target | undefined {
  if (!small || !large) return undefined;
  const more = large.contestant.services - small.contestant.services;
  const kb = ((large.peakMb - small.peakMb) * 1024) / more;
  return {
    promise: `${what}: less than 50 KB more memory a service`,
    measured: `${kb.toFixed(1)} KB`,
    met: kb < 50,
  };
}
