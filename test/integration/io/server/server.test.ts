import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SchemataError } from "../../../../scripts/core/errors.ts";
import { processArguments } from "../../../../scripts/io/server/process.ts";
import {
  ensureServer,
  resetServer,
  serverStatus,
  startServer,
  stopServer,
} from "../../../../scripts/io/server/server.ts";
import { type EmbeddedWorkspace, makeEmbeddedWorkspace, stopEmbedded } from "../../../support/embedded.ts";
import { testServer } from "../../../support/postgres.ts";

let workspace: EmbeddedWorkspace;

beforeAll(async () => {
  workspace = await makeEmbeddedWorkspace({ auth: {}, odd: { schema: 'Sel"ect; order' } });
  // Only its owner may enter: where that is root, the server runs as somebody who cannot.
  chmodSync(workspace.root, 0o700);
});

afterAll(() => stopEmbedded(workspace));

const start = (options: { signal?: AbortSignal } = {}) =>
  startServer(workspace.settings, { ...workspace.watch, ...options });

async function refusal(work: Promise<unknown>): Promise<SchemataError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SchemataError);
  return error as SchemataError;
}

describe("start and stop", () => {
  test("an interrupted initdb leaves no data folder, and the next start makes a whole one", async () => {
    const interrupt = new AbortController();
    const starting = start({ signal: interrupt.signal });
    const folder = join(workspace.dataDir, "..");
    while (!existsSync(folder) || !readdirSync(folder).some((name) => name.includes(".making-")))
      await sleep(5);
    interrupt.abort();
    await expect(starting).rejects.toThrow(/abort/i);
    expect(existsSync(workspace.dataDir)).toBe(false);
    mkdirSync(`${workspace.dataDir}.making-00000000/base`, { recursive: true });

    const { started } = await start();
    expect(started).toBe(true);
    expect(readdirSync(folder).filter((name) => name.includes(".making-"))).toEqual([]);
    expect(await workspace.query("SELECT current_database() AS name")).toEqual([{ name: "test_db" }]);
  });

  test("the server runs as no root, on loopback only, with a password, and keeps what it committed", async () => {
    const owner = statSync(workspace.dataDir);
    expect(owner.uid).not.toBe(0);
    expect(owner.mode & 0o777).toBe(0o700);
    const settings = await workspace.query(
      "SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses','unix_socket_directories','fsync','full_page_writes','synchronous_commit','password_encryption') ORDER BY 1",
    );
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      fsync: "on",
      full_page_writes: "on",
      listen_addresses: "127.0.0.1",
      password_encryption: "scram-sha-256",
      synchronous_commit: "on",
      unix_socket_directories: "",
    });
    await expect(workspace.query("SELECT 1", { password: "wrong" })).rejects.toMatchObject({ code: "28P01" });
    const methods = await workspace.query("SELECT DISTINCT auth_method FROM pg_hba_file_rules");
    expect(methods).toEqual([{ auth_method: "scram-sha-256" }]);
  });

  test("init.sql has made every service's schema, hostile names too", async () => {
    const schemas = await workspace.query(
      "SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)' ORDER BY 1",
    );
    expect(schemas).toEqual([{ name: 'Sel"ect; order' }, { name: "auth" }]);
  });

  test("a second start finds the first server, and so does ensureServer without saying anything", async () => {
    const pid = workspace.pid();
    expect(await start()).toEqual({
      server: { by: "embedded", port: workspace.settings.dbPort, pid },
      started: false,
    });
    const before = workspace.notes.length;
    await ensureServer(workspace.settings, workspace.watch.note);
    expect(workspace.notes.length).toBe(before);
    expect(await serverStatus(workspace.settings)).toMatchObject({ pid });
  });

  test("stop ends it, a second stop finds nothing, and the data are there after the next start", async () => {
    await workspace.query("CREATE TABLE auth.kept AS SELECT 42 AS answer");
    expect(await stopServer(workspace.settings, workspace.watch)).toEqual(["embedded"]);
    await expect(workspace.query("SELECT 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(await stopServer(workspace.settings, workspace.watch)).toEqual([]);
    expect(await serverStatus(workspace.settings)).toBeUndefined();
    await ensureServer(workspace.settings, workspace.watch.note);
    expect(workspace.notes.at(-1)).toBe(
      `Started the database server on 127.0.0.1:${workspace.settings.dbPort}`,
    );
    expect(await workspace.query("SELECT answer FROM auth.kept")).toEqual([{ answer: 42 }]);
  });

  test("another port while it runs is refused", async () => {
    const error = await refusal(
      startServer({ ...workspace.settings, dbPort: workspace.settings.dbPort + 1 }, workspace.watch),
    );
    expect(error.message).toBe(
      `the embedded server is already running on port ${workspace.settings.dbPort}, not ${workspace.settings.dbPort + 1}`,
    );
    expect(error.fix).toContain("make stop-db");
  });
});

describe("after a crash", () => {
  test("a killed server with a session that does not end by itself", async () => {
    const busy = workspace.query("DO $$ BEGIN LOOP END LOOP; END $$").catch((error: unknown) => error);
    const sessions = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'DO %'";
    let orphan: unknown;
    while (orphan === undefined) [orphan] = (await workspace.query(sessions)).map(({ pid }) => pid);
    const killed = workspace.pid();
    process.kill(killed, "SIGKILL");
    const { started } = await start();
    expect(started).toBe(true);
    expect(workspace.pid()).not.toBe(killed);
    expect(processArguments(orphan as number)).toEqual([]);
    expect(await busy).toBeInstanceOf(Error);
    expect(await workspace.query("SELECT answer FROM auth.kept")).toEqual([{ answer: 42 }]);
  });

  test("a pid file whose pid now belongs to another program, which is left alone", async () => {
    const file = join(workspace.dataDir, "postmaster.pid");
    const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    try {
      process.kill(workspace.pid(), "SIGKILL");
      const [, ...rest] = readFileSync(file, "utf8").split("\n");
      writeFileSync(file, [other.pid, ...rest].join("\n"));
      expect(await stopServer(workspace.settings, workspace.watch)).toEqual([]);
      expect((await start()).started).toBe(true);
      expect(other.exitCode).toBeNull();
      expect(other.signalCode).toBeNull();
    } finally {
      other.kill();
    }
  });

  test.each(["", "no number\n"])("a pid file that holds %j", async (content) => {
    await stopServer(workspace.settings, workspace.watch);
    writeFileSync(join(workspace.dataDir, "postmaster.pid"), content);
    expect((await start()).started).toBe(true);
    expect(await workspace.query("SELECT answer FROM auth.kept")).toEqual([{ answer: 42 }]);
  });
});

describe("init.sql", () => {
  test("an edited file runs at the next ensureServer, without a restart", async () => {
    const pid = workspace.pid();
    workspace.write("init.sql", "-- a comment; with a semicolon\nCREATE SCHEMA IF NOT EXISTS shop;\n");
    await ensureServer(workspace.settings, workspace.watch.note);
    expect(workspace.pid()).toBe(pid);
    expect(await workspace.query("SELECT 1 AS one FROM pg_namespace WHERE nspname = 'shop'")).toHaveLength(1);
  });

  test("statements that want no transaction around them run, as they do in psql", async () => {
    workspace.write("init.sql", "CREATE DATABASE beside;\nSELECT 1;\n");
    await ensureServer(workspace.settings, workspace.watch.note);
    expect(await workspace.query("SELECT 1 AS one", { database: "beside" })).toEqual([{ one: 1 }]);
  });

  test.each([
    [
      "SELECT 'é';\n\n/* two\nlines */ SELECT\n  nonsense;\n",
      "5:3",
      /column "nonsense" does not exist \(SQLSTATE 42703\)/,
    ],
    ["SELECT 1;\nDO $$\nBEGIN\n  RAISE 'stop';\nEND $$;\n", "2:1", /stop \(SQLSTATE P0001\)/],
    ["SELECT 1;\nSELECT 'ü' FORM;\nSELEKT 2;\n", "3:1", /syntax error/],
    ["SELECT 1;\n\\connect other\n", "2:1", /syntax error/],
  ])("an error in %j is reported with its place", async (content, place, message) => {
    workspace.write("init.sql", content);
    const error = await refusal(ensureServer(workspace.settings, workspace.watch.note));
    expect(error.message).toMatch(new RegExp(`^init\\.sql:${place}: `));
    expect(error.message).toMatch(message);
    expect(error.fix).toContain("init-sql --write");
  });
});

describe("a port that is taken", () => {
  test("by the server of another workspace", async () => {
    const other = await makeEmbeddedWorkspace({ auth: {} });
    const error = await refusal(
      ensureServer({ ...other.settings, dbPort: workspace.settings.dbPort }, other.watch.note),
    );
    expect(error.message).toBe(
      `port ${workspace.settings.dbPort} is taken by the embedded server of another workspace: ${workspace.root}`,
    );
    expect(error.fix).toContain(`make -C ${workspace.root} stop-db`);
  });

  test("by a PostgreSQL server that start-db did not start", async () => {
    const foreign = Number(new URL(await testServer()).port);
    const other = await makeEmbeddedWorkspace({});
    const error = await refusal(startServer({ ...other.settings, dbPort: foreign }, other.watch));
    expect(error.message).toMatch(
      new RegExp(
        `^port ${foreign} is taken by a PostgreSQL server that start-db did not start \\(postgres, pid \\d+\\)$`,
      ),
    );
    expect(error.fix).toContain(`DB_PORT=${foreign + 1}`);
    expect(existsSync(other.dataDir)).toBe(false);
  });

  test.each([
    ["answers in another protocol", (text: string) => text],
    ["hangs up", () => undefined],
  ])("by a program that %s", async (_what, answer) => {
    const other = await makeEmbeddedWorkspace({});
    const listener: Server = createServer((socket) => {
      const text = answer("HTTP/1.1 400 Bad Request\r\n\r\n");
      socket.on("error", () => {});
      if (text === undefined) socket.destroy();
      else socket.end(text);
    });
    listener.listen(other.settings.dbPort, "127.0.0.1");
    await once(listener, "listening");
    try {
      const error = await refusal(startServer(other.settings, other.watch));
      expect(error.message).toBe(
        `port ${other.settings.dbPort} is taken by another program (node, pid ${process.pid})`,
      );
    } finally {
      listener.close();
    }
  });
});

describe("a data folder that cannot be used", () => {
  test.each([
    ["17\n", /holds the data of PostgreSQL 17, and the embedded server is PostgreSQL 18$/],
    [undefined, /holds no PostgreSQL data: its PG_VERSION is missing$/],
  ])("PG_VERSION is %j", async (version, message) => {
    const other = await makeEmbeddedWorkspace({});
    mkdirSync(other.dataDir, { recursive: true });
    if (version) writeFileSync(join(other.dataDir, "PG_VERSION"), version);
    // As a server would have left it: root's belongs to somebody else.
    const { uid, gid } = statSync(workspace.dataDir);
    chownSync(other.dataDir, uid, gid);
    const error = await refusal(startServer(other.settings, other.watch));
    expect(error.message).toMatch(message);
  });

  test("a server that ends while starting is quoted from its log", async () => {
    await stopServer(workspace.settings, workspace.watch);
    const file = join(workspace.dataDir, "postgresql.conf");
    const content = readFileSync(file, "utf8");
    writeFileSync(file, `${content}\nwork_mem = 'lots'\n`);
    try {
      const error = await refusal(start());
      expect(error.message).toBe("the embedded server did not start");
      expect(error.why).toContain('invalid value for parameter "work_mem": "lots"');
      expect(error.why).toContain("server.log");
    } finally {
      writeFileSync(file, content);
    }
  });
});

test("reset deletes every database and starts as at the first time", async () => {
  workspace.remove("init.sql");
  await start();
  await resetServer(workspace.settings, workspace.watch);
  const databases = await workspace.query(
    "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1",
  );
  expect(databases).toEqual([{ datname: "postgres" }, { datname: "test_db" }]);
  expect(
    await workspace.query("SELECT to_regclass('auth.kept') AS kept, to_regnamespace('auth')::text AS auth"),
  ).toEqual([{ kept: null, auth: "auth" }]);
});
