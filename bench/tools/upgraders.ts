import { join } from "node:path";
import { Client } from "pg";
import { quoteIdent } from "../../scripts/core/sql.ts";
import type { Bench, Contestant } from "../measurement.ts";
import { runTask, type Task } from "../process.ts";
import { type Workspace, writeWorkspace } from "../workspace/formats.ts";
import { alembic, dbmate, nodePgMigrate, prisma, psql, schemata } from "./index.ts";

/** Services with 20 migrations each that every tool upgrades, and how many of them the slow tools get. */
export const UPGRADE = { services: 100, migrations: 20, few: { dbmate: 20, alembic: 4, prisma: 3 } } as const;

/** One way of upgrading a workspace, before it is known what database it meets. */
export interface Upgrader {
  id: string;
  label: string;
  services: number;
  jobs: number;
  scaleTo?: number;
  /** Schemas that must be there before it runs. */
  schemas?: readonly string[];
  task(url: string): Task;
}

/** Every tool's way of bringing the services of one workspace to head. */
export function upgraders(bench: Bench): { ours: Upgrader[]; floors: Upgrader[]; others: Upgrader[] } {
  const { repo, jobs } = bench;
  const { services, migrations, few } = UPGRADE;
  const formats = ["psql", "nodePgMigrate", "dbmate", "alembic"] as const;
  const workspace = writeWorkspace(join(bench.dir, "workspace"), { services, migrations, formats });
  const first = (count: number) => workspace.services.slice(0, count);
  const others: (Upgrader & { tool: string })[] = [
    {
      ...{
        id: "node-pg-migrate",
        tool: "node-pg-migrate",
        label: "node-pg-migrate, its runner",
        services,
        jobs,
      },
      task: (url) => ({ commands: [nodePgMigrate(repo, workspace, url, jobs)], jobs: 1 }),
    },
    {
      ...{
        id: "dbmate",
        tool: "dbmate",
        label: "dbmate migrate",
        services: few.dbmate,
        jobs,
        schemas: first(few.dbmate),
      },
      task: (url) => ({
        commands: first(few.dbmate).map((name) => dbmate(repo, workspace, url, name)),
        jobs,
      }),
    },
    {
      ...{ id: "alembic", tool: "alembic", label: "alembic upgrade head", services: few.alembic, jobs },
      task: (url) => ({
        commands: first(few.alembic).map((name) => alembic(workspace, url, name, ["upgrade", "head"])),
        jobs,
      }),
    },
    {
      // One at a time: its lock is one for the whole database, and gives up after ten seconds.
      ...{ id: "prisma", tool: "prisma", label: "prisma migrate deploy", services: few.prisma, jobs: 1 },
      task: (url) => ({
        commands: first(few.prisma).map((name) => prisma(bench, workspace, url, name, ["migrate", "deploy"])),
        jobs: 1,
      }),
    },
  ];
  return {
    ours: bench.skips("schemata") ? [] : [ourUpgrader(bench, workspace)],
    floors: bench.skips("psql") ? [] : psqlFloors(workspace, jobs),
    others: others.filter(({ tool }) => !bench.skips(tool)).map((one) => ({ ...one, scaleTo: services })),
  };
}

/** Our upgrade of all services of a workspace. */
export function ourUpgrader(bench: Bench, workspace: Workspace): Upgrader {
  const { jobs } = bench;
  return {
    ...{ id: "schemata", label: "schemata upgrade-head", services: workspace.services.length, jobs },
    task: (url) => ({
      commands: [schemata(bench, workspace, url, ["upgrade-head", "--jobs", String(jobs)])],
      jobs: 1,
    }),
  };
}

/** The same SQL with nothing around it, one transaction a service: as many processes as services, or as jobs, or one. */
function psqlFloors(workspace: Workspace, jobs: number): Upgrader[] {
  const { services } = workspace;
  const floor = { services: services.length };
  const shares = Array.from({ length: jobs }, (_, job) =>
    services.filter((_, index) => index % jobs === job),
  );
  const each = (url: string) => services.map((service) => psql(workspace, url, [service]));
  return [
    {
      ...floor,
      id: "psql",
      label: "psql, a process a service",
      jobs,
      task: (url) => ({ commands: each(url), jobs }),
    },
    {
      ...{ ...floor, id: "psql-shares", label: "psql, a process a job", jobs },
      task: (url) => ({ commands: shares.map((share) => psql(workspace, url, share)), jobs }),
    },
    {
      ...floor,
      id: "psql-alone",
      label: "psql, one after the other",
      jobs: 1,
      task: (url) => ({ commands: each(url), jobs: 1 }),
    },
  ];
}

/** The upgrader on a database that is new in every round. */
export function fromEmpty(bench: Bench, upgrader: Upgrader): Contestant {
  return contestant(upgrader, () => emptyDatabase(bench, upgrader));
}

/** The upgrader on a database that it has upgraded before. */
export function nothingToDo(bench: Bench, upgrader: Upgrader): Contestant {
  let url: string | undefined;
  return contestant(upgrader, async () => {
    if (url === undefined) {
      url = await emptyDatabase(bench, upgrader);
      await runTask(bench.repo, bench.dir, upgrader.task(url));
    }
    return url;
  });
}

function contestant({ task, ...upgrader }: Upgrader, database: () => Promise<string>): Contestant {
  return { ...upgrader, prepare: async () => task(await database()) };
}

async function emptyDatabase({ server }: Bench, { id, schemas = [] }: Upgrader): Promise<string> {
  const url = await server.createDatabase(`bench_${id}`);
  const client = new Client({ connectionString: url });
  await client.connect();
  for (const schema of schemas) await client.query(`CREATE SCHEMA ${quoteIdent(schema)}`);
  await client.end();
  return url;
}
