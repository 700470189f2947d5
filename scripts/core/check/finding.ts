import type { Failure } from "../errors.ts";
import type { Severity } from "../guard/finding.ts";

/** What is looked at, and left out where it cannot be. */
export type CheckPart =
  | "schema-file"
  /** What the schema file repeats of other services. */
  | "dependency"
  | "revision"
  | "reversal"
  | "guard"
  | "unsafe-ddl"
  /** What pending migrations break of services that refer to this one. */
  | "dependents"
  | "ledger"
  | "drift";

/** One thing that is not as it should be. */
export interface CheckFinding {
  service: string;
  /** What was looked at when it was found. */
  part: CheckPart;
  /** What is wrong, in a word or two that do not change: `revision-missing`; for the guard, its rule. */
  rule: string;
  severity: Severity;
  /** Where to mend it, relative to the workspace. */
  file: string;
  /** Both count from 1; absent where it is the file as a whole. */
  line?: number;
  column?: number;
  /** Without the service's name; may have further lines. */
  message: string;
  fix: string;
}

/** What could not be looked at, and why. */
export interface LeftOut {
  /** Absent: all of them. */
  service?: string;
  parts: CheckPart[];
  why: string;
  fix?: string;
}

/** A failure of one service as a finding; its details may name file, line and column. */
export function findFailure(
  { fact, why, fix, details }: Failure,
  place: Pick<CheckFinding, "service" | "part" | "rule" | "file">,
): CheckFinding {
  const { file, line, column } = details ?? {};
  return {
    ...place,
    severity: "error",
    file: typeof file === "string" ? file : place.file,
    ...(typeof file === "string" && typeof line === "number" && { line }),
    ...(typeof file === "string" && typeof column === "number" && { column }),
    message: [fact.replace(`${place.service}: `, ""), why].filter(Boolean).join("\n"),
    fix: fix ?? `see ${place.file}`,
  };
}
