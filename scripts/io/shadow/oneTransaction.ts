import { fail } from "../../core/errors.ts";
import type { Migration } from "../../core/history.ts";
import { locate } from "../../core/locate.ts";
import { renderInOneTransaction } from "../../core/oneTransaction.ts";
import type { Service } from "../../core/service.ts";
import { mayNeedStepwise } from "../../core/statements.ts";
import { loadSqlParser } from "../parser.ts";
import { readPlannedScript, shownFile } from "../script.ts";

/** A script, up or down, as a proof runs it in a transaction of its own; refuses one that Postgres would fail on halfway. */
export async function readForOneTransaction(service: Service, migration: Migration): Promise<string> {
  const script = readPlannedScript(service, migration);
  const rendered = await renderForOneTransaction(script);
  if ("sql" in rendered) return rendered.sql;
  const { offset, message, why, fix } = rendered.problem;
  const { line, column } = locate(script, offset);
  return fail({
    fact: `${service.name}: ${shownFile(service, migration)}:${line}:${column}: ${message}`,
    why,
    fix,
  });
}

/** A script as a transaction that is to be rolled back can run it: a COMMIT of its own would keep what it has done. */
export async function renderForOneTransaction(
  script: string,
): Promise<ReturnType<typeof renderInOneTransaction>> {
  if (!mayNeedStepwise(script)) return { sql: script };
  const { parseSql } = await loadSqlParser();
  return renderInOneTransaction(script, parseSql);
}
