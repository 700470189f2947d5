import { describe, expect, it } from "vitest";
import { parseTarget, resolveMigration } from "../../../scripts/core/target.ts";

describe("parseTarget", () => {
  it.each([
    [undefined, "head"],
    ["", "head"],
    ["head", "head"],
    ["+2", { steps: 2 }],
    ["+0", { steps: 0 }],
    ["2", { migration: "2" }],
    ["+x", { migration: "+x" }],
    ["20250101_init", { migration: "20250101_init" }],
  ])("%s", (text, target) => {
    expect(parseTarget(text)).toEqual(target);
  });
});

describe("resolveMigration", () => {
  const names = ["20250101000000_init", "20250102000000_add_users", "20250103000000_add_users_email"];
  const resolve = (text: string) => resolveMigration(text, { service: "auth", names });

  it.each([
    ["20250101000000_init", "20250101000000_init"],
    ["20250102", "20250102000000_add_users"],
    ["init", "20250101000000_init"],
    ["email", "20250103000000_add_users_email"],
  ])("%s is %s", (text, name) => {
    expect(resolve(text)).toEqual({ name });
  });

  describe("digits alone", () => {
    const mixed = ["0001_init", "0002_add_2fa", "0010_v7", "20250105000000", "20250106093000_year_2030"];
    const among = (text: string) => resolveMigration(text, { service: "auth", names: mixed });

    it.each([
      ["0002", "0002_add_2fa"],
      ["001", "0010_v7"],
      ["20250106", "20250106093000_year_2030"],
      ["20250105000000", "20250105000000"],
      ["7", "0010_v7"],
      ["2030", "20250106093000_year_2030"],
    ])("%s is %s", (text, name) => {
      expect(among(text)).toEqual({ name });
    });

    it("are the beginning of a time before they are a part of the words", () => {
      expect(among("2")).toMatchObject({ problem: { fact: 'auth: "2" could be 2 migrations' } });
    });

    it.each(["5", "093000", "0106"])("%s, in the midst of a time, is none", (text) => {
      expect(among(text)).toMatchObject({
        problem: { fact: `auth: no migration matches "${text}"`, status: 2 },
      });
    });

    it("are told from a number of steps", () => {
      expect(among("5")).toMatchObject({
        problem: { fix: "schemata history --app auth lists them; so many steps are +5 up, -5 down" },
      });
    });
  });

  it("prefers a whole name to the names that it is part of", () => {
    expect(resolve("20250102000000_add_users")).toEqual({ name: "20250102000000_add_users" });
  });

  it("refuses what is unknown, and what could be several", () => {
    expect(resolve("nothing")).toMatchObject({
      problem: { fact: 'auth: no migration matches "nothing"', status: 2 },
    });
    expect(resolve("add_users")).toMatchObject({
      problem: {
        fact: 'auth: "add_users" could be 2 migrations',
        why: "20250102000000_add_users, 20250103000000_add_users_email",
        status: 2,
      },
    });
  });
});
