import type { Argv } from "yargs";
import { EXIT, fail } from "./core/errors.ts";

/** `--app`, once or more; none means all services. */
export function appsOption(yargs: Argv) {
  return yargs.option("app", {
    type: "string",
    array: true,
    describe: "A service; may be given more than once (default: all)",
  });
}

/** `--json`: the answer for machines, on standard output. */
export function jsonOption<T>(yargs: Argv<T>) {
  return yargs.option("json", { type: "boolean", default: false, describe: "Print JSON" });
}

/** `--app`, one service; its absence is reported with the list of services, not by yargs. */
export function serviceOption(yargs: Argv) {
  return yargs.option("app", { type: "string", describe: "The service" });
}

/** How far to go, as a positional and as `--to`, which make and scripts find easier to pass. */
export function targetOption<T>(yargs: Argv<T>, describe: string) {
  return yargs
    .positional("target", { type: "string", describe })
    .option("to", { type: "string", describe: "The same" });
}

/** The target, however it was given. */
export function readTarget({
  target,
  to,
}: {
  target: string | undefined;
  to: string | undefined;
}): string | undefined {
  if (target === undefined || to === undefined || target === to) return target ?? to;
  return fail({
    fact: `Both "${target}" and --to "${to}" say how far to go`,
    fix: "leave one of them out",
    status: EXIT.usage,
  });
}

/** What is passed on to the Prisma CLI as it stands. */
export function prismaArguments<T>(yargs: Argv<T>) {
  return yargs.positional("args", { type: "string", array: true, describe: "Passed on to the Prisma CLI" });
}

/** The arguments for the Prisma CLI: positional ones, and those after `--`, which yargs puts behind the verb in `_`. */
export function readPrismaArguments(options: { args?: string[] | undefined }): string[] {
  const { _: [, ...rest] = [] } = options as { _?: (string | number)[] };
  return [...(options.args ?? []), ...rest.map(String)];
}
