import { type InstalledExtensions, refuseWithoutExtensions } from "../../core/extensions.ts";
import type { ServicePlan } from "../../core/plan.ts";
import { readPlannedScript } from "../script.ts";

/** The plans, with those refused whose services declare extensions that are neither here nor made by their migrations. */
export function requireExtensions(
  plans: readonly ServicePlan[],
  extensions: InstalledExtensions,
): ServicePlan[] {
  return plans.map((plan) => {
    const refusal = plan.pending.length > 0 ? refuseWithoutExtensions(plan.service, extensions) : undefined;
    if (!refusal || plan.refusal || (plan.role === undefined && makesExtensions(plan))) return plan;
    return { ...plan, pending: [], refusal };
  });
}

/** Whether the login may come to make extensions itself, as the stock engine's migrations ask it to. */
function makesExtensions({ service, pending }: ServicePlan): boolean {
  return pending.some(({ migration }) => /create\s+extension/i.test(readPlannedScript(service, migration)));
}
