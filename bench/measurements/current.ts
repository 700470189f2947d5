import { join } from "node:path";
import {
  atMostMegabytes,
  atMostTimes,
  type Bench,
  type Contestant,
  type Measurement,
} from "../measurement.ts";
import { type Command, runTask } from "../process.ts";
import { alembic, prisma, schemata } from "../tools/index.ts";
import { writeWorkspace } from "../workspace/formats.ts";

const SIZE = { services: ["auth", "billing"], migrations: 2 } as const;

/** Where one of two small services stands. */
export const current: Measurement = {
  name: "current",
  title: "where one service of two stands",
  verbs: ["upgrade-head", "current"],
  rounds: 11,
  contestants,
  targets: (find) => [
    atMostTimes(0.5, ["current --app auth", find("schemata")], ["alembic current", find("alembic")]),
    atMostTimes(0.2, ["current --app auth", find("schemata")], ["prisma migrate status", find("prisma")]),
    atMostMegabytes(90, "current --app auth", find("schemata")),
  ],
};

/** Each tool on a database that it has upgraded itself. */
async function contestants(bench: Bench): Promise<Contestant[]> {
  const workspace = writeWorkspace(join(bench.dir, "workspace"), { ...SIZE, formats: ["alembic"] });
  const tools: {
    id: string;
    label: string;
    run: (url: string, args: string[]) => Command;
    steps: { upgrade: string[]; show: string[] };
  }[] = [
    {
      ...{ id: "schemata", label: "schemata current --app auth" },
      run: (url, args) => schemata(bench, workspace, url, args),
      steps: { upgrade: ["upgrade-head"], show: ["current", "--app", "auth"] },
    },
    {
      ...{ id: "alembic", label: "alembic current" },
      run: (url, args) => alembic(workspace, url, "auth", args),
      steps: { upgrade: ["upgrade", "head"], show: ["current"] },
    },
    {
      ...{ id: "prisma", label: "prisma migrate status" },
      run: (url, args) => prisma(bench, workspace, url, "auth", ["migrate", ...args]),
      steps: { upgrade: ["deploy"], show: ["status"] },
    },
  ];
  const found: Contestant[] = [];
  for (const { id, label, run, steps } of tools.filter((tool) => !bench.skips(tool.id))) {
    const url = await bench.server.createDatabase(`bench_current_${id}`);
    await runTask(bench.repo, bench.dir, { commands: [run(url, steps.upgrade)], jobs: 1 });
    const show = { commands: [run(url, steps.show)], jobs: 1 };
    found.push({ id, label, services: 1, jobs: 1, prepare: async () => show });
  }
  return found;
}
