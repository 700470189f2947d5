import type { Argv } from "yargs";
import { UNSAFE_MODES, type UnsafeOptions } from "./core/unsafe/options.ts";

/** `--unsafe` and `--rows`, of every verb that looks for unsafe DDL. */
export function unsafeOptions<T>(yargs: Argv<T>, unsafe: UnsafeOptions["unsafe"] = "auto") {
  return yargs
    .option("unsafe", {
      choices: UNSAFE_MODES,
      default: unsafe,
      describe: "Severity of DDL that hurts while programs are at work; auto: by the rows of its table",
    })
    .option("rows", {
      type: "number",
      default: 10_000,
      describe: "With --unsafe auto: on a table with more rows than this it is an error",
    })
    .check(({ rows }) => {
      if (!Number.isInteger(rows) || rows < 0) throw new Error("--rows wants a whole number from 0");
      return true;
    });
}
