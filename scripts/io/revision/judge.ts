import { mayHaveFindings } from "../../core/guard/prefilter.ts";
import { NOTHING_FOUND } from "../../core/guardView.ts";
import { filesOf } from "../../core/revisionView.ts";
import type { Service } from "../../core/service.ts";
import type { UnsafeOptions } from "../../core/unsafe/options.ts";
import { mayBeUnsafe } from "../../core/unsafe/rules.ts";
import type { JudgedReport } from "../guard.ts";
import { inFlight } from "../postgres/send.ts";
import { hasOtherMigrations } from "../workspace.ts";

/** A script that has just been drafted, and the workspace's services. */
interface DraftedScript {
  service: Service;
  services: readonly Service[];
  /** The migration's name, where it has been written. */
  migration: string | undefined;
  sql: string;
}

/** Judges drafted scripts while the rest of their revision is worked out. */
export interface DraftJudge {
  /** Begins to judge a script that may become the migration. */
  hear(sql: string): void;
  /** The report on the script that did. */
  report(drafted: Pick<DraftedScript, "migration" | "sql">): Promise<JudgedReport>;
}

const UNNAMED = "migration.sql";

/** Judges what a service's revision drafts. */
export function makeDraftJudge(
  { service, services }: Pick<DraftedScript, "service" | "services">,
  options: UnsafeOptions,
): DraftJudge {
  let heard: { sql: string; report: Promise<JudgedReport> } | undefined;
  return {
    hear: (sql) => {
      const report = inFlight(judgeDraft({ service, services, migration: undefined, sql }, options));
      heard = { sql, report };
    },
    report: async ({ migration, sql }) => {
      const judged =
        heard?.sql === sql
          ? await heard.report
          : await judgeDraft({ service, services, migration, sql }, options);
      const { findings, exceptions } = judged.report;
      const [file = UNNAMED] = migration === undefined ? [] : filesOf(service.name, migration);
      const place = <T extends { file: string }>(one: T): T =>
        one.file === UNNAMED ? { ...one, file } : one;
      return {
        ...judged,
        report: { ...judged.report, findings: findings.map(place), exceptions: exceptions.map(place) },
      };
    },
  };
}

/**
 * Judges a drafted script. No database is asked how large tables are; the first migration of a service can do nothing
 * unsafe, and what is generated has seldom anything for the guard to read.
 */
async function judgeDraft(
  { service, services, migration, sql }: DraftedScript,
  options: UnsafeOptions,
): Promise<JudgedReport> {
  const isSuspect = mayHaveFindings(sql);
  const isUnsafe = options.unsafe !== "off" && mayBeUnsafe(sql) && hasOtherMigrations(service, migration);
  if (!isSuspect && !isUnsafe) return { report: NOTHING_FOUND };
  const { addUnsafe, guardScripts } = await import("../guard.ts");
  const drafted = { service, scripts: [{ file: UNNAMED, sql }] };
  return addUnsafe(await guardScripts([drafted], services), isUnsafe ? [drafted] : [], options);
}
