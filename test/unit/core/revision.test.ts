import { describe, expect, test } from "vitest";
import { parseDependsOn } from "../../../scripts/core/dependsOn.ts";
import { isProven, renderDownFile } from "../../../scripts/core/downFile.ts";
import {
  nextMigrationName,
  referredSchemas,
  renderMigration,
  renderSlug,
  unqualify,
} from "../../../scripts/core/revision.ts";

describe("a slug", () => {
  test.each([
    ["add users", "add_users"],
    ["  Add User's e-mail, NOW!  ", "add_users_e_mail_now"],
    ["Straße für Ærø", "strasse_fur_aero"],
    ["añade ñandú", "anade_nandu"],
    ["../../etc/passwd", "etc_passwd"],
    ["日本語", "revision"],
    ["", "revision"],
    [`${"x".repeat(58)} yyy`, `${"x".repeat(58)}_y`],
    [`${"x".repeat(59)} yyy`, "x".repeat(59)],
  ])("of %j is %j", (message, slug) => {
    expect(renderSlug(message)).toBe(slug);
  });
});

describe("a migration's name", () => {
  const now = new Date("2025-02-28T23:59:59.999Z");
  test.each([
    [[], "20250228235959_x"],
    [["20250101000000_init"], "20250228235959_x"],
    [["20250228235958_init", "20240101000000_old"], "20250228235959_x"],
    [["20250228235959_init"], "20250301000000_x"],
    [["20991231235959_future"], "21000101000000_x"],
    [["20259999999999_no_time"], "20260000000000_x"],
    [["0_init"], "20250228235959_x"],
    [["99999999999999_last"], undefined],
    [["zzz"], undefined],
  ])("after %j is %s", (names, name) => {
    expect(nextMigrationName("x", { now, names })).toBe(name);
  });
});

test("depends-on lines come before the warnings, where a plan finds them", () => {
  const sql = renderMigration("/*\n  Warnings:\n*/\nSELECT 1;\n", [{ service: "auth", migration: "1_init" }]);
  expect(sql).toBe("-- depends-on: auth/1_init\n/*\n  Warnings:\n*/\nSELECT 1;\n");
  expect(parseDependsOn(sql)).toEqual([{ service: "auth", migration: "1_init" }]);
});

test("other schemas are found by their quoted names only", () => {
  expect(referredSchemas('REFERENCES "auth"."users"("id"); -- billing.x', ["auth", "billing"])).toEqual([
    "auth",
  ]);
});

describe("a reversal without its schema", () => {
  test.each([
    ['ALTER TABLE "auth"."users" DROP COLUMN "auth";', 'ALTER TABLE "users" DROP COLUMN "auth";'],
    [
      `SELECT '"auth".x', $$"auth".y$$ -- "auth".z\nFROM "auth"."t"`,
      `SELECT '"auth".x', $$"auth".y$$ -- "auth".z\nFROM "t"`,
    ],
    [
      'CREATE TYPE "auth"."r" AS ENUM (\'a\'); DROP TABLE "other"."auth"',
      'CREATE TYPE "r" AS ENUM (\'a\'); DROP TABLE "other"."auth"',
    ],
    ['DROP TABLE "x"."auth"."t"', 'DROP TABLE "x"."t"'],
  ])("%s", (sql, plain) => {
    expect(unqualify(sql, "auth")).toBe(plain);
  });
});

describe("down.sql", () => {
  const down = (notes: string[]) =>
    renderDownFile({ migration: "1_x", sql: "DROP TABLE t;\n", notes, provenWith: "CREATE TABLE t ();\n" });

  test("is proven until either file changes; line endings and a byte order mark don't count", () => {
    const file = down(["Loses: t."]);
    const up = "CREATE TABLE t ();\n";
    expect(isProven(file, up)).toBe(true);
    expect(isProven(`\uFEFF${file.replaceAll("\n", "\r\n")}`, up.replaceAll("\n", "\r\n"))).toBe(true);
    expect(isProven(file, `${up}\n`)).toBe(false);
    expect(isProven(file.replace("TABLE t", "TABLE u"), up)).toBe(false);
    expect(isProven(`${file}-- x\n`, up)).toBe(false);
    expect(isProven(file.replace(/^-- proven.*\n/m, ""), up)).toBe(false);
  });

  test("takes no statement from a name", () => {
    const file = down(['Loses: the table "x\nDROP DATABASE y; --" with all its rows.']);
    expect(file.split("\n").filter((line) => line !== "" && !line.startsWith("--"))).toEqual([
      "DROP TABLE t;",
    ]);
  });

  test("without a script is a comment, and proven when it was", () => {
    const file = renderDownFile({ migration: "1_x", sql: "", notes: [], provenWith: "SELECT 1;\n" });
    expect(file).toMatch(/^-- Undoes 1_x\.\n-- proven: [0-9a-f]{64}\n$/);
    expect(isProven(file, "SELECT 1;\n")).toBe(true);
  });
});
