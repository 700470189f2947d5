import { describe, expect, it } from "vitest";
import { byName, compareHistory, type LedgerRow, type Migration } from "../../../scripts/core/history.ts";

const file = (name: string, checksum = `sum-${name}`): Migration => ({ name, file: `/x/${name}`, checksum });
const row = (name: string, more: Partial<LedgerRow> = {}): LedgerRow => ({
  name,
  checksum: `sum-${name}`,
  startedAt: 1,
  finishedAt: 2,
  rolledBackAt: null,
  steps: 1,
  logs: null,
  ...more,
});

describe("compareHistory", () => {
  it("finds nothing in a service without migrations", () => {
    expect(compareHistory([], [])).toEqual({
      head: null,
      current: null,
      applied: [],
      pending: [],
      missing: [],
      edited: [],
      failed: [],
      outOfOrder: [],
      squashed: [],
      midway: [],
    });
  });

  it("tells applied from pending, head from current", () => {
    const standing = compareHistory([file("1_a"), file("2_b"), file("3_c")], [row("1_a")]);
    expect(standing).toMatchObject({
      head: "3_c",
      current: "1_a",
      applied: ["1_a"],
      pending: ["2_b", "3_c"],
      outOfOrder: [],
    });
  });

  it("counts a pending migration older than current as out of order", () => {
    const standing = compareHistory([file("1_a"), file("2_b"), file("3_c")], [row("1_a"), row("3_c")]);
    expect(standing).toMatchObject({ current: "3_c", pending: ["2_b"], outOfOrder: ["2_b"] });
  });

  it("finds applied migrations that have no file", () => {
    const standing = compareHistory([file("1_a")], [row("1_a"), row("2_gone")]);
    expect(standing).toMatchObject({ current: "2_gone", missing: ["2_gone"], pending: [] });
  });

  it("finds edited files, and accepts a checksum of other line endings", () => {
    const ledger = [row("1_a", { checksum: "other" })];
    expect(compareHistory([file("1_a")], ledger).edited).toEqual(["1_a"]);
    expect(compareHistory([{ ...file("1_a"), tolerated: ["crlf", "other"] }], ledger).edited).toEqual([]);
  });

  it("takes a rolled-back row for none, and a later row of the same name for applied", () => {
    const back = row("1_a", { rolledBackAt: 5 });
    expect(compareHistory([file("1_a")], [back])).toMatchObject({
      pending: ["1_a"],
      applied: [],
      current: null,
    });
    expect(compareHistory([file("1_a")], [back, row("1_a")])).toMatchObject({
      pending: [],
      applied: ["1_a"],
    });
  });

  it("counts a migration as failed while one of its rows is unfinished, whatever the others say", () => {
    const ledger = [row("1_a"), row("2_b"), row("2_b", { finishedAt: null })];
    expect(compareHistory([file("1_a"), file("2_b")], ledger)).toMatchObject({
      failed: ["2_b"],
      applied: ["1_a"],
      pending: [],
    });
  });

  it("takes one matching checksum of several rows for unedited", () => {
    const ledger = [row("1_a", { checksum: "old" }), row("1_a")];
    expect(compareHistory([file("1_a")], ledger).edited).toEqual([]);
  });
});

describe("byName", () => {
  it("sorts by the bytes of UTF-8, not by UTF-16 units or a language's rules", () => {
    expect(["b", "a", "B", "ä", "\u{1F600}", "\uFF5E", "10", "9"].sort(byName)).toEqual([
      "10",
      "9",
      "B",
      "a",
      "b",
      "ä",
      "\uFF5E",
      "\u{1F600}",
    ]);
  });
});
