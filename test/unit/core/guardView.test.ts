import { expect, test } from "vitest";
import type { Finding } from "../../../scripts/core/guard/finding.ts";
import { renderGuardReport } from "../../../scripts/core/guardView.ts";

const FINDING: Finding = {
  rule: "foreign-schema",
  severity: "error",
  service: "billing",
  file: "services/billing/migrations/1_x/migration.sql",
  line: 3,
  column: 13,
  message: 'table "auth"."User" is not billing\'s',
  fix: "leave it out",
};

test("the report shows each finding, then the exceptions, then the counts", () => {
  const report = renderGuardReport({
    migrations: 2,
    findings: [FINDING, { ...FINDING, rule: "dynamic-sql", severity: "warning", line: 4 }],
    exceptions: [
      { rule: "grant", reason: "analysts", service: "billing", file: "f.sql", line: 1, passed: 2 },
    ],
  });
  expect(report).toMatchInlineSnapshot(`
    "services/billing/migrations/1_x/migration.sql:3:13 error foreign-schema
      billing: table "auth"."User" is not billing's
      Fix: leave it out

    services/billing/migrations/1_x/migration.sql:4:13 warning dynamic-sql
      billing: table "auth"."User" is not billing's
      Fix: leave it out

    Allowed:
      f.sql:1 grant (2): analysts

    2 migrations: 1 error, 1 warning"
  `);
});

test("a clean report is one line", () => {
  expect(renderGuardReport({ migrations: 1, findings: [], exceptions: [] })).toBe("1 migration: no findings");
});
