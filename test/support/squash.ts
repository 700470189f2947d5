import { execa } from "execa";
import { type Bench, runOn } from "./revision.ts";
import { expectDecent } from "./upgrade.ts";

/** What `squash --json` answers. */
export interface SquashAnswer {
  service: string;
  done: boolean;
  migration: string;
  replaces: string[];
  way: "generated" | "joined";
  because: string | null;
  sql: string;
  down: string;
  reversible: boolean;
  notRestored: string[];
}

/** Squashes without asking git, and throws with the tool's own words unless it succeeds. */
export async function squash(bench: Bench, service: string, ...args: string[]): Promise<SquashAnswer> {
  const result = await runOn(bench, ["squash", "--app", service, "--yes", "--json", ...args]);
  expectDecent(result);
  if (result.status !== 0) throw new Error(`squash exited ${result.status}:\n${result.stderr}`);
  return result.json<SquashAnswer>();
}

/** Runs git in a workspace as somebody who has a name. */
export async function git({ workspace: { root } }: Bench, ...args: string[]): Promise<string> {
  const who = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
  const { stdout } = await execa("git", [...who, ...args], { cwd: root });
  return stdout;
}

/** Puts all that is in a workspace, but what it borrows, into git. */
export async function commitAll(bench: Bench, message: string): Promise<void> {
  bench.workspace.write(".gitignore", "node_modules\n.schemata\nstock.config.mjs\n");
  await git(bench, "add", "-A");
  await git(bench, "commit", "-q", "-m", message);
}
