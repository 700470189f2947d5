import type { Client } from "./connect.ts";
import { atEmptyPath } from "./emptyPath.ts";
import { inFlight } from "./send.ts";

/** One plan for whatever values come; to be sent before each execution, too. */
export const GENERIC_PLAN = "SET LOCAL plan_cache_mode = force_generic_plan";

let prepared = 0;

/**
 * Has the server plan a query at once, under an empty search path, and returns the name to execute it by on this
 * session. `parameters` are its types in brackets, `example` values for them. Nobody waits for it.
 */
export function prepareQuery(
  client: Client,
  query: string,
  { parameters = "", example = "" }: { parameters?: string; example?: string } = {},
): string {
  prepared += 1;
  const name = `schemata_${prepared}`;
  const plan = [
    `PREPARE ${name} ${parameters} AS ${query}`,
    GENERIC_PLAN,
    `EXPLAIN EXECUTE ${name} ${example}`,
  ];
  inFlight(client.query(atEmptyPath(...plan)));
  return name;
}
