import { atMostMegabytes, atMostSeconds, atMostTimes, type Measurement } from "../measurement.ts";
import { fromEmpty, nothingToDo, UPGRADE, upgraders } from "../tools/upgraders.ts";

const SIZE = `${UPGRADE.services} services x ${UPGRADE.migrations} migrations`;

/** Everything from nothing, against the floor and every other tool. */
export const empty: Measurement = {
  name: "empty",
  title: `upgrade from empty, ${SIZE}`,
  verbs: ["upgrade-head"],
  rounds: 5,
  contestants: async (bench) => {
    const { ours, floors, others } = upgraders(bench);
    return [...ours, ...floors, ...others].map((one) => fromEmpty(bench, one));
  },
  targets: (find) => [
    atMostTimes(1.1, ["from empty", find("schemata")], ["psql, a process a service", find("psql")]),
    atMostTimes(0.6, ["from empty", find("schemata")], ["node-pg-migrate", find("node-pg-migrate")]),
    atMostMegabytes(120, `from empty, ${UPGRADE.services} services`, find("schemata")),
  ],
};

/** A second run, when all is applied. */
export const nothing: Measurement = {
  name: "nothing",
  title: `nothing to do, ${SIZE}`,
  verbs: ["upgrade-head"],
  rounds: 7,
  contestants: async (bench) => {
    const { ours, others } = upgraders(bench);
    return [...ours, ...others].map((one) => nothingToDo(bench, one));
  },
  targets: (find) => [
    atMostSeconds(0.35, `nothing to do, ${UPGRADE.services} services`, find("schemata")),
    atMostMegabytes(120, `nothing to do, ${UPGRADE.services} services`, find("schemata")),
  ],
};
