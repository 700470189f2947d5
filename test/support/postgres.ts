import { randomBytes } from "node:crypto";
import { join } from "node:path";
import pg from "pg";
import { inject } from "vitest";
import { quoteIdent } from "../../scripts/core/sql.ts";
import { askRun } from "./run.ts";
import { startServer, type TestServer } from "./server.ts";

export { MAJORS, type TestServer } from "./server.ts";

/** The address of the server of that major which all test files share; started at the first request, never to be stopped. */
export function testServer(major = 18): Promise<string> {
  return askRun(`/postgres/${major}`);
}

/** A server for tests that stop or kill it: with fsync and all, so that what it keeps is what a real one keeps. */
export async function startThrowawayServer({
  major = 18,
  settings = {},
}: {
  major?: number;
  settings?: Readonly<Record<string, string | number>>;
} = {}): Promise<TestServer> {
  return startServer({ major, dataDir: join(inject("run").folder, uniqueName("postgres")), settings });
}

/** Makes an empty database on a server and returns its address. */
export function createDatabase(server: string, name = uniqueName("test")): Promise<string> {
  return copyTemplate(server, { name, template: "template0" });
}

/** Makes a copy of a database that nobody is connected to, and returns its address. */
export function cloneDatabase(url: string, name = uniqueName("clone")): Promise<string> {
  return copyTemplate(url, { name, template: decodeURIComponent(new URL(url).pathname.slice(1)) });
}

async function copyTemplate(server: string, { name, template }: { name: string; template: string }) {
  const admin = new URL(server);
  admin.pathname = "/postgres";
  const client = new pg.Client({ connectionString: admin.href });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${quoteIdent(name)} TEMPLATE ${quoteIdent(template)}`);
  } finally {
    await client.end();
  }
  admin.pathname = `/${encodeURIComponent(name)}`;
  return admin.href;
}

function uniqueName(kind: string): string {
  return `${kind}_${randomBytes(6).toString("hex")}`;
}
