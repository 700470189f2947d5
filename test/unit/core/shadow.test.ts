import { describe, expect, test } from "vitest";
import { compareCatalogs } from "../../../scripts/core/catalog.ts";
import { renderDifference } from "../../../scripts/core/catalogView.ts";
import type { LedgerRow, Migration } from "../../../scripts/core/history.ts";
import { isBeginning, shadowDatabaseName } from "../../../scripts/core/shadow.ts";

describe("the shadow database's name", () => {
  test.each([
    ["app", "app_shadow"],
    ["x".repeat(56), `${"x".repeat(56)}_shadow`],
  ])("of %s", (database, name) => {
    expect(shadowDatabaseName(database)).toBe(name);
  });

  test("of a long one is cut between letters, and differs where only the end does", () => {
    const one = shadowDatabaseName(`${"é".repeat(31)}a`);
    const two = shadowDatabaseName(`${"é".repeat(31)}b`);
    expect(one).toMatch(/^é{23}_[0-9a-f]{8}_shadow$/);
    expect(Buffer.byteLength(one)).toBeLessThanOrEqual(63);
    expect(two).not.toBe(one);
  });
});

describe("a beginning of the history", () => {
  const migration = (name: string): Migration => ({ name, file: name, checksum: `sum of ${name}` });
  const row = (name: string, more: Partial<LedgerRow> = {}): LedgerRow => ({
    ...{
      name,
      checksum: `sum of ${name}`,
      startedAt: 1,
      finishedAt: 2,
      rolledBackAt: null,
      steps: 1,
      logs: null,
    },
    ...more,
  });
  const judge = (ledger: LedgerRow[], occupied = false) =>
    isBeginning({ migrations: ["a", "b", "c"].map(migration), ledger, occupied });

  test.each([
    ["nothing yet", []],
    ["some", [row("a"), row("b")]],
    ["all, in any order of rows", [row("b"), row("c"), row("a")]],
  ])("%s", (_, ledger) => {
    expect(judge(ledger)).toBe(true);
  });

  test.each([
    ["one left out", [row("a"), row("c")]],
    ["one edited", [row("a", { checksum: "other" })]],
    ["one that is gone", [row("a"), row("b"), row("c"), row("d")]],
    ["one unfinished", [row("a", { finishedAt: null })]],
    ["one rolled back", [row("a", { rolledBackAt: 3 })]],
    ["one twice", [row("a"), row("a")]],
  ])("not %s", (_, ledger) => {
    expect(judge(ledger)).toBe(false);
  });

  test("not a schema that others have filled", () => {
    expect(judge([], true)).toBe(false);
  });
});

describe("two catalogs", () => {
  const column = (name: string, type = "text") => ({ name, type });
  const table = (...columns: object[]) => ({
    relations: { "auth.users": { kind: "r", columns } },
    indexes: {},
  });
  const differ = (a: Parameters<typeof compareCatalogs>[0], b: Parameters<typeof compareCatalogs>[1]) =>
    compareCatalogs(a, b).map((difference) => renderDifference(difference, "auth"));

  test("that are the same differ in nothing", () => {
    expect(differ(table(column("a"), column("b")), table(column("a"), column("b")))).toEqual([]);
  });

  test.each([
    [[column("b"), column("a")], ["table or view users (order of columns)"]],
    [[column("a"), column("b", "int")], ['table or view users (column "b": type)']],
    [[column("a")], ['table or view users (column "b" is missing)']],
    [[column("a"), column("b"), column("c")], ['table or view users (column "c" is new)']],
  ])("name what of a table is other: %j", (columns, said) => {
    expect(differ(table(column("a"), column("b")), table(...columns))).toEqual(said);
  });

  test("name what is missing and what is left", () => {
    const before = { triggers: { 'auth.users "touched"': {} }, policies: {} };
    const after = { triggers: {}, policies: { "auth.users mine": {} } };
    expect(differ(before, after)).toEqual([
      'trigger users "touched"',
      "policy users mine, which is left behind",
    ]);
  });
});
