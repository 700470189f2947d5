import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fail } from "../../core/errors.ts";
import type { Settings } from "../../core/settings.ts";
import type { Watch } from "./embedded.ts";

/** What docker-compose.yml gives its server as {@link WORKSPACE_SETTING}: no path, so never a workspace's. */
export const DOCKER_WORKSPACE = "docker compose";

const COMPOSE_FILE = "docker-compose.yml";

type Place = Pick<Settings, "root" | "dbPort">;

/** Starts Postgres and Adminer and waits until they are healthy; with both running it does nothing. */
export async function startDocker(place: Place, watch: Watch): Promise<void> {
  await runCompose(place, ["up", "--detach", "--wait"], watch);
  mkdirSync(dirname(markFile(place)), { recursive: true });
  writeFileSync(markFile(place), "");
}

/** Stops and removes the containers, and with `data` the volume too. */
export async function stopDocker(place: Place, options: { data: boolean }, watch: Watch): Promise<void> {
  await runCompose(place, ["down", ...(options.data ? ["--volumes"] : [])], watch);
  rmSync(markFile(place), { force: true });
}

/** Whether start-db started the containers and stop-db has not stopped them. */
export function startedByDocker(place: Place): boolean {
  return existsSync(markFile(place));
}

function markFile({ root }: Place): string {
  return join(root, ".schemata", "docker");
}

async function runCompose({ root, dbPort }: Place, args: string[], watch: Watch): Promise<void> {
  const file = join(root, COMPOSE_FILE);
  if (!existsSync(file))
    fail({
      fact: `${file} is missing`,
      fix: `git checkout ${COMPOSE_FILE}   # or make start-db without Docker`,
    });
  const { execa } = await import("execa");
  const result = await execa("docker", ["compose", "--file", file, "--profile", "*", ...args], {
    cwd: root,
    env: { DB_PORT: String(dbPort) },
    stdin: "ignore",
    stdout: process.stderr,
    stderr: ["pipe", process.stderr],
    reject: false,
    ...(watch.signal && { cancelSignal: watch.signal }),
  });
  watch.signal?.throwIfAborted();
  if (result.failed) fail(composeFailure(args, result));
}

function composeFailure(
  args: string[],
  result: { code?: string | undefined; stderr: string; shortMessage?: string | undefined },
) {
  const withoutDocker = "make start-db   # without db=docker it needs no Docker";
  if (result.code === "ENOENT")
    return { fact: "Docker is not installed: there is no program docker in PATH", fix: withoutDocker };
  if (
    /unknown command|is not a docker command|unknown shorthand flag|unknown flag: --file/i.test(result.stderr)
  )
    return {
      fact: "this Docker has no Compose: docker compose is unknown to it",
      fix: `install the plugin docker-compose-plugin, version 2.17 or later; or ${withoutDocker}`,
    };
  if (
    /cannot connect to the docker daemon|permission denied.*docker\.sock|error during connect/i.test(
      result.stderr,
    )
  )
    return {
      fact: "the Docker engine does not answer",
      why: result.stderr.trim(),
      fix: `start it (systemctl start docker, or Docker Desktop); or ${withoutDocker}`,
    };
  return {
    fact: `docker compose ${args[0]} failed`,
    why: result.stderr.trim() || result.shortMessage,
    fix: "docker compose logs db   # or make start-db, which needs no Docker",
  };
}
