import { mayHaveFindings } from "../../core/guard/prefilter.ts";
import { NOTHING_FOUND } from "../../core/guardView.ts";
import type { Migration } from "../../core/history.ts";
import type { ServiceFacts, ServicePlan } from "../../core/plan.ts";
import type { Service } from "../../core/service.ts";
import type { UnsafeOptions } from "../../core/unsafe/options.ts";
import { mayBeUnsafe } from "../../core/unsafe/rules.ts";
import type { JudgedReport } from "../guard.ts";
import { shownFile } from "../script.ts";
import type { LintedDatabase } from "../unsafe.ts";

/** How pending migrations are judged. */
export interface JudgeOptions extends UnsafeOptions {
  /** Refuse services whose pending migrations have errors. */
  strict: boolean;
}

/** The scripts of a run that somebody may have to look at, kept as they are read for the plan. */
export interface PendingTexts {
  note(facts: ServiceFacts, migration: Migration, sql: string): void;
  /** The text of a migration, where it was kept. */
  textOf(migration: Migration): string | undefined;
  /** What is found in those of the plans; nothing is loaded where none can have findings. */
  judge(
    plans: readonly ServicePlan[],
    surroundings: { services: readonly Service[]; database: LintedDatabase; options: UnsafeOptions },
  ): Promise<JudgedReport>;
}

interface PendingText {
  service: Service;
  file: string;
  sql: string;
  suspect: boolean;
}

/** Of a service that has nothing applied only suspects are kept: its tables are all new, and nobody waits for them. */
export function keepPendingTexts(): PendingTexts {
  const kept = new Map<Migration, PendingText>();
  return {
    note: (facts, migration, sql) => {
      const suspect = mayHaveFindings(sql);
      const hasTables = facts.ledger.some(({ rolledBackAt }) => rolledBackAt === null);
      if (!suspect && !hasTables) return;
      const { service } = facts;
      kept.set(migration, { service, file: shownFile(service, migration), sql, suspect });
    },
    textOf: (migration) => kept.get(migration)?.sql,
    judge: async (plans, { services, database, options }) => {
      const texts = [...kept.values()];
      const groups = plans.flatMap((plan) => {
        const scripts = texts.filter(({ service }) => service === plan.service);
        return plan.refusal || scripts.length === 0 ? [] : [{ plan, service: plan.service, scripts }];
      });
      const suspects = groups.filter(({ scripts }) => scripts.some(({ suspect }) => suspect));
      const linted = groups.filter(
        ({ plan, scripts }) => plan.ledgerRows > 0 && scripts.some(({ sql }) => mayBeUnsafe(sql)),
      );
      if (suspects.length === 0 && (linted.length === 0 || options.unsafe === "off")) {
        return { report: NOTHING_FOUND };
      }
      const { addUnsafe, guardScripts } = await import("../guard.ts");
      return addUnsafe(
        await guardScripts(suspects, services),
        linted.map(({ plan, service, scripts }) => ({ service, role: plan.role, scripts })),
        options,
        database,
      );
    },
  };
}
