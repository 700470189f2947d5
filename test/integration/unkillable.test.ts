import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliProcess, runCli, spawnCli } from "../support/cli.ts";
import { growHistory } from "../support/histories/grown.ts";
import { type Outcome, readOutcome } from "../support/interchange.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, startThrowawayServer, type TestServer } from "../support/postgres.ts";
import { makeChance } from "../support/random.ts";
import { makeWorkspace, type TestWorkspace } from "../support/workspace.ts";

const SERVICES = ["auth", "billing", "catalog", "delivery", "events", "forum"] as const;
const MIGRATIONS = 24;

/** Ways to kill, how often, and how many runs go on at once, as when several machines deploy; a kill counts when it met somebody alive. */
const KINDS = [
  { what: "SIGKILL to the tool", kills: 90, runs: 2 },
  { what: "pg_terminate_backend", kills: 75, runs: 2 },
  { what: "SIGKILL to a backend", kills: 20, runs: 1 },
  { what: "an immediate stop of the server", kills: 15, runs: 1 },
] as const;

type Kind = (typeof KINDS)[number]["what"];

const chance = makeChance();

/**
 * Every run is killed at a moment anywhere between its first and its last millisecond, several times in the life of a
 * database; then one is left alone. It must finish, and leave what a run leaves that nobody disturbed.
 */
describe(`whatever is killed whenever, the next upgrade goes on (SEED=${chance.seed})`, () => {
  let server: TestServer;
  let workspace: TestWorkspace;
  let undisturbed: Outcome;
  let runLength: number;

  beforeAll(async () => {
    server = await startThrowawayServer();
    workspace = makeWorkspace(
      Object.fromEntries(SERVICES.map((name) => [name, { migrations: growHistory(MIGRATIONS) }])),
    );
    const databaseUrl = await createDatabase(server.url);
    const started = performance.now();
    await finish(databaseUrl);
    runLength = performance.now() - started;
    undisturbed = await readAll(databaseUrl);
    expect(undisturbed.ledger).toHaveLength(SERVICES.length * MIGRATIONS);
    expect(Object.keys(undisturbed.rows)).toHaveLength(SERVICES.length * (MIGRATIONS / 3));
  });

  afterAll(() => server.stop("immediate"));

  test.each(KINDS)("$what, $kills times", { timeout: 600_000 }, async ({ what, kills, runs }) => {
    for (let killed = 0; killed < kills; ) {
      const databaseUrl = await createDatabase(server.url);
      for (let rounds = 1 + chance.below(4); rounds > 0 && killed < kills; rounds -= 1) {
        killed += await disturb(what, { databaseUrl, runs });
      }
      await finish(databaseUrl);
      expect(await readAll(databaseUrl), `SEED=${chance.seed}, after ${killed} kills`).toEqual(undisturbed);
      await dropDatabase(databaseUrl);
    }
  });

  /** Lets the tool upgrade, kills meanwhile, and returns how many kills met somebody alive. */
  async function disturb(
    what: Kind,
    { databaseUrl, runs }: { databaseUrl: string; runs: number },
  ): Promise<number> {
    const started = Array.from({ length: runs }, () =>
      spawnCli(["upgrade-head"], { root: workspace.root, databaseUrl }),
    );
    const processes = (await Promise.all(started)).map((run) => run.process);
    const ended = Promise.all(processes);
    const kills = await KILLERS[what](processes, { server, databaseUrl, runLength, ended });
    for (const { exitCode, signal, stderr } of await ended) {
      expect(stderr, `SEED=${chance.seed}`).not.toMatch(/defect of the tool|unsettled|^\s+at /m);
      if (signal === "SIGKILL") continue;
      expect([0, 1], `SEED=${chance.seed}: ${exitCode} ${signal} ${stderr}`).toContain(exitCode);
      if (exitCode === 1) expect(stderr).toMatch("\n  Fix: ");
    }
    return kills;
  }

  async function finish(databaseUrl: string): Promise<void> {
    const { status, stderr, stdout } = await runCli(["upgrade-head"], { root: workspace.root, databaseUrl });
    expect(status, `SEED=${chance.seed}\n${stderr}${stdout}`).toBe(0);
  }

  async function readAll(databaseUrl: string): Promise<Outcome> {
    const ledger: Outcome["ledger"] = [];
    for (const service of SERVICES) ledger.push(...(await readLedger(databaseUrl, service)));
    return { ...(await readOutcome(databaseUrl, [...SERVICES])), ledger };
  }

  async function dropDatabase(databaseUrl: string): Promise<void> {
    const control = await connectAgain(server.url);
    await control.query(`DROP DATABASE "${new URL(databaseUrl).pathname.slice(1)}" WITH (FORCE)`);
    await control.end();
  }
});

/** One round: what runs, on which server, and how long a run takes that nobody disturbs. */
interface Round {
  server: TestServer;
  databaseUrl: string;
  runLength: number;
  ended: Promise<unknown>;
}

type Killer = (processes: readonly CliProcess[], round: Round) => Promise<number>;

const KILLERS: Record<Kind, Killer> = {
  "SIGKILL to the tool": async (processes, { runLength }) => {
    const killed = processes.map(async (process) => {
      await sleep(chance.next() * runLength);
      return process.kill("SIGKILL");
    });
    return (await Promise.all(killed)).filter(Boolean).length;
  },
  pg_terminate_backend: (_, round) =>
    killBackends(round, async (pid, control) => {
      const { rows } = await control.query("SELECT pg_terminate_backend($1) AS met", [pid]);
      return rows[0].met;
    }),
  "SIGKILL to a backend": (_, round) =>
    killBackends(round, async (pid, control) => {
      process.kill(pid, "SIGKILL");
      // The server ends all connections, also this one, and recovers; not if that backend had just ended by itself.
      const ended = new Promise<boolean>((resolve) => control.once("end", () => resolve(true)));
      return Promise.race([ended, sleep(3_000, false)]);
    }),
  "an immediate stop of the server": async (_, { server, runLength }) => {
    await sleep(chance.next() * runLength);
    await server.stop("immediate");
    await server.start();
    return 1;
  },
};

/** Kills backends that work for the tool, one after the other with pauses between, for as long as it runs. */
async function killBackends(
  { server, databaseUrl, runLength, ended }: Round,
  kill: (pid: number, control: pg.Client) => Promise<boolean>,
): Promise<number> {
  const database = decodeURIComponent(new URL(databaseUrl).pathname.slice(1));
  let running = true;
  ended.finally(() => {
    running = false;
  });
  let control = await connectAgain(server.url);
  let kills = 0;
  for (let pause = chance.next() * runLength; running; pause = (chance.next() * runLength) / 2) {
    await sleep(pause);
    try {
      const pid = await findBackend(control, database, () => running);
      if (pid === undefined) break;
      kills += Number(await kill(pid, control));
      await control.query("SELECT 1");
    } catch {
      await control.end().catch(() => {});
      control = await connectAgain(server.url);
    }
  }
  await control.end().catch(() => {});
  return kills;
}

/** A backend of the tool, as soon as there is one. */
async function findBackend(
  control: pg.Client,
  database: string,
  running: () => boolean,
): Promise<number | undefined> {
  for (; running(); await sleep(5)) {
    const { rows } = await control.query<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend' ORDER BY pid",
      [database],
    );
    if (rows.length > 0) return chance.pick(rows).pid;
  }
  return undefined;
}

/** Connects as soon as the server, which may be recovering, lets it. */
async function connectAgain(url: string): Promise<pg.Client> {
  for (let left = 600; ; left -= 1) {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      if (left === 0) throw error;
      await sleep(25);
    }
  }
}
