import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { basename, relative } from "node:path";
import { fail } from "../core/errors.ts";
import type { Migration } from "../core/history.ts";
import { locate } from "../core/locate.ts";
import type { Service } from "../core/service.ts";
import { mayNeedStepwise, planScript, type ScriptPlan } from "../core/statements.ts";
import { sha256 } from "./checksum.ts";

/** The path of a migration's file, the one up or the one down, as users see it: relative to the workspace. */
export function shownFile(service: Service, { name, file }: Pick<Migration, "name" | "file">): string {
  return `services/${service.name}/migrations/${name}/${basename(file)}`;
}

/**
 * The script of a migration, if it still is what was planned: its checksum was taken when the plan was made, and a
 * ledger row must name what really ran.
 */
export function readPlannedScript(service: Service, migration: Migration): string {
  const content = readFileSync(migration.file);
  const shown = shownFile(service, migration);
  if (sha256(content) !== migration.checksum) {
    return fail({
      fact: `${service.name}: ${shown} changed while it was about to run`,
      why: "what runs must be what was planned and recorded",
      fix: "run the command again",
    });
  }
  return decodeScript(content, { service: service.name, shown });
}

/** A script's text; a byte order mark, which Postgres takes for a syntax error, is left out. */
function decodeScript(content: Buffer, { service, shown }: { service: string; shown: string }): string {
  if (!isUtf8(content)) {
    return fail({
      fact: `${service}: ${shown} is not UTF-8`,
      why: "the server would refuse it, or store other letters than were meant",
      fix: `save it as UTF-8: iconv -f latin1 -t utf-8 ${relative(".", shown)}`,
    });
  }
  const text = content.toString("utf8");
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

/** How a script is to run; refuses one that Postgres would fail on halfway. Only a script with a word to judge loads the parser. */
export async function planScriptText(
  sql: string,
  place: { service: string; shown: string },
): Promise<ScriptPlan> {
  if (!mayNeedStepwise(sql)) return { mode: "atomic", sql };
  const { parseSql } = await import("./parser.ts");
  const parsed = await parseSql(sql);
  // What the parser rejects, the server explains better, and applies nothing of.
  if ("error" in parsed) return { mode: "atomic", sql };
  const plan = planScript(sql, parsed.statements);
  if (plan.mode !== "refused") return plan;
  const { problem } = plan;
  const { line, column } = locate(sql, problem.offset);
  return fail({
    fact: `${place.service}: ${place.shown}:${line}:${column}: ${problem.message}`,
    why: problem.why,
    fix: problem.fix,
    details: { file: place.shown, line, column },
  });
}

/** {@link readPlannedScript} and {@link planScriptText} in one. */
export async function readScriptPlan(
  service: Service,
  migration: Migration,
): Promise<{ sql: string; plan: ScriptPlan }> {
  const sql = readPlannedScript(service, migration);
  return {
    sql,
    plan: await planScriptText(sql, { service: service.name, shown: shownFile(service, migration) }),
  };
}
