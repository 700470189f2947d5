import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { withClient } from "../support/catalog.ts";
import { runCli } from "../support/cli.ts";
import { growHistory } from "../support/histories/grown.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, startThrowawayServer, testServer } from "../support/postgres.ts";
import { findFreePort, startServer } from "../support/server.ts";
import { expectDecent, type Site, upgrade, upgradeWell } from "../support/upgrade.ts";
import { makeReader, readStrings, writeError } from "../support/wire.ts";
import { makeWorkspace } from "../support/workspace.ts";

const ONE = "20250101000000_one";
const SLOW = "20250102000000_slow";

/** A service for each name, whose second migration gives a test time to interfere. */
function makeSlowWorkspace(names: readonly string[], sleepSeconds = 30) {
  const migrations = {
    [ONE]: "CREATE TABLE a ();",
    [SLOW]: `CREATE TABLE b ();\nSELECT 'slow work', pg_sleep(${sleepSeconds});`,
  };
  return makeWorkspace(Object.fromEntries(names.map((name) => [name, { migrations }])));
}

async function openSession(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}

async function untilSlow(control: pg.Client): Promise<number> {
  for (let left = 1_500; left > 0; left -= 1) {
    const { rows } = await control.query(
      "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'PgSleep' AND datname = current_database() ORDER BY pid LIMIT 1",
    );
    if (rows.length > 0) return rows[0].pid;
    await sleep(20);
  }
  throw new Error("nobody sleeps");
}

async function expectWhole(
  { databaseUrl }: Site,
  service: string,
  migrations: readonly string[],
): Promise<void> {
  const ledger = await readLedger(databaseUrl, service);
  expect(ledger.map(({ migration, state }) => [migration, state])).toEqual(
    migrations.map((migration) => [migration, "finished"]),
  );
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query(
      "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' AND relname <> '_prisma_migrations'",
      [service],
    ),
  );
  expect(rows).toHaveLength(migrations.length);
}

describe("a connection that is lost", () => {
  test("because an administrator ended it: told, and the other services finish", async () => {
    const workspace = makeSlowWorkspace(["auth"]);
    const others = { [ONE]: "CREATE TABLE a ();" };
    for (const name of ["billing", "catalog", "delivery"]) {
      workspace.write(
        `services/${name}/schema.prisma`,
        `datasource db {\n  provider = "postgresql"\n  schemas = ["${name}"]\n}\n`,
      );
      workspace.writeMigration(name, ONE, others[ONE]);
    }
    const site = { workspace, databaseUrl: await createDatabase(await testServer()) };
    const control = await openSession(site.databaseUrl);
    const running = upgrade(site, "--jobs", "2");
    await control.query("SELECT pg_terminate_backend($1)", [await untilSlow(control)]);
    const run = await running;
    expect(run.status).toBe(1);
    expect(run.of("auth").error).toMatch(
      /^auth: 20250102000000_slow failed at .*migration\.sql:2:1\n {2}Why: terminating connection due to administrator command \(SQLSTATE 57P01\)[\s\S]*Fix: the server ended the connection .*: when it is up, make upgrade-head app=auth/,
    );
    for (const name of ["billing", "catalog", "delivery"]) expect(run.of(name).status).toBe("upgraded");
    await expectWhole(site, "auth", [ONE]);
  });

  test("without a word: told without claiming more than is known", async () => {
    const databaseUrl = await createDatabase(await testServer());
    const relay = await startRelay(Number(new URL(databaseUrl).port));
    const through = new URL(databaseUrl);
    through.port = String(relay.port);
    const site = { workspace: makeSlowWorkspace(["auth"], 5), databaseUrl: through.href };
    const control = await openSession(databaseUrl);
    const running = upgrade(site);
    await untilSlow(control);
    relay.cut();
    const run = await running;
    expect(run.status).toBe(1);
    expect(run.of("auth").error).toMatch(
      /^auth: the connection to the server broke at 2025010[12]000000_\w+ or after it\n {2}Why: .+\n {2}Fix: see that the server is up, then make upgrade-head app=auth/,
    );
    expect(run.of("auth").error).not.toMatch("Nothing of this migration was kept");
    // The server goes on with what it was sent, and the next run finds out.
    const next = await upgradeWell({ ...site, databaseUrl });
    await expectWhole({ ...site, databaseUrl }, "auth", [ONE, SLOW]);
    expect(["upgraded", "up-to-date"]).toContain(next.of("auth").status);
  });

  test("behind the last commit, before the server is ready again: told as what it is", async () => {
    const databaseUrl = await createDatabase(await testServer());
    const through = new URL(databaseUrl);
    const { port } = await startRelay(Number(through.port), (far, near) => {
      let isOver = false;
      const read = makeReader(
        () => false,
        ({ type, bytes }) => {
          if (isOver) return;
          near.write(bytes);
          if (type !== "C" || readStrings(bytes.subarray(5))[0] !== "COMMIT") return;
          isOver = true;
          near.end(writeError("57P01", "terminating connection due to administrator command"));
        },
      );
      far.on("data", read);
    });
    through.port = String(port);
    const site = {
      workspace: makeWorkspace({ auth: { migrations: { [ONE]: "CREATE TABLE a ();" } } }),
      databaseUrl: through.href,
    };
    const run = await upgrade(site);
    expect(run.status).toBe(1);
    expect(run.of("auth").error).toBe(
      `auth: the connection to the server broke at ${ONE} or after it
  Why: terminating connection due to administrator command
  Fix: see that the server is up, then make upgrade-head app=auth goes on from where it stopped
       Each migration is applied and recorded whole, or not at all.`,
    );
    expect((await upgradeWell({ ...site, databaseUrl })).of("auth").status).toBe("up-to-date");
    await expectWhole({ ...site, databaseUrl }, "auth", [ONE]);
  });

  test("while standings are read", async () => {
    const databaseUrl = await createDatabase(await testServer());
    const site = { workspace: makeWorkspace({ auth: { migrations: growHistory(3) } }), databaseUrl };
    await upgradeWell(site);
    const holder = await openSession(databaseUrl);
    await holder.query("BEGIN; LOCK TABLE auth._prisma_migrations IN ACCESS EXCLUSIVE MODE");
    // In a transaction of its own the holder would see who waits as of its first look.
    const control = await openSession(databaseUrl);
    for (const verb of ["upgrade-head", "current", "history"]) {
      const running = runCli([verb], { root: site.workspace.root, databaseUrl });
      await control.query("SELECT pg_terminate_backend($1)", [await untilBlocked(control)]);
      const result = await running;
      expectDecent(result);
      expect(result.status).toBe(1);
      expect(result.stderr).toMatch(
        /^The connection to the server at 127\.0\.0\.1:\d+ broke\n {2}Why: terminating connection due to administrator command\n {2}Fix: /m,
      );
    }
  });

  async function untilBlocked(control: pg.Client): Promise<number> {
    for (let left = 1_500; left > 0; left -= 1) {
      const { rows } = await control.query(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0",
      );
      if (rows.length > 0) return rows[0].pid;
      await sleep(20);
    }
    throw new Error("nobody waits");
  }
});

describe("a server that goes down", () => {
  const NAMES = Array.from({ length: 12 }, (_, index) => `service_${index}`);

  test.each(["fast", "immediate"] as const)(
    "%s, in the middle: every service is told of, and the next run goes on",
    async (how) => {
      const server = await startThrowawayServer();
      onTestFinished(() => server.stop("immediate"));
      const site = { workspace: makeSlowWorkspace(NAMES, 15), databaseUrl: await createDatabase(server.url) };
      const control = await openSession(site.databaseUrl);
      const running = upgrade(site, "--jobs", "3");
      await untilSlow(control);
      await server.stop(how);
      const run = await running;
      expect(run.status).toBe(1);
      expect(run.reports.map(({ service }) => service).sort()).toEqual([...NAMES].sort());
      for (const { status, error } of run.reports) {
        expect(status).toBe("failed");
        expect(error).toMatch(
          /57P0[13]|server broke (at|before)|No database answers|starting up or shutting down|No such file|cannot be reached/,
        );
        expect(error).toMatch("\n  Fix: ");
      }
      await server.start();
      for (const name of NAMES) site.workspace.writeMigration(name, SLOW, "CREATE TABLE b ();");
      await upgradeWell(site);
      for (const name of NAMES) await expectWhole(site, name, [ONE, SLOW]);
    },
  );

  test("and comes up without what it had not written: nothing is said to be done that is not", async () => {
    const server = await startThrowawayServer({ settings: { wal_writer_delay: "10s" } });
    onTestFinished(() => server.stop("immediate"));
    const databaseUrl = await createDatabase(server.url);
    const workspace = makeWorkspace({
      auth: { migrations: { [ONE]: "CREATE TABLE a ();" } },
      billing: { migrations: { [ONE]: "CREATE TABLE a ();" } },
    });
    await upgradeWell({ workspace, databaseUrl });
    workspace.writeMigration("auth", SLOW, "CREATE TABLE b ();");
    workspace.writeMigration("billing", SLOW, "CREATE TABLE b ();\nSELECT pg_sleep(30);");
    // Nobody gets in before the server is up again, as through a load balancer that waits.
    const through = new URL(databaseUrl);
    const isUp = () => withClient(databaseUrl, (client) => client.query("SELECT 1"));
    const relay = await startRelay(Number(through.port), undefined, async () => {
      while (!(await isUp().catch(() => undefined))) await sleep(50);
    });
    through.port = String(relay.port);
    const control = await openSession(databaseUrl);
    const running = upgrade({ workspace, databaseUrl: through.href }, "--jobs", "1");
    process.kill(await untilSlow(control), "SIGKILL");
    const run = await running;
    expect((await readLedger(databaseUrl, "auth")).map(({ migration }) => migration)).toEqual([ONE]);
    expect(run.status).toBe(1);
    expect(run.of("auth")).toMatchObject({
      status: "failed",
      applied: [],
      error: `auth: ${SLOW} had been applied when the server crashed, and it came up without that
  Why: it had not written it to its disk yet; row and objects are as before, together
  Fix: make upgrade-head app=auth`,
    });
    expect(run.of("billing").status).toBe("failed");
    workspace.writeMigration("billing", SLOW, "CREATE TABLE b ();");
    await upgradeWell({ workspace, databaseUrl });
    for (const name of ["auth", "billing"]) await expectWhole({ workspace, databaseUrl }, name, [ONE, SLOW]);
  });

  test("that is shutting down lets nobody in: told, and with it the cure", async () => {
    const server = await startThrowawayServer();
    onTestFinished(() => server.stop("immediate"));
    const last = await openSession(server.url);
    process.kill(server.pid(), "SIGTERM");
    const site = { workspace: makeSlowWorkspace(["auth"]), databaseUrl: server.url };
    await sleep(300);
    const result = await upgrade(site);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(
      /^The server at 127\.0\.0\.1:\d+ is starting up or shutting down\n {2}Why: the database system is shutting down\n {2}Fix: wait a moment/m,
    );
    await last.end();
  });
});

describe("a server with few connections", () => {
  test("does with fewer jobs than asked for, and says so", async () => {
    const server = await startThrowawayServer({
      settings: { max_connections: 5, superuser_reserved_connections: 0 },
    });
    onTestFinished(() => server.stop("immediate"));
    const databaseUrl = await createDatabase(server.url);
    const names = Array.from({ length: 12 }, (_, index) => `service_${index}`);
    const workspace = makeWorkspace(
      Object.fromEntries(names.map((name) => [name, { migrations: growHistory(6) }])),
    );
    await openSession(databaseUrl);
    await openSession(databaseUrl);
    const run = await upgradeWell({ workspace, databaseUrl }, "--jobs", "8");
    expect(run.stderr).toMatch(/The server grants no more connections: going on with [123] jobs?/);
    expect(run.reports.map(({ status }) => status)).toEqual(names.map(() => "upgraded"));
  });

  test("and none left for us: told", async () => {
    const server = await startThrowawayServer({
      settings: { max_connections: 2, superuser_reserved_connections: 0, max_wal_senders: 0 },
    });
    onTestFinished(() => server.stop("immediate"));
    const databaseUrl = await createDatabase(server.url);
    await openSession(databaseUrl);
    await openSession(databaseUrl);
    const run = await upgrade({ workspace: makeSlowWorkspace(["auth"]), databaseUrl });
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(
      /^The server at 127\.0\.0\.1:\d+ has no connection left\n {2}Why: .*too many clients already\n {2}Fix: .*--jobs 1.*max_connections/m,
    );
  });
});

describe("a server that takes no writes", () => {
  test("by default for this database", async () => {
    const databaseUrl = await createDatabase(await testServer());
    const name = new URL(databaseUrl).pathname.slice(1);
    await withClient(databaseUrl, (client) =>
      client.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = on`),
    );
    const run = await upgrade({ workspace: makeSlowWorkspace(["auth"]), databaseUrl });
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(
      /are read-only for this login\n {2}Why: default_transaction_read_only is on\n {2}Fix: /,
    );
    expect(await readLedger(databaseUrl, "auth")).toEqual([]);
  });

  test("because it is a standby", async () => {
    const dataDir = join(inject("run").folder, `standby_${randomBytes(4).toString("hex")}`);
    const server = await startServer({ major: 18, dataDir });
    onTestFinished(() => server.stop("immediate"));
    const databaseUrl = await createDatabase(server.url);
    const site = {
      workspace: makeWorkspace({ auth: { migrations: { [ONE]: "CREATE TABLE a ();" } } }),
      databaseUrl,
    };
    await upgradeWell(site);
    site.workspace.writeMigration("auth", SLOW, "CREATE TABLE b ();");
    await server.stop("fast");
    writeFileSync(join(dataDir, "standby.signal"), "");
    await server.start();
    const run = await upgrade(site);
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(
      /is a standby: it replays another server and takes no writes\n {2}Fix: point DATABASE_URL at the primary/,
    );
    const current = await runCli(["current", "--json"], { root: site.workspace.root, databaseUrl });
    expect(current.json()).toMatchObject({ services: [{ service: "auth", current: ONE, pending: [SLOW] }] });
  });
});

describe("a login without rights", () => {
  const password = "not the server's";

  /** A login of its own on a database of its own, and the same site seen with the superuser's eyes. */
  async function makeLogin(): Promise<{ site: Site; admin: Site; login: string }> {
    const databaseUrl = await createDatabase(await testServer());
    const login = `login_${randomBytes(4).toString("hex")}`;
    await withClient(databaseUrl, (client) =>
      client.query(`CREATE ROLE ${login} LOGIN PASSWORD '${password.replace("'", "''")}'`),
    );
    const url = new URL(databaseUrl);
    url.username = login;
    url.password = encodeURIComponent(password);
    const workspace = makeWorkspace({
      auth: { migrations: { [ONE]: "CREATE TABLE a ();" } },
      billing: { migrations: { [ONE]: "CREATE TABLE a ();" } },
    });
    return { site: { workspace, databaseUrl: url.href }, admin: { workspace, databaseUrl }, login };
  }

  test("to create the schema", async () => {
    const { site, admin, login } = await makeLogin();
    await withClient(admin.databaseUrl, (client) =>
      client.query(`CREATE SCHEMA billing AUTHORIZATION ${login}`),
    );
    const run = await upgrade(site);
    expect(run.status).toBe(1);
    expect(run.of("auth").error).toMatch(
      /^auth: the schema "auth" does not exist and could not be created\n {2}Why: permission denied for database .*\n {2}Fix: .*CREATE SCHEMA "auth" AUTHORIZATION/,
    );
    expect(run.of("billing").status).toBe("upgraded");
    expect(run.stderr + run.stdout).not.toMatch(password);
  });

  test("to read the ledger", async () => {
    const { site, admin, login } = await makeLogin();
    await upgradeWell(admin, "--app", "auth");
    await withClient(admin.databaseUrl, (client) =>
      client.query(`CREATE SCHEMA billing AUTHORIZATION ${login}`),
    );
    const run = await upgrade(site);
    expect(run.status).toBe(1);
    expect(run.of("auth").error).toMatch(
      /^auth: this login may not read the ledger "auth"\."_prisma_migrations"\n[\s\S]*Fix: .*GRANT USAGE ON SCHEMA "auth"/,
    );
    expect(run.of("billing").status).toBe("upgraded");
    const current = await runCli(["current"], { root: site.workspace.root, databaseUrl: site.databaseUrl });
    expectDecent(current);
    expect(current.status).toBe(1);
    expect(current.stderr).toMatch(/auth: this login may not read the ledger/);
  });

  test("to write the ledger: nothing is kept", async () => {
    const { site, admin, login } = await makeLogin();
    await upgradeWell(admin);
    await withClient(admin.databaseUrl, (client) =>
      client.query(`GRANT USAGE, CREATE ON SCHEMA auth, billing TO ${login}; GRANT SELECT ON auth._prisma_migrations TO ${login};
        GRANT ALL ON billing._prisma_migrations TO ${login}`),
    );
    for (const name of ["auth", "billing"]) site.workspace.writeMigration(name, SLOW, "CREATE TABLE b ();");
    const run = await upgrade(site);
    expect(run.status).toBe(1);
    expect(run.of("auth").error).toMatch(
      /20250102000000_slow failed at [\s\S]*permission denied for table _prisma_migrations \(SQLSTATE 42501\)[\s\S]*Fix: grant/,
    );
    expect(run.of("billing").status).toBe("upgraded");
    await expectWhole(admin, "auth", [ONE]);
  });

  test("on a table of the script", async () => {
    const { site, admin, login } = await makeLogin();
    await withClient(admin.databaseUrl, (client) =>
      client.query(
        `GRANT CREATE ON DATABASE ${new URL(admin.databaseUrl).pathname.slice(1)} TO ${login}; CREATE TABLE public.foreign_table (id int)`,
      ),
    );
    site.workspace.writeMigration(
      "auth",
      SLOW,
      "CREATE TABLE b ();\nALTER TABLE public.foreign_table ADD COLUMN x int;",
    );
    const run = await upgrade(site, "--app", "auth");
    expect(run.of("auth").error).toMatch(
      /migration\.sql:2:1\n {2}Why: must be owner of table foreign_table \(SQLSTATE 42501\)/,
    );
    await expectWhole(admin, "auth", [ONE]);
  });
});

/** Passes bytes on to a port of this machine, until it cuts every connection. */
async function startRelay(
  target: number,
  answer: (far: Socket, near: Socket) => void = (far, near) => far.pipe(near),
  mayOpen: () => Promise<void> = async () => {},
): Promise<{ port: number; cut(): void }> {
  const sockets = new Set<Socket>();
  const port = await findFreePort();
  const server = createServer(async (near) => {
    await mayOpen();
    const far = connect(target, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
    near.pipe(far);
    answer(far, near);
  });
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
