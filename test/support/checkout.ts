import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { inject } from "vitest";
import { bareEnvironment } from "./cli.ts";
import { findFreePort } from "./server.ts";
import { CHECKOUT } from "./workspace.ts";

/** What every command in a copy may know: nothing of the caller's settings, and no colours. */
export const STRANGER: Record<string, string> = { ...bareEnvironment(), NO_COLOR: "1" };

/** Git refuses to read another user's repository unless its user's own settings allow it: those of this environment do. */
export function trustingGit(): Record<string, string> {
  const file = join(inject("run").folder, "gitconfig");
  writeFileSync(file, "[safe]\n\tdirectory = *\n");
  return { GIT_CONFIG_GLOBAL: file };
}

/** A copy of this checkout's tracked files, as a stranger has them after cloning, with a database port of its own. */
export interface CheckoutCopy {
  root: string;
  port: number;
  /** Runs a line as the user's shell would, in the copy. */
  run(command: string, options?: { env?: Record<string, string> }): Promise<CommandResult>;
}

export interface CommandResult {
  status: number | undefined;
  stdout: string;
  stderr: string;
}

/** Makes the copy; packages are the checkout's own by a link, and an attempt to install them is an error. */
export async function copyCheckout(): Promise<CheckoutCopy> {
  const root = join(mkdtempSync(join(inject("run").folder, "copy-")), "schemata");
  for (const file of trackedFiles()) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    cpSync(join(CHECKOUT, file), join(root, file), { verbatimSymlinks: true });
  }
  linkPackages(root, ".");
  linkPackages(root, "test/postgres");
  linkPackages(root, "bench");
  const port = await findFreePort();
  writeFileSync(join(root, ".env"), `DB_PORT=${port}\n`);
  return {
    root,
    port,
    async run(command, { env = {} } = {}) {
      const { exitCode, stdout, stderr } = await execa("/bin/sh", ["-c", command], {
        cwd: root,
        env: { ...STRANGER, ...env },
        extendEnv: false,
        reject: false,
        stdin: "ignore",
      });
      return { status: exitCode, stdout, stderr };
    },
  };
}

function trackedFiles(): string[] {
  const list = execFileSync("git", ["ls-files", "-z"], {
    cwd: CHECKOUT,
    encoding: "utf8",
    env: { ...process.env, ...trustingGit() },
    maxBuffer: 1e8,
  });
  return list.split("\0").filter((file) => file !== "" && existsSync(join(CHECKOUT, file)));
}

/** The installed packages count as newer than what says which: else make would install them anew, through the link. */
function linkPackages(root: string, folder: string): void {
  const installed = join(CHECKOUT, folder, "node_modules");
  if (!lstatSync(installed, { throwIfNoEntry: false })) return;
  symlinkSync(installed, join(root, folder, "node_modules"), "junction");
  const before = new Date(statSync(join(installed, ".package-lock.json")).mtimeMs - 60_000);
  for (const file of ["package.json", "package-lock.json", ".npmrc"])
    utimesSync(join(root, folder, file), before, before);
}
