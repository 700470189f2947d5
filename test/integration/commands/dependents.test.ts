import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import type { CheckReport } from "../../../scripts/core/check/view.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { type Bench, revise, runOn } from "../../support/revision.ts";
import { expectDecent } from "../../support/upgrade.ts";
import { makeWorkspace } from "../../support/workspace.ts";

// The tool a dozen times in a row, on a busy machine.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const USER = `model User {
  id       Int     @id
  email    String  @unique
  nickname String?

  @@map("users")
  @@schema("auth")
}
`;

const BILLING = `model User {
  id       Int       @id
  nickname String?
  invoices Invoice[]

  @@map("users")
  @@schema("auth")
}

model Invoice {
  id     Int  @id
  userId Int
  user   User @relation(fields: [userId], references: [id])

  @@schema("billing")
}
`;

let bench: Bench;

beforeEach(async () => {
  bench = {
    workspace: makeWorkspace({ auth: { models: USER }, billing: { models: BILLING, alsoSchemas: ["auth"] } }),
    databaseUrl: await createDatabase(await testServer()),
  };
  await revise(bench, "auth");
  await revise(bench, "billing");
  const { status, stderr } = await run("upgrade-head");
  expect(status, stderr).toBe(0);
  expect(stderr).not.toContain("to which others refer");
});

async function run(...args: string[]) {
  const result = await runOn(bench, args);
  expectDecent(result);
  return result;
}

function editAuth(from: string, to: string): void {
  const path = "services/auth/schema.prisma";
  const text = readFileSync(join(bench.workspace.root, path), "utf8");
  expect(text).toContain(from);
  bench.workspace.write(path, text.replace(from, to));
}

test("a column that another service repeats is warned of when its drop is drafted, checked, planned and applied", async () => {
  editAuth("  nickname String?\n", "");
  const { warnings, migration } = await revise(bench, "auth");
  const message =
    'drops the column "users"."nickname", to which others refer: billing by User.nickname (services/billing/schema.prisma:8)';
  expect(warnings.join("\n")).toContain(message);
  const file = `services/auth/migrations/${migration}/migration.sql`;
  const checked = (await run("check", "--app", "auth", "--json")).json<CheckReport>();
  expect(checked.findings).toEqual([
    // The table is empty: unsafe is no more than worth a look.
    expect.objectContaining({ part: "unsafe-ddl", rule: "ban-drop-column", severity: "warning", file }),
    expect.objectContaining({ service: "auth", part: "dependents", rule: "breaks-dependent", file, message }),
  ]);
  expect((await run("check", "--app", "auth", "--offline", "--json")).json<CheckReport>()).toMatchObject({
    findings: [],
    leftOut: [{ parts: expect.arrayContaining(["dependents"]), why: "--offline asks no database" }],
  });
  const strict = await run("upgrade-head", "--app", "auth", "--strict");
  expect(strict.status).toBe(1);
  expect(strict.stderr).toContain("1 error in its pending migrations, and --strict is set");
  for (const args of [["plan"], ["upgrade-head", "--dry-run"], ["upgrade-head", "--app", "auth"]]) {
    const { status, stderr } = await run(...args);
    expect(status).toBe(0);
    expect(stderr).toMatch(new RegExp(`^${file}:\\d+:\\d+ error breaks-dependent$`, "m"));
    expect(stderr).toContain(message);
    expect(stderr).toContain('make revision app=billing m="…" and make upgrade-head app=billing');
  }
  // What is applied is no longer pending; the stale model remains a finding of the service that has it.
  expect((await run("upgrade-head")).stderr).not.toContain("to which others refer");
  expect((await run("check", "--json")).json<CheckReport>().findings).toEqual([
    expect.objectContaining({ service: "billing", rule: "stale-model", line: 8 }),
  ]);
});

test("nobody is warned of what no other service repeats, or has followed already", async () => {
  editAuth("  email    String  @unique\n", "");
  expect((await revise(bench, "auth")).warnings.join("\n")).not.toContain("to which others refer");
  editAuth("nickname String?", "alias    String?");
  const renamed = await revise(bench, "auth", ["-m", "alias", "--rename", "users.nickname=alias"]);
  expect(renamed.warnings.join("\n")).toContain('renames the column "users"."nickname" to "alias"');
  const synced = await run("sync", "--app", "billing");
  expect(synced.status, synced.stderr).toBe(0);
  expect((await run("plan")).stderr).not.toContain("to which others refer");
});

test("an exception with a reason lets it pass, and is listed", async () => {
  const script =
    '-- schemata:allow breaks-dependent because billing follows today\nALTER TABLE "users" DROP COLUMN "nickname";\n';
  bench.workspace.writeMigration("auth", "20990101000000_drop", script);
  const { status, stderr } = await run("upgrade-head", "--app", "auth", "--strict", "--unsafe", "off");
  expect(status, stderr).toBe(0);
  expect(stderr).toContain("breaks-dependent (1): billing follows today");
  expect(stderr).not.toContain("to which others refer");
});

test("a foreign key is found in the database, also by the constraint that it needs", async () => {
  bench.workspace.writeMigration(
    "auth",
    "20990101000000_rekey",
    'ALTER TABLE "users" DROP CONSTRAINT "users_pkey" CASCADE;\n',
  );
  const { stderr } = await run("plan", "--app", "auth");
  expect(stderr).toContain("the foreign key Invoice_userId_fkey of billing.Invoice in the database");
});

test("what a DO block certainly runs is looked at as well, and a branch of it is not", async () => {
  const drop = (body: string) =>
    bench.workspace.writeMigration("auth", "20990101000000_block", `DO $$\nBEGIN\n  ${body}\nEND $$;\n`);
  drop(`EXECUTE 'ALTER TABLE "users" DROP COLUMN "nickname"';`);
  expect((await run("plan", "--app", "auth")).stderr).toMatch(
    /^services\/auth\/migrations\/20990101000000_block\/migration\.sql:3:11 error breaks-dependent$/m,
  );
  drop(`IF false THEN ALTER TABLE "users" DROP COLUMN "nickname"; END IF;`);
  expect((await run("plan", "--app", "auth")).stderr).not.toContain("breaks-dependent");
});
