import type { Standing } from "../history.ts";
import { refuse, type ServiceFacts } from "../plan.ts";
import { type CheckFinding, findFailure } from "./finding.ts";

/** Where a service's ledger does not fit its files. What is pending fits: it is yet to be applied. */
export function findLedger(facts: ServiceFacts, standing: Standing): CheckFinding[] {
  const { name } = facts.service;
  const common = { service: name, part: "ledger" as const, severity: "error" as const };
  const file = (migration: string) => `services/${name}/migrations/${migration}/migration.sql`;
  const onDisk = new Set(facts.migrations.map((migration) => migration.name));
  const unfit = refuse(facts, { ...standing, failed: [], missing: [], edited: [] });
  return [
    ...(unfit
      ? [
          findFailure(unfit, {
            ...common,
            rule: facts.occupied ? "no-ledger" : "ledger",
            file: facts.service.schemaFile,
          }),
        ]
      : []),
    ...standing.edited.map((migration) => ({
      ...common,
      rule: "edited",
      file: file(migration),
      message: `${migration} was edited after being applied`,
      fix: `git checkout services/${name}/migrations/${migration} and put the change into a new migration; or, if nothing but its text changed: schemata stamp --app ${name} --edited`,
    })),
    ...standing.missing.map((migration) => ({
      ...common,
      rule: "missing",
      file: facts.service.schemaFile,
      message: `${migration} is applied but missing from services/${name}/migrations`,
      fix: `check out the branch that has it, then make downgrade app=${name}`,
    })),
    ...standing.failed.map((migration) => ({
      ...common,
      rule: "failed",
      file: onDisk.has(migration) ? file(migration) : facts.service.schemaFile,
      message: `${migration} was started and neither finished nor rolled back`,
      fix: `schemata repair --app ${name}`,
    })),
    ...standing.outOfOrder.map((migration) => ({
      ...common,
      rule: "out-of-order",
      file: file(migration),
      message: `${migration} is pending, but older than current (${standing.current})`,
      fix: `schemata rebase --app ${name}`,
    })),
  ];
}

/**
 * How many migrations, from the first, the database holds; `undefined` where what it holds is no beginning of the
 * history on disk, so that nobody can tell from the files what it should look like.
 */
export function countApplied({ migrations }: ServiceFacts, standing: Standing): number | undefined {
  const { applied, missing, edited, failed, outOfOrder, squashed, midway } = standing;
  const unfit = [missing, edited, failed, outOfOrder, midway].some(({ length }) => length > 0);
  // What was squashed counts once, whether the squashed migration is recorded yet or not.
  const count = applied.length + squashed.length - squashed.flatMap(({ rows }) => rows).length;
  return unfit || count > migrations.length ? undefined : count;
}
