import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Bench } from "../measurement.ts";
import type { Command } from "../process.ts";
import type { Workspace } from "../workspace/formats.ts";

// How each tool is called for one service, or for a whole workspace, always by its fastest door:
// no npx, no npm run, no wrapper around a binary.

type Build = Pick<Bench, "repo" | "dist">;

/** Our own tool, on a whole workspace unless `args` say otherwise. */
export function schemata({ dist }: Build, { root }: Workspace, url: string, args: string[]): Command {
  return {
    argv: [process.execPath, cliFile(dist), ...args],
    cwd: root,
    env: { DATABASE_URL: url, SCHEMATA_ROOT: root },
  };
}

/** The entry of the build in `dist`. */
export function cliFile(dist: string): string {
  return join(dist, "cli.js");
}

/** psql with the scripts of these services, one after the other over one connection. */
export function psql(workspace: Workspace, url: string, services: readonly string[]): Command {
  const files = services.flatMap((service) => ["-f", workspace.psqlFile(service)]);
  return { argv: [psqlProgram(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, ...files] };
}

/** psql itself: Debian's word on the path is a wrapper in Perl that takes twice as long to start. */
function psqlProgram(): string {
  const folder = "/usr/lib/postgresql";
  const majors = existsSync(folder) ? readdirSync(folder).sort((a, b) => Number(b) - Number(a)) : [];
  return majors.map((major) => join(folder, major, "bin/psql")).find((file) => existsSync(file)) ?? "psql";
}

/** node-pg-migrate's programmatic runner: one process, `jobs` services at a time. */
export function nodePgMigrate(repo: string, workspace: Workspace, url: string, jobs: number): Command {
  const script = join(repo, "bench/tools/nodePgMigrate.mjs");
  return {
    argv: [process.execPath, script, workspace.nodePgMigrateDir(), String(jobs)],
    env: { DATABASE_URL: url },
  };
}

/** dbmate, one process a service; the schema must exist. */
export function dbmate(repo: string, workspace: Workspace, url: string, service: string): Command {
  const platform = `${process.platform === "win32" ? "win32" : process.platform}-${process.arch}`;
  const binary = join(repo, "bench/node_modules/@dbmate", platform, "bin/dbmate");
  return {
    argv: [
      ...[binary, "--url", `${url}?sslmode=disable&search_path=${service}`],
      ...["--migrations-dir", workspace.dbmateDir(service), "--no-dump-schema", "migrate"],
    ],
  };
}

/** alembic, one process a service. */
export function alembic(workspace: Workspace, url: string, service: string, args: string[]): Command {
  return {
    argv: ["alembic", "-c", workspace.alembicIni(service), ...args],
    env: { DATABASE_URL: url, DB_SCHEMA: service },
  };
}

/** The stock Prisma CLI, one process a service, over the engine in WebAssembly. */
export function prisma(
  { repo, dist }: Build,
  workspace: Workspace,
  url: string,
  service: string,
  args: string[],
): Command {
  return {
    argv: [process.execPath, join(repo, "node_modules/prisma/build/index.js"), ...args],
    cwd: join(workspace.root, "services", service),
    env: {
      DATABASE_URL: url,
      PRISMA_SCHEMA_ENGINE_BINARY: process.env.PRISMA_SCHEMA_ENGINE_BINARY ?? join(dist, "schema-engine.js"),
      // No look for a newer version, which would end in a time-out without a network.
      CHECKPOINT_DISABLE: "1",
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
      PATH: [join(repo, "node_modules/.bin"), process.env.PATH].join(delimiter),
    },
  };
}
