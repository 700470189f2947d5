import { DriverAdapterError } from "@prisma/driver-adapter-utils";
import type pg from "pg";
import { parseDependsOn } from "../../scripts/core/dependsOn.ts";
import { findMentions } from "../../scripts/core/mentions.ts";
import { describeGrants, findRights, renderGrants, renderReleases } from "../../scripts/core/rights.ts";
import { ownerRole } from "../../scripts/core/roles.ts";
import type { Visibility } from "./visibility.ts";

/** Runs a script of the engine's with the rights on other services' schemas that a plan of ours would grant for it. */
export async function withRights(
  client: pg.Client,
  { script, visibility }: { script: string; visibility: Visibility },
  run: () => Promise<void>,
): Promise<void> {
  const { own, tables, enums } = visibility;
  const dependsOn = parseDependsOn(script);
  if (tables.size + enums.size + dependsOn.length === 0) return run();
  const { rows } = await client.query("SELECT current_user = $1 AS acting", [ownerRole(own)]);
  if (!rows[0]?.acting) return run();
  const mentions = findMentions(script);
  const declared = {
    repeated: { tables: [...tables], enums: [...enums] },
    // Which service a line names is written in no script: what refers to others is taken at its word.
    schemas: dependsOn.length > 0 ? mentions.map(({ schema }) => schema) : [],
  };
  const rights = findRights(mentions, { own, declared });
  for (const grant of renderGrants(rights, own)) {
    await client.query(grant).catch((error: unknown) => {
      throw isForbidden(error) ? refusal(describeGrants(rights, own)) : error;
    });
  }
  await run();
  if (/\bdrop\b/i.test(script)) for (const release of renderReleases(own)) await client.query(release);
}

function isForbidden(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "42501";
}

function refusal(grants: readonly string[]): DriverAdapterError {
  return new DriverAdapterError({
    kind: "postgres",
    code: "42501",
    severity: "ERROR",
    message: `the migration refers to another service's schema, and this login may not grant that: let an administrator run make provision, or: ${grants.join("; ")};`,
    detail: undefined,
    column: undefined,
    hint: undefined,
  });
}
