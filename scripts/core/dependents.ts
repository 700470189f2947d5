import type { Service } from "./service.ts";

/** The services that list another's schema after their own. */
export function dependentsOf({ schema }: Service, services: readonly Service[]): Service[] {
  return services.filter(({ schemas, problem }) => !problem && schemas.slice(1).includes(schema));
}
