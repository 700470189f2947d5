import { describe, expect, test } from "vitest";
import { normalizeFlags, readOptionVariables } from "../../../scripts/core/optionVariables.ts";

const declared = { flags: ["dry-run", "json"], lists: ["app"], values: ["lock-wait", "m"] };

describe("readOptionVariables", () => {
  test("takes each option's variable, whatever its case, and leaves the others alone", () => {
    const env = {
      SCHEMATA_LOCK_WAIT: "5",
      SCHEMATA_m: "add `users`; $(x)",
      SCHEMATA_APP: "auth, billing",
      SCHEMATA_DRY_RUN: "1",
      SCHEMATA_FROB: "x",
      SCHEMATA_ROOT: "/elsewhere",
      SCHEMATA_: "x",
      DRY_RUN: "1",
    };
    expect(readOptionVariables(env, declared)).toEqual({
      options: {
        "lock-wait": "5",
        m: "add `users`; $(x)",
        app: ["auth", "billing"],
        "dry-run": true,
      },
      problems: [],
    });
  });

  test.each([
    ["1", true],
    ["TRUE", true],
    ["yes", true],
    ["on", true],
    ["0", false],
    ["false", false],
    ["No", false],
    ["", false],
  ])("SCHEMATA_DRY_RUN=%s is %s", (text, flag) => {
    expect(readOptionVariables({ SCHEMATA_DRY_RUN: text }, declared).options).toEqual({ "dry-run": flag });
  });

  test("a flag that is neither true nor false is a problem, never false", () => {
    const { options, problems } = readOptionVariables({ SCHEMATA_DRY_RUN: "maybe" }, declared);
    expect(options).toEqual({});
    expect(problems).toEqual(['SCHEMATA_DRY_RUN is "maybe", neither true nor false']);
  });
});

describe("normalizeFlags", () => {
  test("--dry-run=1 is a dry run; other options and what follows -- stay as they are", () => {
    const { args, problems } = normalizeFlags(
      ["prisma", "--dry-run=1", "--json", "--lock-wait=1", "--", "--json=1"],
      declared.flags,
    );
    expect(args).toEqual(["prisma", "--dry-run=true", "--json", "--lock-wait=1", "--", "--json=1"]);
    expect(problems).toEqual([]);
  });

  test("a value that is neither true nor false is a problem", () => {
    expect(normalizeFlags(["--dry-run=perhaps"], declared.flags).problems).toEqual([
      '--dry-run is "perhaps", neither true nor false',
    ]);
  });
});
