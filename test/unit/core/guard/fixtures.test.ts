import { describe, expect, test } from "vitest";
import { guardScript } from "../../../../scripts/core/guard/guard.ts";
import { mayHaveFindings } from "../../../../scripts/core/guard/prefilter.ts";
import { RULES } from "../../../../scripts/core/guard/registry.ts";
import { loadSqlParser } from "../../../../scripts/io/parser.ts";
import { BILLING, readGuardFixtures } from "../../../support/hostile.ts";

const parser = await loadSqlParser();

function judge(sql: string) {
  return guardScript({ file: "migration.sql", sql }, BILLING, parser);
}

const pairs = (kind: "hostile" | "honest") =>
  readGuardFixtures(kind).map(({ name, sql }): [string, string] => [name, sql]);
const hostile = pairs("hostile");
const honest = pairs("honest");

describe("hostile migrations", () => {
  test("are many, and of every rule", () => {
    expect(hostile.length).toBeGreaterThanOrEqual(150);
    const named = new Set(hostile.map(([, sql]) => expectedRule(sql)));
    expect([...named].filter((rule) => rule !== undefined).sort()).toEqual(
      [...RULES.map(({ name }) => name), "allow"].sort(),
    );
  });

  test.each(hostile)("%s", (_, sql) => {
    const rule = expectedRule(sql);
    if (rule === undefined) {
      // Only running tells: the owner role's rights are what stops these.
      expect(sql).toMatch(/^-- stopped-by: roles$/m);
      return;
    }
    expect(judge(sql).findings.map((finding) => finding.rule)).toContain(rule);
    expect(mayHaveFindings(sql)).toBe(true);
  });

  function expectedRule(sql: string): string | undefined {
    return /^\uFEFF?-- rule: (\S+)$/m.exec(sql.split(/\r?\n/)[0] ?? "")?.[1];
  }
});

describe("honest migrations", () => {
  test("are many", () => {
    expect(honest.length).toBeGreaterThanOrEqual(150);
  });

  test.each(honest)("%s", (_, sql) => {
    expect(judge(sql)).toEqual({ findings: [], exceptions: [] });
  });
});
