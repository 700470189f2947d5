import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Ownership } from "../../scripts/core/guard/finding.ts";

const FOLDER = join(import.meta.dirname, "../fixtures/guard");

/** The service whose migrations the fixtures of the guard are. */
export const BILLING: Ownership = {
  service: "billing",
  schema: "billing",
  references: new Map([["auth", new Set(["User"])]]),
  otherSchemas: ["auth", "reports", "shop"],
  extensions: ["citext", "pgcrypto", "uuid-ossp", "pg_trgm", "postgis", "hstore", "unaccent", "btree_gist"],
  dependents: ["reports"],
};

/** A migration of the fixtures; `name` is its path below its kind's folder. */
export interface GuardFixture {
  name: string;
  sql: string;
}

/** The fixtures of one kind, in the order of their names. */
export function readGuardFixtures(kind: "hostile" | "honest"): GuardFixture[] {
  return readdirSync(join(FOLDER, kind), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".sql"))
    .map((file) => file.replaceAll("\\", "/"))
    .sort()
    .map((name) => ({ name, sql: readFileSync(join(FOLDER, kind, name), "utf8") }));
}
