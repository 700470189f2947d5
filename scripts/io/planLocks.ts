import { fail } from "../core/errors.ts";
import type { KnownTables } from "../core/lockLevels.ts";
import { listLocks } from "../core/planLocks.ts";
import type { LockedMigration } from "../core/planLocksView.ts";
import { renderRights } from "../core/planView.ts";
import { orderScripts } from "../core/schedule.ts";
import { parseSql } from "./parser.ts";
import { readKnownTables } from "./postgres/knownTables.ts";
import { readPlannedScript, shownFile } from "./script.ts";
import type { PreparedUpgrade } from "./upgrade/upgrade.ts";

/** The migrations of a prepared upgrade in order, with what each statement locks. */
export async function readPlanLocks({ client, run }: PreparedUpgrade): Promise<LockedMigration[]> {
  const known = new Map<string, KnownTables>();
  const fresh = new Set<string>();
  const migrations: LockedMigration[] = [];
  for (const { plan, pending } of orderScripts(run.plans, run.stateOf)) {
    const { name, schema } = plan.service;
    const tables = known.get(schema) ?? (await readKnownTables(client, schema));
    known.set(schema, tables);
    // What is only recorded locks nothing.
    const sql = pending.recognises ? "" : readPlannedScript(plan.service, pending.migration);
    const parsed = await parseSql(sql);
    if (!parsed.ok) {
      fail({
        fact: `${name}: ${shownFile(plan.service, pending.migration)} cannot be parsed: ${parsed.error.message}`,
        why: "what it locks cannot be told, and it would not run either",
        fix: "correct it",
      });
    }
    migrations.push({
      service: name,
      migration: pending.migration.name,
      mode: pending.mode,
      dependsOn: pending.dependsOn,
      rights: renderRights(pending, schema),
      statements: listLocks({ schema, sql, statements: parsed.statements, known: tables }, fresh),
    });
  }
  return migrations;
}
