import { chmodSync, chownSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import type { Settings } from "../../scripts/core/settings.ts";
import { stopServer } from "../../scripts/io/server/server.ts";
import { findFreePort } from "./server.ts";
import { makeWorkspace, type ServiceFiles, type TestWorkspace } from "./workspace.ts";

/** A workspace with an embedded server of its own; what it notes is kept for reading. */
export interface EmbeddedWorkspace extends TestWorkspace {
  settings: Settings;
  dataDir: string;
  notes: string[];
  watch: { note(text: string): void };
  /** The postmaster's pid, as its pid file has it. */
  pid(): number;
  query(sql: string, options?: { database?: string; password?: string }): Promise<Record<string, unknown>[]>;
}

/** Makes the workspace on a port that is free now; nothing runs yet. `stopEmbedded` belongs into afterAll. */
export async function makeEmbeddedWorkspace(
  services: Record<string, ServiceFiles>,
): Promise<EmbeddedWorkspace> {
  const workspace = makeWorkspace(services);
  const dbPort = await findFreePort();
  const url = (database: string, password = "postgres") =>
    `postgresql://postgres:${password}@127.0.0.1:${dbPort}/${database}`;
  const dataDir = join(workspace.root, ".schemata", "postgres-18", "data");
  const notes: string[] = [];
  return {
    ...workspace,
    dataDir,
    notes,
    watch: { note: (text) => void notes.push(text) },
    settings: {
      root: workspace.root,
      databaseUrl: url("test_db"),
      databaseFrom: "embedded",
      dbPort,
      shadowDatabaseUrl: undefined,
    },
    pid: () => Number(readFileSync(join(dataDir, "postmaster.pid"), "utf8").split("\n")[0]),
    async query(sql, { database = "test_db", password } = {}) {
      const client = new pg.Client({ connectionString: url(database, password) });
      client.on("error", () => {});
      await client.connect();
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    },
  };
}

/** Stops a workspace's server, whether it runs or not. */
export async function stopEmbedded({ settings, watch }: EmbeddedWorkspace): Promise<void> {
  await stopServer(settings, watch);
}

/** Gives a folder and all in it to a user, and makes it that user's alone. */
export function giveFolder(folder: string, owner: { uid: number; gid: number }): void {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name));
  for (const path of [folder, ...paths]) chownSync(path, owner.uid, owner.gid);
  chmodSync(folder, 0o700);
}
