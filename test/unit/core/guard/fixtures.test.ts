import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Ownership } from "../../../../scripts/core/guard/finding.ts";
import { guardScript } from "../../../../scripts/core/guard/guard.ts";
import { mayHaveFindings } from "../../../../scripts/core/guard/prefilter.ts";
import { RULES } from "../../../../scripts/core/guard/registry.ts";
import { loadSqlParser } from "../../../../scripts/io/parser.ts";

const FOLDER = join(import.meta.dirname, "../../../fixtures/guard");
const parser = await loadSqlParser();

const BILLING: Ownership = {
  service: "billing",
  schema: "billing",
  references: new Map([["auth", new Set(["User"])]]),
  otherSchemas: ["auth", "reports", "shop"],
  extensions: ["citext", "pgcrypto", "uuid-ossp", "pg_trgm", "postgis", "hstore", "unaccent", "btree_gist"],
  dependents: ["reports"],
};

function readFixtures(kind: string): [name: string, sql: string][] {
  return readdirSync(join(FOLDER, kind), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".sql"))
    .sort()
    .map((file) => [file, readFileSync(join(FOLDER, kind, file), "utf8")]);
}

function judge(sql: string) {
  return guardScript({ file: "migration.sql", sql }, BILLING, parser);
}

const hostile = readFixtures("hostile");
const honest = readFixtures("honest");

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
