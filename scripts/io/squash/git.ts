import { execa } from "execa";
import type { Service } from "../../core/service.ts";
import { PATHS } from "../workspace.ts";

/** Why git could not give a service's migrations back as they are now; `undefined` where it could. */
export async function findUnkept(service: Service, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const args = ["status", "--porcelain", "--ignored", "--untracked-files=all", "--", PATHS.migrations];
  const { exitCode, stdout, stderr } = await execa("git", args, {
    ...{ cwd: service.dir, env, extendEnv: false, reject: false, stdin: "ignore" },
  });
  if (exitCode !== 0) {
    const [reason = "git is not installed"] = stderr.split("\n").filter(Boolean);
    return `git cannot be asked: ${reason}`;
  }
  const lines = stdout.split("\n").filter(Boolean);
  if (lines.length === 0) return undefined;
  const shown = lines.slice(0, 3).join("\n");
  return `git does not hold what is there:\n${shown}${lines.length > 3 ? `\nand ${lines.length - 3} more` : ""}`;
}
