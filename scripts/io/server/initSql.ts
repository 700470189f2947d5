import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail } from "../../core/errors.ts";
import { INIT_LOCK, renderInitSql } from "../../core/initSql.ts";
import { requireSound } from "../../core/service.ts";
import { DEFAULT_LOGIN } from "../../core/settings.ts";
import { withConnection } from "../postgres/connect.ts";
import { runScript } from "../postgres/runScript.ts";
import { readServices } from "../workspace.ts";
import { loginUrl } from "./embedded.ts";
import type { ServerPlace } from "./place.ts";

const FILE = "init.sql";

/** The workspace's init.sql as its services want it; fails when one of them cannot be worked with. */
export function renderWorkspaceInitSql(root: string): string {
  return renderInitSql(readServices(root).map(requireSound));
}

/** Writes init.sql from services/; tells whether the file changed. */
export function writeInitSql(root: string): boolean {
  const text = renderWorkspaceInitSql(root);
  if (readFile(root) === text) return false;
  writeFileSync(join(root, FILE), text);
  return true;
}

/** Whether the file as it is now has run on this workspace's server; reads no more than two small files. */
export function initSqlIsDone(place: ServerPlace, by: string): boolean {
  try {
    return readFileSync(place.initMark, "utf8") === mark(readFile(place.root) ?? "", by);
  } catch {
    return false;
  }
}

/** Runs init.sql; a workspace without one gets what it would hold. */
export async function runInitSql(place: ServerPlace, by: string): Promise<void> {
  const file = readFile(place.root);
  const sql = file ?? renderInitSql(readServices(place.root).filter((service) => !service.problem));
  await withConnection(loginUrl(place.port, DEFAULT_LOGIN.database), async (client) => {
    // Two at once would both find a schema missing and both create it.
    await client.query(`SELECT pg_advisory_lock(${INIT_LOCK})`);
    await runScript(client, sql, {
      file: FILE,
      fix: `correct ${FILE} (schemata init-sql --write makes it anew), then make start-db`,
    });
  });
  rememberDone(place, mark(file ?? "", by));
}

function readFile(root: string): string | undefined {
  try {
    return readFileSync(join(root, FILE), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    return fail({
      fact: `${FILE} cannot be read: ${(error as Error).message}`,
      fix: `chmod u+r ${FILE}`,
      cause: error,
    });
  }
}

function mark(text: string, by: string): string {
  return createHash("sha256").update(`${by}\n${text}`).digest("hex");
}

/** Only spares the next command a connection, so a folder that cannot be written to is no failure. */
function rememberDone({ initMark }: ServerPlace, text: string): void {
  try {
    writeFileSync(initMark, text);
  } catch {}
}
