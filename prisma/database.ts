import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fail } from "../scripts/core/errors.ts";
import { parseSettings, type Settings } from "../scripts/core/settings.ts";

/** The settings of the workspace that a service's folder lies in, from the environment and the workspace's .env. */
export function readServiceSettings(serviceDir: string): Settings {
  const root = resolve(serviceDir, "../..");
  const file = join(root, ".env");
  if (existsSync(file)) process.loadEnvFile(file);
  const parsed = parseSettings(process.env, root);
  if ("settings" in parsed) return parsed.settings;
  return fail({ fact: parsed.problems.join("\n"), fix: `correct the environment or ${file}` });
}

/** A database's address with the schema in it, the way Prisma writes it. */
export function pinToSchema(databaseUrl: string, schema: string): string {
  const url = new URL(databaseUrl);
  url.searchParams.set("schema", schema);
  return url.href;
}
