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

async function contestants(bench: Bench): Promise<Contestant[]> {
  const { repo, server, dir } = bench;
  const workspace = writeWorkspace(join(dir, "workspace"), { ...SIZE, formats: ["alembic"] });
  const url = await server.createDatabase("bench_current");
  const other = await server.createDatabase("bench_current_alembic");
  const run = (command: Command) => runTask(repo, dir, { commands: [command], jobs: 1 });
  const contestant = (id: string, label: string, command: Command): Contestant => ({
    ...{ id, label, services: 1, jobs: 1 },
    prepare: async () => ({ commands: [command], jobs: 1 }),
  });
  await run(schemata(bench, workspace, url, ["upgrade-head"]));
  const found = [
    contestant(
      "schemata",
      "schemata current --app auth",
      schemata(bench, workspace, url, ["current", "--app", "auth"]),
    ),
  ];
  if (!bench.skips("alembic")) {
    await run(alembic(workspace, other, "auth", ["upgrade", "head"]));
    found.push(contestant("alembic", "alembic current", alembic(workspace, other, "auth", ["current"])));
  }
  if (!bench.skips("prisma"))
    found.push(
      contestant(
        "prisma",
        "prisma migrate status",
        prisma(bench, workspace, url, "auth", ["migrate", "status"]),
      ),
    );
  return found;
}
