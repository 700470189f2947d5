import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { renderError, SchemataError } from "../../scripts/core/errors.ts";
import { ensureTool } from "./build.ts";
import { FAST, startServer } from "./server.ts";

/**
 * Lends every test file what is made once for the whole run, at the first request for it: the built tool, and one
 * shared server of each PostgreSQL major. A run that asks for neither pays for neither.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "schemata-test-"));
  // Root's servers run as another user, and those before 16 must be able to walk to their data.
  chmodSync(folder, 0o711);
  const sweeper = startSweeper(folder);
  const lender = await startLender(folder);
  const address = lender.address();
  if (address === null || typeof address === "string") throw new Error("the lender has no port");
  project.provide("run", { address: `http://127.0.0.1:${address.port}`, folder });
  return async () => {
    lender.closeAllConnections();
    lender.close();
    sweeper.stdin?.end();
    await once(sweeper, "exit");
  };
}

/** Ends the run's servers and removes its folder once our end of its input closes: also when we are killed. */
function startSweeper(folder: string): ChildProcess {
  const program = join(import.meta.dirname, "sweeper.mjs");
  return spawn(process.execPath, [program, folder], { detached: true, stdio: ["pipe", "ignore", "inherit"] });
}

async function startLender(folder: string): Promise<Server> {
  const made = new Map<string, Promise<string>>();
  const make = async (path: string): Promise<string> => {
    if (path === "/tool") return ensureTool();
    const major = Number(/^\/postgres\/(\d+)$/.exec(path)?.[1]);
    const dataDir = join(folder, `postgres-${major}`);
    return (await startServer({ major, dataDir, settings: FAST })).url;
  };
  const lender = createServer((request, response) => {
    const path = request.url ?? "";
    const answer = made.get(path) ?? make(path);
    made.set(path, answer);
    answer.then(
      (text) => response.end(text),
      (error: unknown) => response.writeHead(500).end(explain(error)),
    );
  });
  lender.unref();
  lender.listen(0, "127.0.0.1");
  await once(lender, "listening");
  return lender;
}

function explain(error: unknown): string {
  if (error instanceof SchemataError) return renderError(error);
  return error instanceof Error ? error.message : String(error);
}
