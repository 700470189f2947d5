import type { Finding } from "./guard/finding.ts";
import type { ServicePlan } from "./plan.ts";
import { renderCount } from "./table.ts";

const SHOWN = 5;

/** The plans, with those refused whose pending migrations have findings that are errors. */
export function refuseErrors(plans: readonly ServicePlan[], findings: readonly Finding[]): ServicePlan[] {
  return plans.map((plan) => {
    const errors = findings.filter(
      ({ service, severity }) => service === plan.service.name && severity === "error",
    );
    if (plan.refusal || errors.length === 0) return plan;
    const shown = errors.slice(0, SHOWN);
    const more = errors.length - shown.length;
    const lines = shown.map(
      ({ file, line, column, rule, message }) => `${file}:${line}:${column} ${rule}: ${message}`,
    );
    const refusal = {
      fact: `${plan.service.name}: ${renderCount(errors.length, "error")} in its pending migrations, and --strict is set`,
      why: [...lines, ...(more > 0 ? [`and ${more} more`] : [])].join("\n"),
      fix: [
        ...new Set(shown.map(({ fix }) => fix)),
        "or write above the statement why it may be: -- schemata:allow <rule> because …",
      ].join("\n"),
    };
    return { ...plan, pending: [], refusal };
  });
}
