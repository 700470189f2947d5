import { expect } from "vitest";
import { type CliResult, runCli } from "./cli.ts";
import type { ServiceReport } from "./interchange.ts";
import type { TestWorkspace } from "./workspace.ts";

/** What an upgrade works on. */
export interface Site {
  workspace: TestWorkspace;
  databaseUrl: string;
  env?: Record<string, string>;
}

/** A run of `upgrade-head --json`, ended. */
export interface UpgradeRun extends CliResult {
  reports: ServiceReport[];
  /** What it says of one service; an absent one is an error. */
  of(service: string): ServiceReport;
}

/** Runs `upgrade-head --json` with further options to its end, whatever comes of it; no output may look like a defect. */
export async function upgrade({ workspace, databaseUrl, env }: Site, ...args: string[]): Promise<UpgradeRun> {
  const result = await runCli(["upgrade-head", "--json", ...args], {
    root: workspace.root,
    databaseUrl,
    ...(env && { env }),
  });
  expectDecent(result);
  const reports =
    result.stdout === "" ? [] : result.json<{ services: (ServiceReport & { error: string })[] }>().services;
  return {
    ...result,
    reports,
    of: (service) => {
      const found = reports.find((report) => report.service === service);
      if (!found) throw new Error(`nothing is said of ${service}:\n${result.stdout}\n${result.stderr}`);
      return found;
    },
  };
}

/** Runs `upgrade-head` and expects it to succeed. */
export async function upgradeWell(site: Site, ...args: string[]): Promise<UpgradeRun> {
  const run = await upgrade(site, ...args);
  expect(run.status, run.stderr).toBe(0);
  return run;
}

/** Expects outputs without a stack trace or the words by which the tool owns up to a defect. */
export function expectDecent({ stdout, stderr }: Pick<CliResult, "stdout" | "stderr">): void {
  const text = stdout + stderr;
  expect(text).not.toMatch(/defect of the tool|unsettled top-level await/);
  expect(text).not.toMatch(/^\s+at .*:\d+:\d+|Warning: .*deprecated|\(node:\d+\)/m);
}
