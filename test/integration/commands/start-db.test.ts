import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Context } from "../../../scripts/command.ts";
import resetDb from "../../../scripts/commands/reset-db.ts";
import { SchemataError } from "../../../scripts/core/errors.ts";
import { findPostgresPackage } from "../../../scripts/io/server/binaries.ts";
import { DOCKER_WORKSPACE } from "../../../scripts/io/server/docker.ts";
import { WORKSPACE_SETTING } from "../../../scripts/io/server/place.ts";
import { processArguments } from "../../../scripts/io/server/process.ts";
import { bareEnvironment, runCli, toolFolder } from "../../support/cli.ts";
import {
  type EmbeddedWorkspace,
  giveFolder,
  makeEmbeddedWorkspace,
  stopEmbedded,
} from "../../support/embedded.ts";
import { createDatabase, startThrowawayServer, testServer } from "../../support/postgres.ts";
import { findFreePort } from "../../support/server.ts";
import { CHECKOUT } from "../../support/workspace.ts";

let workspace: EmbeddedWorkspace;
const run = (args: string[], env: Record<string, string> = {}) =>
  runCli(args, { root: workspace.root, env: { DB_PORT: String(workspace.settings.dbPort), ...env } });

beforeAll(async () => {
  workspace = await makeEmbeddedWorkspace({ auth: {}, billing: {} });
});

afterAll(() => stopEmbedded(workspace));

describe("start-db", () => {
  test("two at once: both succeed, one server runs, and outlives them", async () => {
    const results = await Promise.all([run(["start-db"]), run(["start-db"])]);
    expect(results.map(({ status, stdout }) => [status, stdout])).toEqual([
      [0, ""],
      [0, ""],
    ]);
    const outputs = results.map(({ stderr }) => stderr).join("\n");
    expect(outputs.match(/has started on/g)).toHaveLength(1);
    expect(outputs.match(/was already running on/g)).toHaveLength(1);
    expect(outputs).not.toMatch(/postgres:postgres|password/i);
    expect(processArguments(workspace.pid()).join(" ")).not.toMatch(/password|pwfile/i);
    const schemas = await workspace.query(
      "SELECT nspname FROM pg_namespace WHERE nspname IN ('auth', 'billing') ORDER BY 1",
    );
    expect(schemas).toEqual([{ nspname: "auth" }, { nspname: "billing" }]);
  });

  test("with DATABASE_URL it starts nothing, says so, and tells whether that server answers", async () => {
    const url = await createDatabase(await testServer());
    const there = await run(["start-db"], { DATABASE_URL: url });
    expect(there).toMatchObject({ status: 0, stdout: "" });
    expect(there.stderr).toMatch(
      /^DATABASE_URL is set, so no server is started: 127\.0\.0\.1:\d+ is used\n.* answers$/,
    );
    const absent = await run(["start-db"], { DATABASE_URL: "postgresql://a:secret@127.0.0.1:1/b" });
    expect(absent.status).toBe(1);
    expect(absent.stderr).toContain("No database answers at 127.0.0.1:1");
    expect(absent.stderr).not.toContain("secret");
  });

  test("--db docker while the embedded server runs is refused", async () => {
    const { status, stderr } = await run(["start-db", "--db", "docker"]);
    expect(status).toBe(1);
    expect(stderr).toContain("make stop-db, then make start-db db=docker");
  });

  test("--db docker without Docker, or without Compose, says which is missing", async () => {
    const other = await makeEmbeddedWorkspace({ auth: {} });
    other.write("docker-compose.yml", "services: {}\n");
    const env = { DB_PORT: String(other.settings.dbPort) };
    const nothing = await runCli(["start-db", "--db", "docker"], {
      root: other.root,
      env: { ...env, PATH: dirname(process.execPath) },
    });
    expect(nothing.stderr).toContain("Docker is not installed: there is no program docker in PATH");
    expect(nothing.status).toBe(1);

    other.write("bin/docker", "#!/bin/sh\necho 'docker: unknown command: docker compose' >&2\nexit 1\n");
    execFileSync("chmod", ["+x", join(other.root, "bin", "docker")]);
    const old = await runCli(["start-db", "--db", "docker"], {
      root: other.root,
      env: { ...env, PATH: `${join(other.root, "bin")}:/usr/bin:/bin` },
    });
    expect(old.stderr).toContain("this Docker has no Compose");
    expect(old.status).toBe(1);
  });

  test("--db docker drives Compose, then runs init.sql on what answers; stop-db and reset-db do likewise", async () => {
    // No engine is needed to see what it is told: this program notes it, and a server like the container's runs already.
    const server = await startThrowawayServer({ settings: { [WORKSPACE_SETTING]: DOCKER_WORKSPACE } });
    const other = await makeEmbeddedWorkspace({ auth: {}, shop: {} });
    other.write("docker-compose.yml", "services: {}\n");
    other.write("bin/docker", '#!/bin/sh\necho "$DB_PORT $*" >> calls\n');
    execFileSync("chmod", ["+x", join(other.root, "bin", "docker")]);
    const env = { DB_PORT: String(server.port), PATH: `${join(other.root, "bin")}:/usr/bin:/bin` };
    const docker = (...args: string[]) => runCli(args, { root: other.root, env });
    const calls = () =>
      readFileSync(join(other.root, "calls"), "utf8")
        .trim()
        .split("\n")
        .map((line) =>
          line.replace(`${server.port} compose --file ${other.root}/docker-compose.yml --profile * `, ""),
        );
    try {
      const started = await docker("start-db", "--db", "docker");
      expect(started).toMatchObject({ status: 0, stdout: "" });
      expect(started.stderr).toContain(`was already running on 127.0.0.1:${server.port}, in Docker`);
      expect(started.stderr).toContain("Adminer: http://localhost:8080");
      const client = new pg.Client({ connectionString: server.url.replace(/[^/]*$/, "test_db") });
      await client.connect();
      const { rows } = await client.query("SELECT to_regnamespace('shop')::text AS shop");
      await client.end();
      expect(rows).toEqual([{ shop: "shop" }]);

      expect((await docker("start-db")).stderr).toContain("was already running");
      expect((await docker("reset-db", "--yes")).status).toBe(0);
      expect((await docker("stop-db")).stderr).toContain("The containers have stopped");
      expect(calls()).toEqual(["up --detach --wait", "down --volumes", "up --detach --wait", "down"]);
      expect((await docker("stop-db")).stderr).toContain("Nothing to stop");
      expect(existsSync(other.dataDir)).toBe(false);
    } finally {
      await server.stop();
    }
  });
});

describe("reset-db", () => {
  const kept = "SELECT to_regclass('auth.kept') IS NOT NULL AS kept";
  const context = (answer: string | undefined, settings = workspace.settings) =>
    ({
      settings,
      note: () => {},
      ask: async () => answer,
      signal: new AbortController().signal,
    }) as unknown as Context;

  test("without a terminal it wants --yes, and deletes nothing", async () => {
    await workspace.query("CREATE TABLE auth.kept ()");
    const { status, stderr } = await run(["reset-db"]);
    expect(status).toBe(2);
    expect(stderr).toContain("make reset-db yes=1");
    expect(await workspace.query(kept)).toEqual([{ kept: true }]);
  });

  test.each(["", "yes", "TEST_DB", "test_db2"])("%j is no confirmation", async (answer) => {
    await expect(resetDb.run({ yes: false }, context(answer))).rejects.toThrow(SchemataError);
    expect(await workspace.query(kept)).toEqual([{ kept: true }]);
  });

  test("it never touches the server that DATABASE_URL names, not even with --yes", async () => {
    const url = await createDatabase(await testServer());
    const { status, stderr } = await run(["reset-db", "--yes"], { DATABASE_URL: url });
    expect(status).toBe(2);
    expect(stderr).toContain(`leaves "${new URL(url).pathname.slice(1)}"`);
    expect(await workspace.query(kept)).toEqual([{ kept: true }]);
  });

  test("the database's name typed deletes everything", async () => {
    expect(await resetDb.run({ yes: false }, context("test_db"))).toBe(0);
    expect(await workspace.query(kept)).toEqual([{ kept: false }]);
  });
});

test("stop-db stops that server and, once more, nothing; the foreign server still answers", async () => {
  const first = await run(["stop-db"], { DATABASE_URL: await testServer() });
  expect(first).toMatchObject({ status: 0, stderr: "The embedded server has stopped" });
  const second = await run(["stop-db"], { DATABASE_URL: await testServer() });
  expect(second).toMatchObject({
    status: 0,
    stderr: "Nothing to stop: start-db started no server that still runs",
  });
  expect(await createDatabase(await testServer())).toContain("postgresql://");
});

test("an ordinary user runs a server of his own, in a folder only he may enter", async () => {
  const own = await makeEmbeddedWorkspace({ auth: {} });
  const asRoot = process.geteuid?.() === 0;
  const id = (flag: string) =>
    Number(execFileSync("id", [flag, ...(asRoot ? ["nobody"] : [])], { encoding: "utf8" }));
  const user = { uid: id("-u"), gid: id("-g") };
  const tool = await toolFolder();
  if (asRoot) copyTool(tool, own.root);
  giveFolder(own.root, user);
  const cli = join(asRoot ? own.root : tool, asRoot ? "dist/cli.js" : "cli.js");
  const as = (...args: string[]) =>
    execa(process.execPath, [cli, ...args], {
      cwd: own.root,
      ...(asRoot && user),
      extendEnv: false,
      env: {
        ...bareEnvironment(),
        HOME: own.root,
        SCHEMATA_ROOT: own.root,
        DB_PORT: String(own.settings.dbPort),
      },
      reject: false,
      stdin: "ignore",
    });
  try {
    const started = await as("start-db");
    expect(started.stderr).toContain("has started on");
    expect(started.exitCode).toBe(0);
    expect(statSync(own.dataDir).uid).toBe(user.uid);
    expect(await own.query("SELECT to_regnamespace('auth')::text AS auth")).toEqual([{ auth: "auth" }]);
    // Root, in that user's workspace, finds his server, and leaves what it makes to him.
    expect(
      (await runCli(["start-db"], { root: own.root, env: { DB_PORT: String(own.settings.dbPort) } })).stderr,
    ).toMatch(/was already running/);
  } finally {
    expect(await as("stop-db")).toMatchObject({ exitCode: 0, stderr: "The embedded server has stopped" });
  }
});

/** The checkout may lie where only root may enter: this user gets the tool and the packages that start-db needs. */
function copyTool(tool: string, root: string): void {
  cpSync(tool, join(root, "dist"), { recursive: true });
  execFileSync("rm", [join(root, "node_modules")]);
  const postgres = findPostgresPackage();
  for (const [from, name] of [
    [postgres, postgres.slice(postgres.lastIndexOf("node_modules/") + "node_modules/".length)],
    ...["libpg-query", "@pgsql/types"].map((name) => [join(CHECKOUT, "node_modules", name), name] as const),
  ] as const) {
    mkdirSync(dirname(join(root, "node_modules", name)), { recursive: true });
    cpSync(from, join(root, "node_modules", name), { recursive: true, verbatimSymlinks: true });
  }
}

test("outside of a workspace nothing is made", async () => {
  const { root, remove } = await makeEmbeddedWorkspace({});
  remove("services");
  const outside = await runCli(["start-db"], { root, env: { DB_PORT: String(await findFreePort()) } });
  expect(outside.status).not.toBe(0);
  expect(outside.stderr).toContain("a workspace is a folder that holds services/");
  expect(existsSync(join(root, ".schemata"))).toBe(false);
  const nowhere = await runCli(["start-db"], { root: `${root}-nowhere`, cwd: root });
  expect(nowhere.status).toBe(2);
  expect(nowhere.stderr).toContain(`the workspace ${root}-nowhere does not exist`);
});
