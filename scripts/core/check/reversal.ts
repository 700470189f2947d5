import { claimsProof, isProven } from "../downFile.ts";
import type { CheckFinding } from "./finding.ts";

/** The two scripts of a migration as they stand; `down` is undefined where there is none. */
export interface ScriptPair {
  service: string;
  migration: string;
  up: string;
  down: string | undefined;
}

/** What became of up, down and a comparison with before: differences as phrases. */
export type ReversalTrial = { failure: string } | { differences: readonly string[] };

/** Judges a reversal by its text alone; `unproven` is one that nobody has tried, such as one written by hand. */
export function judgeReversal(pair: ScriptPair): CheckFinding | "proven" | "unproven" {
  const { service, migration, up, down } = pair;
  if (down === undefined) {
    return {
      ...describe(pair),
      rule: "down-missing",
      // What is not there cannot be annotated.
      file: fileOf(service, migration, "migration.sql"),
      message: `${migration} has no down.sql, so it cannot be undone`,
      fix: `write ${fileOf(service, migration, "down.sql")}`,
    };
  }
  if (isProven(down, up)) return "proven";
  if (!claimsProof(down)) return "unproven";
  return {
    ...describe(pair),
    rule: "down-stale",
    line: 1,
    message: `down.sql of ${migration} was proven, and it or migration.sql has been changed since`,
    fix: `git checkout services/${service}/migrations/${migration}; or, where the change is meant, remove the line "-- proven: …", and check proves it itself`,
  };
}

/** What a trial on the shadow database found wrong with a reversal that nobody had proven. */
export function judgeTrial(pair: ScriptPair, trial: ReversalTrial): CheckFinding | undefined {
  const { service, migration, down = "" } = pair;
  const common = { ...describe(pair), line: 1 };
  const fix = `correct ${fileOf(service, migration, "down.sql")}`;
  if ("failure" in trial) {
    const message = `down.sql of ${migration} does not undo it: on the shadow database it failed: ${trial.failure}`;
    return { ...common, rule: "down-fails", message, fix };
  }
  if (trial.differences.length === 0) return undefined;
  const list = trial.differences.join("\n");
  if (down.replaceAll(/^\s*--.*$/gm, "").trim() === "") {
    const message = `down.sql of ${migration} holds no statement, so it does not undo\n${list}`;
    return { ...common, rule: "down-empty", message, fix };
  }
  const message = `down.sql of ${migration} does not restore\n${list}`;
  return { ...common, rule: "down-incomplete", severity: "warning", message, fix };
}

function describe({ service, migration }: ScriptPair) {
  const file = fileOf(service, migration, "down.sql");
  return { service, part: "reversal" as const, severity: "error" as const, file };
}

function fileOf(service: string, migration: string, file: string): string {
  return `services/${service}/migrations/${migration}/${file}`;
}
