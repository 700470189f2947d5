import { describe, expect, it } from "vitest";
import { judge, listClaims, type SchemaContents } from "../../../scripts/core/evidence.ts";
import type { LedgerRow } from "../../../scripts/core/history.ts";
import { diagnose, type ScriptState } from "../../../scripts/core/repair.ts";
import { parseSql } from "../../../scripts/io/parser.ts";

function contents(parts: Partial<Record<keyof SchemaContents, string[]>>): SchemaContents {
  const kinds = ["relation", "index", "column", "constraint", "type", "label", "trigger"] as const;
  return Object.fromEntries(kinds.map((kind) => [kind, new Set(parts[kind])])) as unknown as SchemaContents;
}

const claimsOf = async (sql: string) => {
  const parsed = await parseSql(sql);
  return listClaims(parsed.ok ? parsed.statements : []);
};

describe("what statements leave in the catalog", () => {
  it.each([
    ["CREATE TABLE t (id int)", ["relation t true"]],
    ["CREATE INDEX CONCURRENTLY i ON t (a)", ["index i true"]],
    ["DROP INDEX CONCURRENTLY i", ["relation i false"]],
    ["ALTER TABLE t ADD COLUMN a int, DROP COLUMN b", ["column t.a true", "column t.b false"]],
    ["ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)", ["constraint t.k true"]],
    ["ALTER TABLE t RENAME a TO b", ["column t.a false", "column t.b true"]],
    ["ALTER TYPE e ADD VALUE 'x'", ["label e.x true"]],
    ["CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()", ["trigger t.g true"]],
    ["DROP TRIGGER g ON t", ["trigger t.g false"]],
    ["DROP TABLE a, b", ["relation a false", "relation b false"]],
  ])("%s", async (sql, expected) => {
    expect((await claimsOf(sql)).map(({ kind, name, present }) => `${kind} ${name} ${present}`)).toEqual(
      expected,
    );
  });

  it.each([
    "CREATE TABLE IF NOT EXISTS t (id int)",
    "DROP TABLE IF EXISTS t",
    "CREATE OR REPLACE VIEW v AS SELECT 1",
    "ALTER TABLE t ADD COLUMN IF NOT EXISTS a int",
    "ALTER TYPE e ADD VALUE IF NOT EXISTS 'x'",
    "CREATE TABLE other.t (id int)",
    "DROP TABLE other.t",
    "DROP TABLE t; CREATE TABLE t (id int)",
    "UPDATE t SET a = 1",
    "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
  ])("%s tells nothing", async (sql) => {
    expect(await claimsOf(sql)).toEqual([]);
  });

  it("is done when all of it holds, not done when nothing does, and otherwise not to be told", async () => {
    const claims = await claimsOf("CREATE TABLE t (id int); DROP TABLE old; CREATE TYPE e AS ENUM ('a')");
    expect(judge(claims, contents({ relation: ["t"], type: ["e"] })).verdict).toBe("done");
    expect(judge(claims, contents({ relation: ["old"] })).verdict).toBe("not done");
    expect(judge(claims, contents({ relation: ["t", "old"] })).verdict).toBe("unknown");
    expect(judge([], contents({})).verdict).toBe("unknown");
  });

  it("does not take an invalid index for one that is gone, nor for one that is made", async () => {
    const invalid = contents({ relation: ["i"] });
    expect(judge(await claimsOf("DROP INDEX i"), invalid).verdict).toBe("not done");
    expect(judge(await claimsOf("CREATE INDEX i ON t (a)"), invalid).verdict).toBe("not done");
  });
});

describe("the ways out of an unfinished migration", () => {
  const row = (changes: Partial<LedgerRow> = {}): LedgerRow => ({
    ...{ name: "x", checksum: "c", startedAt: 1, finishedAt: null, rolledBackAt: null, steps: 0, logs: null },
    ...changes,
  });
  const steps = (...verdicts: string[]): ScriptState["steps"] =>
    verdicts.map((text) => {
      const [kind, verdict] = text.split(" ", 2) as [string, "done" | "not" | "unknown"];
      return { alone: kind === "alone", verdict: verdict === "not" ? "not done" : verdict, holds: [] };
    });
  const ways = (
    changes: Partial<LedgerRow>,
    state: Partial<ScriptState>,
    { direction = "up", hasDown = true }: { direction?: "up" | "down"; hasDown?: boolean } = {},
  ) => {
    const { on, back } = diagnose(
      { row: row(changes), direction, hasDown },
      { mode: "stepwise", edited: false, steps: [], leftovers: [], ...state },
    );
    return [on?.kind === "continue" ? `continue ${on.from}` : on?.kind, back?.kind];
  };

  it.each([
    ["counted", { steps: 1 }, "unknown", ["finish", undefined]],
    ["an error", { logs: "it failed" }, "not", ["rerun", "takeBack"]],
    ["an error, no trace", { logs: "it failed" }, "unknown", ["rerun", "takeBack"]],
    ["an error, yet all there", { logs: "it failed" }, "done", [undefined, undefined]],
    ["killed, all there", {}, "done", ["finish", undefined]],
    ["killed, nothing there", {}, "not", ["rerun", "takeBack"]],
    ["killed, no telling", {}, "unknown", [undefined, undefined]],
  ])("of a whole script: %s", (_, changes, verdict, expected) => {
    expect(ways(changes, { mode: "atomic", steps: steps(`transaction ${verdict}`) })).toEqual(expected);
  });

  it.each([
    ["nothing done", 0, ["alone not", "transaction not"], ["rerun", "takeBack"]],
    ["a build done and not counted", 0, ["alone done", "transaction not"], ["continue 1", "undo"]],
    [
      "a transaction is counted with itself",
      1,
      ["alone done", "transaction unknown"],
      ["continue 1", "undo"],
    ],
    [
      "in the middle of a build",
      1,
      ["transaction done", "alone not", "transaction not"],
      ["continue 1", "undo"],
    ],
    ["all but the end", 2, ["alone done", "transaction done"], ["finish", "undo"]],
    ["the last build not counted", 1, ["transaction done", "alone done"], ["finish", "undo"]],
    ["only a later step there", 0, ["alone unknown", "transaction done"], [undefined, undefined]],
  ])("of one that runs step by step: %s", (_, counted, verdicts, expected) => {
    expect(ways({ steps: counted }, { steps: steps(...verdicts) })).toEqual(expected);
  });

  it("leads back from the middle only by down.sql, and never up again from the middle of a downgrade", () => {
    const middle = { steps: steps("transaction done", "alone not") };
    expect(ways({ steps: 1 }, middle, { hasDown: false })).toEqual(["continue 1", undefined]);
    expect(ways({ steps: 1 }, middle, { direction: "down" })).toEqual(["continue 1", undefined]);
    expect(ways({ steps: 0 }, { steps: steps("alone not") }, { direction: "down" })).toEqual([
      "rerun",
      "takeBack",
    ]);
  });

  it("is none where the script is missing", () => {
    expect(diagnose({ row: row(), direction: "up", hasDown: false }, undefined)).toMatchObject({
      reached: ["its script is missing from the service's migrations"],
    });
  });
});
