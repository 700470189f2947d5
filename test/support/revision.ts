import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CliOptions, type CliResult, runCli } from "./cli.ts";
import type { TestWorkspace } from "./workspace.ts";

/** What `revision --json` answers. */
export interface RevisionAnswer {
  service: string;
  status: "written" | "changed" | "unchanged";
  migration: string | null;
  files: string[];
  sql: string;
  down: string;
  proven: boolean;
  warnings: string[];
  notRestored: string[];
  dependsOn: { service: string; migration: string }[];
  renames: string[];
}

/** A workspace with one database, and the tool on both. */
export interface Bench {
  workspace: TestWorkspace;
  databaseUrl: string;
}

/** Runs the tool on a bench. */
export function runOn(
  { workspace, databaseUrl }: Bench,
  args: readonly string[],
  more: CliOptions = {},
): Promise<CliResult> {
  return runCli(args, { root: workspace.root, databaseUrl, ...more });
}

/** Revises, and throws with the tool's own words unless it succeeds. */
export async function revise(
  bench: Bench,
  service: string,
  args: readonly string[] = ["-m", "change"],
): Promise<RevisionAnswer> {
  const result = await runOn(bench, ["revision", "--app", service, "--json", ...args]);
  if (result.status !== 0) throw new Error(`revision exited ${result.status}:\n${result.stderr}`);
  return result.json<RevisionAnswer>();
}

/** Replaces the models of a service's schema file; its datasource block stays. */
export function writeModels(workspace: TestWorkspace, service: string, models: string): void {
  const path = join("services", service, "schema.prisma");
  const [datasource = ""] =
    /^datasource [\s\S]*?^\}\n/m.exec(readFileSync(join(workspace.root, path), "utf8")) ?? [];
  workspace.write(path, `${datasource}\n${models}`);
}

/** The names of a service's migrations on disk, and of whatever else lies there. */
export function listMigrations({ root }: TestWorkspace, service: string): string[] {
  try {
    return readdirSync(join(root, "services", service, "migrations"))
      .filter((name) => !name.endsWith(".toml"))
      .sort();
  } catch {
    return [];
  }
}

/** One file of a migration. */
export function readMigrationFile(
  { root }: TestWorkspace,
  service: string,
  migration: string,
  file: "migration.sql" | "down.sql" = "migration.sql",
): string {
  return readFileSync(join(root, "services", service, "migrations", migration, file), "utf8");
}
