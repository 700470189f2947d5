import type { CheckFinding, LeftOut } from "../../core/check/finding.ts";
import type { Standing } from "../../core/history.ts";
import type { ServiceFacts } from "../../core/plan.ts";
import { ownerRole } from "../../core/roles.ts";
import type { Settings } from "../../core/settings.ts";
import type { UnsafeVerdict } from "../../core/unsafe/judge.ts";
import type { UnsafeOptions } from "../../core/unsafe/options.ts";
import { mayBeUnsafe } from "../../core/unsafe/rules.ts";
import { readScripts } from "../guard.ts";
import { withConnection } from "../postgres/connect.ts";

/** A service's ledger held against its files. */
export interface Judged {
  facts: ServiceFacts;
  standing: Standing;
  /** How many of its migrations the database holds, where that can be told. */
  applied: number | undefined;
}

/** What linting adds to a check. */
export interface UnsafePart extends Pick<UnsafeVerdict, "passed" | "ignored"> {
  findings: CheckFinding[];
  leftOut: LeftOut[];
}

/** Looks for unsafe DDL in pending migrations of services that have tables already; asks nobody where there are none. */
export async function checkUnsafe(
  judged: readonly Judged[],
  { settings, version, options }: { settings: Settings; version: number; options: UnsafeOptions },
): Promise<UnsafePart> {
  const behind = judged.flatMap(({ facts, standing, applied }) => {
    const { service, migrations, owner } = facts;
    if (applied === undefined || standing.applied.length === 0) return [];
    const isRun = (name: string) =>
      standing.pending.includes(name) && !standing.squashed.some((squash) => squash.name === name);
    const pending = migrations.filter(({ name }) => isRun(name));
    const { scripts } = readScripts({ service, migrations: pending });
    if (!scripts.some(({ sql }) => mayBeUnsafe(sql))) return [];
    return [{ service, scripts, role: owner === "ready" ? ownerRole(service.schema) : undefined }];
  });
  if (options.unsafe === "off" || behind.length === 0) return { findings: [], leftOut: [], passed: [] };
  const { lintServices } = await import("../unsafe.ts");
  const { findings, passed, ignored, problem } = await withConnection(settings.databaseUrl, (client) =>
    lintServices(behind, options, { client, version }),
  );
  return {
    findings: findings.map((finding) => ({ ...finding, part: "unsafe-ddl" })),
    leftOut: problem === undefined ? [] : [{ parts: ["unsafe-ddl"], why: problem.fact, fix: problem.fix }],
    passed,
    ...(ignored && { ignored }),
  };
}
