import type { PendingScript, ServicePlan } from "./plan.ts";
import { describeGrants } from "./rights.ts";
import { renderCount } from "./table.ts";

/** The plan for machines. */
export function describePlan(plans: readonly ServicePlan[]): object {
  return {
    services: plans.map(({ service, standing, pending, createSchema, refusal, warnings }) => ({
      service: service.name,
      schema: service.schema,
      current: standing.current,
      createSchema: createSchema && pending.length > 0,
      migrations: pending.map(
        ({ migration, mode, dependsOn, recognises, rights = [], releases = false }) => ({
          migration: migration.name,
          mode,
          dependsOn,
          grants: describeGrants(rights, service.schema),
          ...(releases && { releases }),
          ...(recognises && { recognises: recognises.names }),
        }),
      ),
      refusal: refusal ? { fact: refusal.fact, why: refusal.why ?? null, fix: refusal.fix ?? null } : null,
      warnings,
    })),
  };
}

/** The plan for people, printed before anything is done. */
export function renderPlan(plans: readonly ServicePlan[]): string {
  const lines: string[] = [];
  for (const { service, pending, createSchema } of plans) {
    if (pending.length === 0) continue;
    lines.push(`${service.name}: ${renderCount(pending.length, "migration")} to apply`);
    if (createSchema) lines.push(`  create the schema "${service.schema}"`);
    for (const script of pending) {
      const { migration, mode, dependsOn, recognises } = script;
      const after = dependsOn.map((dependency) => `${dependency.service}/${dependency.migration}`).join(", ");
      const squash = recognises ? `recorded, not run: applied as ${shorten(recognises.names)}` : "";
      const remarks = [
        mode === "stepwise" ? "statement by statement" : "",
        squash,
        after && `after ${after}`,
      ].filter(Boolean);
      lines.push(`  ${migration.name}${remarks.length > 0 ? ` (${remarks.join("; ")})` : ""}`);
      lines.push(...renderRights(script, service.schema).map((line) => `    ${line}`));
    }
  }
  return lines.length > 0 ? lines.join("\n") : "nothing to apply";
}

/** What changes with a migration of the rights on other services' schemas: granted before it, taken back after it. */
export function renderRights({ rights = [], releases }: PendingScript, schema: string): string[] {
  return [
    ...describeGrants(rights, schema),
    ...(releases ? ["then REVOKE what nothing refers to any more in other schemas"] : []),
  ];
}

function shorten(names: readonly string[]): string {
  return names.length > 3 ? `${names[0]} to ${names.at(-1)}, ${names.length} migrations` : names.join(", ");
}
