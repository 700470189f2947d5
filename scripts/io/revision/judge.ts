import { mayHaveFindings } from "../../core/guard/prefilter.ts";
import { NOTHING_FOUND } from "../../core/guardView.ts";
import type { Service } from "../../core/service.ts";
import type { UnsafeOptions } from "../../core/unsafe/options.ts";
import { mayBeUnsafe } from "../../core/unsafe/rules.ts";
import type { JudgedReport } from "../guard.ts";
import { hasOtherMigrations } from "../workspace.ts";

/** A script that has just been drafted, and the workspace's services. */
export interface DraftedScript {
  service: Service;
  services: readonly Service[];
  /** The migration's name, where it has been written. */
  migration: string | undefined;
  sql: string;
}

/**
 * Judges a drafted script. No database is asked how large tables are; the first migration of a service can do nothing
 * unsafe, and what is generated has seldom anything for the guard to read.
 */
export async function judgeDraft(
  { service, services, migration, sql }: DraftedScript,
  options: UnsafeOptions,
): Promise<JudgedReport> {
  const isSuspect = mayHaveFindings(sql);
  const isUnsafe = options.unsafe !== "off" && mayBeUnsafe(sql) && hasOtherMigrations(service, migration);
  if (!isSuspect && !isUnsafe) return { report: NOTHING_FOUND };
  const { addUnsafe, guardScripts } = await import("../guard.ts");
  const file =
    migration === undefined
      ? "migration.sql"
      : `services/${service.name}/migrations/${migration}/migration.sql`;
  const drafted = { service, scripts: [{ file, sql }] };
  return addUnsafe(await guardScripts([drafted], services), isUnsafe ? [drafted] : [], options);
}
