import type { Argv } from "yargs";

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
