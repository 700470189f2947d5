import { statSync } from "node:fs";

/**
 * The Node that runs this, for the names of files that hold compiled code. V8 checks its own version before it takes
 * such code, and not that of Node, whose releases change V8 without changing that: code of another release ends the process.
 */
export function nodeBuild(): string {
  return `${process.version}-${process.arch}-${statSync(process.execPath).size}`;
}
