import { describe, expect, it } from "vitest";
import { parseRange, resolvePoint } from "../../../scripts/core/range.ts";

describe("parseRange", () => {
  it.each([
    ["a:b", { from: "a", to: "b" }],
    [":b", { from: "base", to: "b" }],
    ["a:", { from: "a", to: "head" }],
    [":", { from: "base", to: "head" }],
  ])("%s", (text, range) => {
    expect(parseRange(text)).toEqual(range);
  });

  it.each(["", "a", "a:b:c"])('refuses "%s"', (text) => {
    expect(parseRange(text)).toMatchObject({
      problem: { fact: `"${text}" is no range of migrations`, status: 2 },
    });
  });
});

describe("resolvePoint", () => {
  const names = [
    "20250101000000_init",
    "20250102000000_users",
    "20250103000000_part-2",
    "20250104000000_end",
  ];
  const history = { service: "auth", names, current: "20250102000000_users" };

  it.each([
    ["base", -1],
    ["head", 3],
    ["current", 1],
    ["current+2", 3],
    ["current-2", -1],
    ["+1", 2],
    ["-1", 0],
    ["head-3", 0],
    ["base+1", 0],
    ["init", 0],
    ["init+1", 1],
    ["20250104000000_end-1", 2],
    ["part-2", 2],
    ["part-2+1", 3],
  ])("%s is number %i", (text, index) => {
    expect(resolvePoint(text, history)).toEqual({ index });
  });

  it("takes base for current where nothing is applied", () => {
    expect(resolvePoint("current", { ...history, current: null })).toEqual({ index: -1 });
  });

  it.each([
    ["head+1", 'auth: "head+1" is above head'],
    ["-3", 'auth: "-3" is below base'],
    ["nothing", 'auth: no migration matches "nothing"'],
    ["nothing+1", 'auth: no migration matches "nothing"'],
    ["2025", 'auth: "2025" could be 4 migrations'],
  ])("refuses %s", (text, fact) => {
    expect(resolvePoint(text, history)).toMatchObject({ problem: { fact, status: 2 } });
  });

  it("knows no current without a database", () => {
    const offline = { ...history, current: undefined };
    expect(resolvePoint("current", offline)).toMatchObject({
      problem: { fact: 'auth: "current" is not known here' },
    });
    expect(resolvePoint("-1", offline)).toMatchObject({ problem: { status: 2 } });
    expect(resolvePoint("head-1", offline)).toEqual({ index: 2 });
  });
});
