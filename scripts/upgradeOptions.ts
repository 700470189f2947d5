import { availableParallelism } from "node:os";
import type { Argv } from "yargs";
import type { UpgradeOptions } from "./io/upgrade/options.ts";

/** Durations in seconds. */
export const LOCK_DEFAULTS = { lockWait: 60, lockTimeout: 2, retries: 10 };

/** The options of every verb that applies or undoes migrations; durations in seconds, as people write them. */
export function lockOptions<T>(yargs: Argv<T>) {
  return yargs
    .option("lock-wait", {
      type: "number",
      default: LOCK_DEFAULTS.lockWait,
      describe: "Seconds to wait for another run of the same service",
    })
    .option("lock-timeout", {
      type: "number",
      default: LOCK_DEFAULTS.lockTimeout,
      describe: "Seconds a statement may wait for a table's lock, and so hold up the queries behind it",
    })
    .option("retries", {
      type: "number",
      default: LOCK_DEFAULTS.retries,
      describe: "How often to try again after a lock timeout or a deadlock",
    })
    .check((options) => {
      requireWhole("retries", options.retries, 0);
      requireSeconds("lock-wait", options["lock-wait"]);
      requireSeconds("lock-timeout", options["lock-timeout"]);
      return true;
    });
}

/** {@link lockOptions} and `--jobs`, for several services. */
export function upgradeOptions<T>(yargs: Argv<T>) {
  return lockOptions(yargs)
    .option("jobs", {
      type: "number",
      default: availableParallelism(),
      describe: "Services at once, each on its own connection",
    })
    .check(({ jobs }) => {
      requireWhole("jobs", jobs, 1);
      return true;
    });
}

function requireWhole(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least)
    throw new Error(`--${name} wants a whole number from ${least}`);
}

function requireSeconds(name: string, value: number): void {
  if (!(value >= 0 && value < 86_400)) throw new Error(`--${name} wants a number of seconds from 0 to 86400`);
}

/** The same in milliseconds. */
export function parseUpgradeOptions(options: {
  jobs: number;
  lockWait: number;
  lockTimeout: number;
  retries: number;
}): UpgradeOptions {
  const { jobs, retries } = options;
  return {
    jobs,
    retries,
    lockWait: Math.round(options.lockWait * 1_000),
    lockTimeout: Math.round(options.lockTimeout * 1_000),
  };
}
