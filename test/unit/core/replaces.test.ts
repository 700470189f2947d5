import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareHistory, type LedgerRow, type Migration } from "../../../scripts/core/history.ts";
import {
  findCoverage,
  parseReplaces,
  type Replaced,
  renderReplaces,
} from "../../../scripts/core/replaces.ts";

const sum = (name: string) => Buffer.from(name).toString("hex").padEnd(64, "0").slice(0, 64);
const one = (name: string, ...parts: Replaced[]): Replaced => ({ name, checksum: sum(name), parts });
const row = (name: string, more: Partial<LedgerRow> = {}): LedgerRow => ({
  ...{ name, checksum: sum(name), startedAt: 1, finishedAt: 2, rolledBackAt: null, steps: 1, logs: null },
  ...more,
});

describe("the lines in a head", () => {
  test("are read as they were written, through squashes of squashes, whatever the names hold", () => {
    const name = fc.string({ minLength: 1, unit: "binary" });
    const names = fc.uniqueArray(name, { minLength: 3, maxLength: 6 });
    fc.assert(
      fc.property(names, ([first = "", second = "", ...rest]) => {
        const replaces = [one(first, one(second, ...rest.map((part) => one(part))))];
        const lines = renderReplaces(replaces);
        expect(lines.every((line) => !/[\r\n]/.test(line))).toBe(true);
        expect(parseReplaces(`${lines.join("\n")}\n\nSELECT 1;\n${renderReplaces([one("later")])}`)).toEqual(
          replaces,
        );
      }),
    );
  });

  test("are comments, one a line", () => {
    expect(renderReplaces([one("1_a"), one("3_s", one("2 b"))])).toEqual([
      `-- replaces: 1_a ${sum("1_a")}`,
      `-- replaces: 3_s ${sum("3_s")}`,
      `-- replaces: "2 b" ${sum("2 b")} in 3_s`,
    ]);
  });

  test("that say something else are none", () => {
    expect(
      parseReplaces(`-- replaces: 1_a\n-- replaces: 1_a abc\n-- replaces: 1_a ${sum("x")} in nothing\n`),
    ).toEqual([]);
  });
});

describe("findCoverage", () => {
  const replaces = [one("5_s", one("1_a"), one("2_b")), one("6_c")];

  test.each([
    ["nothing", [], { state: "none" }],
    ["others", [row("7_d")], { state: "none" }],
    ["rolled back", [row("5_s", { rolledBackAt: 3 }), row("6_c", { rolledBackAt: 3 })], { state: "none" }],
    ["unfinished", [row("6_c", { finishedAt: null })], { state: "none" }],
    ["all", [row("6_c"), row("5_s"), row("7_d")], { state: "all", rows: ["6_c", "5_s"] }],
    [
      "all, before the first squash",
      [row("1_a"), row("2_b"), row("6_c")],
      { state: "all", rows: ["1_a", "2_b", "6_c"] },
    ],
    ["a part", [row("5_s")], { state: "some", present: ["5_s"], absent: ["6_c"], edited: [] }],
    [
      "a part of a part",
      [row("1_a"), row("6_c")],
      { state: "some", present: ["1_a", "6_c"], absent: ["2_b"], edited: [] },
    ],
    [
      "another form",
      [row("5_s"), row("6_c", { checksum: "x" })],
      { state: "some", present: ["5_s", "6_c"], absent: [], edited: ["6_c"] },
    ],
    [
      "twice, once as it was",
      [row("5_s"), row("6_c", { checksum: "x" }), row("6_c")],
      { state: "all", rows: ["5_s", "6_c"] },
    ],
  ] as const)("%s", (_, ledger, expected) => {
    expect(findCoverage(replaces, ledger)).toEqual(expected);
  });
});

describe("compareHistory with a squashed migration on disk", () => {
  const file = (name: string, more: Partial<Migration> = {}): Migration => ({
    name,
    file: `/x/${name}`,
    checksum: sum(name),
    ...more,
  });
  const squashed = file("2_s", { replaces: [one("1_a"), one("2_b")] });

  test("what it stands for is not missing, and it is not out of order", () => {
    const standing = compareHistory([squashed, file("3_c")], [row("1_a"), row("2_b"), row("3_c")]);
    expect(standing).toMatchObject({
      current: "3_c",
      pending: ["2_s"],
      missing: [],
      outOfOrder: [],
      squashed: [{ name: "2_s", rows: ["1_a", "2_b"] }],
      midway: [],
    });
  });

  test("a part of it is midway, and others are missing", () => {
    expect(compareHistory([squashed], [row("1_a"), row("0_x")])).toMatchObject({
      missing: ["0_x"],
      squashed: [],
      midway: [{ name: "2_s", present: ["1_a"], absent: ["2_b"], edited: [] }],
    });
  });

  test("once it is recorded there is nothing to say", () => {
    const ledger = [row("1_a", { rolledBackAt: 3 }), row("2_b", { rolledBackAt: 3 }), row("2_s")];
    expect(compareHistory([squashed], ledger)).toMatchObject({
      current: "2_s",
      pending: [],
      missing: [],
      squashed: [],
    });
  });
});
