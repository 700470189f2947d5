import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail } from "../../core/errors.ts";
import { renderInitSql } from "../../core/initSql.ts";
import { requireSound } from "../../core/service.ts";
import { DEFAULT_LOGIN } from "../../core/settings.ts";
import { type Client, sqlState, withConnection } from "../postgres/connect.ts";
import { readServices } from "../workspace.ts";
import { loginUrl } from "./embedded.ts";
import type { ServerPlace } from "./place.ts";

const FILE = "init.sql";
const MEANINGLESS = /^(\s|--[^\n]*(\n|$)|\/\*[\s\S]*?\*\/)*/;

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

/**
 * Runs init.sql statement by statement, as psql does in the container; a workspace without one gets what it
 * would hold.
 */
export async function runInitSql(place: ServerPlace, by: string): Promise<void> {
  const file = readFile(place.root);
  const sql = file ?? renderInitSql(readServices(place.root).filter((service) => !service.problem));
  const statements = await splitStatements(sql);
  await withConnection(loginUrl(place.port, DEFAULT_LOGIN.database), async (client) => {
    // Two at once would both find a schema missing and both create it.
    await client.query("SELECT pg_advisory_lock(hashtext('schemata init.sql'))");
    for (const statement of statements) await runStatement(client, statement);
  });
  rememberDone(place, mark(file ?? "", by));
}

interface Statement {
  text: string;
  /** Counted from 1. */
  line: number;
}

async function splitStatements(sql: string): Promise<Statement[]> {
  const { parse } = await import("libpg-query");
  const bytes = Buffer.from(sql);
  const { stmts = [] } = await parse(sql).catch((error: unknown) => failSyntax(sql, error));
  return stmts.map(({ stmt_location: from = 0, stmt_len: length }) => {
    const whole = bytes.toString("utf8", from, length ? from + length : undefined);
    const skipped = MEANINGLESS.exec(whole)?.[0] ?? "";
    const before = bytes.toString("utf8", 0, from) + skipped;
    return { text: whole.slice(skipped.length), line: lineOf(before) };
  });
}

async function runStatement(client: Client, { text, line }: Statement): Promise<void> {
  try {
    await client.query(text);
  } catch (error) {
    const position = Number((error as { position?: string }).position ?? 1);
    const at = line + lineOf([...text].slice(0, position - 1).join("")) - 1;
    const reason = error instanceof Error ? error.message : String(error);
    const state = sqlState(error);
    fail({
      fact: `${FILE}:${at}: ${reason}${state ? ` (SQLSTATE ${state})` : ""}`,
      why: `the statement\n${text.split("\n").slice(0, 6).join("\n")}`,
      fix: `correct ${FILE} (schemata init-sql --write makes it anew), then make start-db`,
      cause: error,
    });
  }
}

function failSyntax(sql: string, error: unknown): never {
  const { sqlDetails } = error as { sqlDetails?: { cursorPosition?: number } };
  const line = lineOf([...sql].slice(0, sqlDetails?.cursorPosition ?? 0).join(""));
  return fail({
    fact: `${FILE}:${line}: ${error instanceof Error ? error.message : String(error)}`,
    why: "it is read as plain SQL; psql's commands with a backslash are none",
    fix: `correct ${FILE} (schemata init-sql --write makes it anew), then make start-db`,
    cause: error,
  });
}

function lineOf(before: string): number {
  return before.split("\n").length;
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
