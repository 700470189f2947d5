import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { atMostTimes, type Bench, type Contestant, type Measurement } from "../measurement.ts";
import { type Command, runTask } from "../process.ts";
import { alembic, schemata } from "../tools/index.ts";
import { type Workspace, writeWorkspace } from "../workspace/formats.ts";
import { renderSchemaFile } from "../workspace/history.ts";

const SHORT = 2;
const LONG = 400;

/** One more column in the schema file becomes a migration, after a short and after a long history. */
export const revision: Measurement = {
  name: "revision",
  title: "revision of one new column",
  verbs: ["upgrade-head", "revision"],
  rounds: 7,
  contestants: async (bench) => [
    ...(bench.skips("schemata") ? [] : [await ours(bench, SHORT), await ours(bench, LONG)]),
    ...(bench.skips("alembic") ? [] : [await theirs(bench)]),
  ],
  targets: (find) => [
    atMostTimes(
      1,
      ["revision", find(`schemata-${SHORT}`)],
      ["alembic revision --autogenerate", find("alembic")],
    ),
    atMostTimes(
      2,
      [`revision after ${LONG} migrations`, find(`schemata-${LONG}`)],
      [`after ${SHORT}`, find(`schemata-${SHORT}`)],
    ),
    atMostTimes(
      0.6,
      [`revision after ${LONG} migrations`, find(`schemata-${LONG}`)],
      [`alembic revision --autogenerate after ${SHORT}`, find("alembic")],
    ),
  ],
};

async function ours(bench: Bench, migrations: number): Promise<Contestant> {
  const { repo, server, dir } = bench;
  const workspace = writeWorkspace(join(dir, `ours-${migrations}`), { services: ["auth"], migrations });
  const service = join(workspace.root, "services/auth");
  const url = await server.createDatabase(`bench_revision_${migrations}`);
  writeFileSync(join(service, "schema.prisma"), renderSchemaFile("auth", migrations, "nickname String?"));
  const once = (command: Command) => runTask(repo, dir, { commands: [command], jobs: 1 });
  await once(schemata(bench, workspace, url, ["upgrade-head"]));
  const command = schemata(bench, workspace, url, ["revision", "--app", "auth", "-m", "add nickname"]);
  const forget = keepOnly(join(service, "migrations"));
  // The first one makes the shadow database that the others keep.
  await once(command);
  return contestant(
    `schemata-${migrations}`,
    `schemata revision, after ${migrations} migrations`,
    command,
    forget,
  );
}

async function theirs({ repo, server, dir }: Bench): Promise<Contestant> {
  const workspace: Workspace = writeWorkspace(join(dir, "alembic"), {
    ...{ services: ["auth"], migrations: SHORT },
    formats: ["alembic"],
  });
  const url = await server.createDatabase("bench_revision_alembic");
  await runTask(repo, dir, { commands: [alembic(workspace, url, "auth", ["upgrade", "head"])], jobs: 1 });
  const command = alembic(workspace, url, "auth", ["revision", "--autogenerate", "-m", "add nickname"]);
  const forget = keepOnly(join(dirname(workspace.alembicIni("auth")), "versions"));
  return contestant("alembic", `alembic revision --autogenerate, after ${SHORT} migrations`, command, forget);
}

function contestant(id: string, label: string, command: Command, forget: () => void): Contestant {
  const prepare = async () => {
    forget();
    return { commands: [command], jobs: 1 };
  };
  return { id, label, services: 1, jobs: 1, prepare };
}

/** Removes what was written into a folder since, so that every round revises the same history. */
function keepOnly(folder: string): () => void {
  const kept = new Set(readdirSync(folder));
  return () => {
    for (const name of readdirSync(folder))
      if (!kept.has(name)) rmSync(join(folder, name), { recursive: true });
  };
}
