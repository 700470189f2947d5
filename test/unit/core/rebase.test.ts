import { describe, expect, test } from "vitest";
import { renameDependencies } from "../../../scripts/core/dependsOn.ts";
import { changeDownFile, isProven, renderDownFile } from "../../../scripts/core/downFile.ts";
import { findMisplaced, findMove, planMoves } from "../../../scripts/core/rebase.ts";

const [A, B, C, D] = [
  "20250101000000_a",
  "20250102000000_b",
  "20250103000000_c",
  "20250104000000_d",
] as const;

describe("findMisplaced", () => {
  test.each([
    ["nothing applied, nothing colliding", [A, B], [A, B], null, []],
    ["all in order", [A, B, C], [C], B, []],
    ["one older than current", [A, B, C], [B], C, [B]],
    ["what is pending after it goes with it", [A, B, C, D], [B, D], C, [B, D]],
    [
      "one of the same time as an applied one",
      [A, "20250101000000_b"],
      ["20250101000000_b"],
      A,
      ["20250101000000_b"],
    ],
    ["the later of two pending ones of the same time", [A, `${A}2`, B], [A, `${A}2`, B], null, [`${A}2`, B]],
    ["names without a time collide with none", ["1_a", "1_b"], ["1_a", "1_b"], null, []],
    [
      "a longer number is no time",
      ["202501020000001_x", "20250102000000_y"],
      ["20250102000000_y"],
      "202501020000001_x",
      [],
    ],
  ])("%s", (_, all, pending, current, expected) => {
    expect(findMisplaced({ all, pending, current })).toEqual(expected);
  });
});

describe("planMoves", () => {
  const now = new Date("2025-02-01T00:00:00Z");

  test("puts them last under different times, in their order, with their words", () => {
    expect(planMoves("auth", [A, B], { all: [A, B, C], now })).toEqual({
      moves: [
        { from: A, to: "20250201000000_a" },
        { from: B, to: "20250201000001_b" },
      ],
    });
  });

  test("after a newest that is dated in the future", () => {
    const all = [A, "20991231235959_far"];
    expect(planMoves("auth", [A], { all, now })).toEqual({ moves: [{ from: A, to: "21000101000000_a" }] });
  });

  test("keeps whatever words there are, and gives a time to a name without one", () => {
    const odd = ['0001_O\'Brien "x" ü', "init"];
    expect(planMoves("auth", odd, { all: odd, now })).toEqual({
      moves: [
        { from: odd[0], to: '20250201000000_O\'Brien "x" ü' },
        { from: odd[1], to: "20250201000001_init" },
      ],
    });
  });

  test("says so where nothing would come last", () => {
    expect(planMoves("auth", [A], { all: [A, "zzz"], now })).toMatchObject({
      problem: { fact: "auth: no new name would come after zzz" },
    });
  });
});

test("a line is meant by its name, or after an interruption by its words, unless these are ambiguous", () => {
  const moves = [
    { from: A, to: "9_a" },
    { from: B, to: "9_b" },
  ];
  expect(findMove(A, moves, [A, B, C])).toEqual(moves[0]);
  expect(findMove("20250909000000_b", moves, [A, B])).toEqual(moves[1]);
  expect(findMove(C, moves, [A, B, C])).toBeUndefined();
  const twins = [
    { from: "1_x", to: "8_x" },
    { from: "2_x", to: "9_x" },
  ];
  expect(findMove("3_x", twins, ["1_x", "2_x"])).toBeUndefined();
});

test("depends-on lines get the new name, and nothing else changes", () => {
  const renamed = [{ service: "auth", from: "1_$&", to: "2_$&" }];
  const script =
    "\uFEFF-- depends-on: auth/1_$&2\r\n--depends-on:auth/1_$&\r\n-- depends-on: auth/1_$&x\r\nSELECT 1;\r\n-- depends-on: auth/1_$&\r\n";
  expect(renameDependencies(script, renamed)).toBe(
    "\uFEFF-- depends-on: auth/1_$&2\r\n-- depends-on: auth/2_$&\r\n-- depends-on: auth/1_$&x\r\nSELECT 1;\r\n-- depends-on: auth/1_$&\r\n",
  );
});

describe("changeDownFile", () => {
  const up = "CREATE TABLE t (x int);\n";
  const down = renderDownFile({
    migration: "1_t",
    sql: "DROP TABLE t;\n",
    notes: ["Loses: t."],
    provenWith: up,
  });

  test("another name alone keeps the proof and the notes", () => {
    const changed = changeDownFile(down, { migration: "2_t", up, formerUp: up });
    expect(changed).toBe(down.replace("1_t", "2_t"));
    expect(isProven(changed, up)).toBe(true);
  });

  test("a proof stays for another migration.sql only where there was one", () => {
    const other = `-- depends-on: a/b\n${up}`;
    const change = { migration: "1_t", up: other, formerUp: up };
    expect(isProven(changeDownFile(down, change), other)).toBe(true);
    expect(isProven(changeDownFile("DROP TABLE t;\n", change), other)).toBe(false);
  });

  test("a proof that failed takes the old one's place, and is taken back by the next", () => {
    const proof = { proven: false, notes: ["NOT PROVEN: on the shadow database it failed: x"] };
    const failed = changeDownFile(down, { migration: "2_t", up, formerUp: up, proof });
    expect(isProven(failed, up)).toBe(false);
    expect(failed).toMatch(/^-- NOT PROVEN: on the shadow database it failed: x$/m);
    expect(changeDownFile(failed, { migration: "3_t", up, formerUp: up })).toMatch("NOT PROVEN");
    const again = changeDownFile(failed, {
      migration: "2_t",
      up,
      formerUp: up,
      proof: { proven: true, notes: [] },
    });
    expect(again).toBe(down.replace("1_t", "2_t"));
  });

  test("one written by hand keeps its comments and its statements", () => {
    const changed = changeDownFile("-- careful\r\n\r\nDROP TABLE t;", { migration: "2_t", up, formerUp: up });
    expect(changed).toBe("-- Undoes 2_t.\n-- careful\n\nDROP TABLE t;");
  });
});
