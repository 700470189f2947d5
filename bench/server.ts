import { chmodSync, closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Client } from "pg";
import { quoteIdent } from "../scripts/core/sql.ts";
import { ensureBinaries, findPostgresPackage } from "../scripts/io/server/binaries.ts";
import { exitOf, runInitdb, spawnPostgres } from "../scripts/io/server/postgres.ts";
import { chooseServerUser } from "../scripts/io/server/user.ts";

/** The bench's own PostgreSQL: default settings, so every commit that is not asked to be asynchronous is flushed. */
export interface Server {
  /** The same database name is always a new, empty database. */
  createDatabase(name: string): Promise<string>;
  /** Writes back what earlier runs left, so that the next one does not pay for it. */
  settle(): Promise<void>;
  /** Processor time so far of every connection that has ended, where the system tells it. */
  cpuMs(): number | undefined;
  version: string;
  stop(): Promise<void>;
}

const PASSWORD = "postgres";

/** Starts a server on a free port whose data lies under `dir`, which must be on a real disk. */
export async function startServer(dir: string): Promise<Server> {
  const dataDir = join(dir, "data");
  const user = chooseServerUser({ dataDir, workspace: dir });
  const binaries = ensureBinaries(findPostgresPackage(), user);
  chmodSync(dir, 0o755);
  await runInitdb({ binaries, dataDir, user, password: PASSWORD });
  const port = await freePort();
  const logFile = join(dir, "postgres.log");
  const log = openSync(logFile, "a");
  const child = spawnPostgres({ binaries, dataDir, user, port, log });
  closeSync(log);
  const exited = exitOf(child);
  const url = (database: string) => `postgresql://postgres:${PASSWORD}@127.0.0.1:${port}/${database}`;
  const client = await connectWhenUp(url("postgres"));
  if (!client)
    throw new Error(`the bench's server does not answer:\n${readFileSync(logFile, "utf8").slice(-2000)}`);
  const { rows } = await client.query("SHOW server_version");
  return {
    createDatabase: async (name) => {
      await client.query(`DROP DATABASE IF EXISTS ${quoteIdent(name)} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${quoteIdent(name)}`);
      return url(name);
    },
    settle: async () => void (await client.query("CHECKPOINT")),
    cpuMs: () => (child.pid === undefined ? undefined : readChildrenCpu(child.pid)),
    version: rows[0]?.server_version,
    stop: async () => {
      await client.end();
      child.kill("SIGINT");
      await exited;
    },
  };
}

/** Linux counts the time of children that were waited for, in hundredths of a second. */
function readChildrenCpu(pid: number): number | undefined {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return undefined;
  // The second field is the program's name in parentheses; cutime and cstime are the 16th and 17th.
  const fields = readFileSync(file, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

async function connectWhenUp(connectionString: string): Promise<Client | undefined> {
  for (let tries = 0; tries < 200; tries += 1) {
    const client = new Client({ connectionString });
    try {
      await client.connect();
      return client;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return undefined;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no free port")),
      );
    });
  });
}
