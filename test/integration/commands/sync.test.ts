import { mkdirSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import type { CheckReport } from "../../../scripts/core/check/view.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { type Bench, revise, runOn } from "../../support/revision.ts";
import { expectDecent } from "../../support/upgrade.ts";
import { makeWorkspace } from "../../support/workspace.ts";

// The tool a dozen times in a row, on a busy machine.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const AUTH = `enum Role {
  MEMBER
  ADMIN  @map("admin")

  @@map("role")
  @@schema("auth")
}

model User {
  id       String    @id @default(dbgenerated("gen_random_uuid()")) @db.Uuid
  email    String    @unique @db.VarChar(64)
  role     Role      @default(MEMBER)
  enum     Int       @default(0) @map("model")
  sessions Session[]

  @@map("users")
  @@schema("auth")
}

model Session {
  tenant Int
  number Int
  userId String @map("user_id") @db.Uuid
  user   User   @relation(fields: [userId], references: [id])

  @@id([tenant, number])
  @@schema("auth")
}
`;

const INVOICE = `model Invoice {
  id     Int    @id
  userId String @map("user_id") @db.Uuid
  user   User   @relation(fields: [userId], references: [id])

  @@schema("billing")
}
`;

async function makeBench(): Promise<Bench> {
  const workspace = makeWorkspace({
    auth: { models: AUTH },
    billing: { models: 'model User2 {\n  id Int @id\n\n  @@schema("billing")\n}\n' },
  });
  return { workspace, databaseUrl: await createDatabase(await testServer()) };
}

const path = (service: string) => `services/${service}/schema.prisma`;

function read({ workspace }: Bench, service: string): string {
  return readFileSync(join(workspace.root, path(service)), "utf8");
}

function edit(bench: Bench, service: string, change: (text: string) => string): void {
  const before = read(bench, service);
  const after = change(before);
  expect(after).not.toBe(before);
  bench.workspace.write(path(service), after);
}

async function sync(bench: Bench, ...args: string[]) {
  const result = await runOn(bench, ["sync", "--app", "billing", "--json", ...args]);
  expectDecent(result);
  return result;
}

/** A service that refers to User of auth, both at head. */
async function settle(): Promise<Bench> {
  const bench = await makeBench();
  expect((await sync(bench, "--model", "auth.User", "--model", "auth.Session")).status).toBe(0);
  edit(
    bench,
    "billing",
    (text) =>
      `${text.replace('  @@map("users")', '  invoices Invoice[] // ours }\n\n  @@map("users")')}\n${INVOICE}`,
  );
  await revise(bench, "auth");
  await revise(bench, "billing");
  const { status, stderr } = await runOn(bench, ["upgrade-head"]);
  expect(status, stderr).toBe(0);
  return bench;
}

async function stale(bench: Bench, ...args: string[]) {
  const result = await runOn(bench, ["check", "--json", ...args]);
  const { findings } = result.json<CheckReport>();
  return findings
    .filter(({ rule }) => rule.startsWith("stale"))
    .map(({ rule, message }) => `${rule}: ${message}`);
}

describe("a model that is repeated with --model", () => {
  test("is added with its columns, keys and enum, beside a schema that is listed now", async () => {
    const bench = await makeBench();
    const before = read(bench, "billing");
    const result = await sync(bench, "--model", "auth.User", "--model", "auth.Session");
    expect(result.json()).toMatchObject({
      status: "written",
      changes: [expect.any(String), expect.any(String)],
    });
    expect(read(bench, "billing")).toBe(
      `${before.replace('["billing"]', '["billing", "auth"]')}
model User {
  id    String @id @default(dbgenerated("gen_random_uuid()")) @db.Uuid
  email String @unique @db.VarChar(64)
  role  Role   @default(MEMBER)
  enum  Int    @default(0) @map("model")

  @@map("users")
  @@schema("auth")
}

enum Role {
  MEMBER
  ADMIN @map("admin")

  @@map("role")
  @@schema("auth")
}

model Session {
  tenant Int
  number Int
  userId String @map("user_id") @db.Uuid

  @@id([tenant, number])
  @@schema("auth")
}
`,
    );
    expect((await sync(bench, "--model", "auth.User")).json()).toMatchObject({ status: "unchanged" });
    expect(await stale(bench, "--offline")).toEqual([]);
  });

  test("that nobody has is refused with the nearest", async () => {
    const { status, stderr } = await sync(await makeBench(), "--model", "auth.Usr");
    expect(status).toBe(2);
    expect(stderr).toContain("did you mean model=auth.User?");
  });
});

describe("a stale model", () => {
  test("is found, shown, rewritten, and then the stock CLI agrees, as the formatter does", async () => {
    const bench = await settle();
    expect(await stale(bench)).toEqual([]);
    edit(bench, "auth", (text) =>
      text
        .replace("email    String    @unique @db.VarChar(64)", "email    String?   @unique @db.VarChar(320)")
        .replace('  enum     Int       @default(0) @map("model")\n', "")
        .replace("  MEMBER\n", '  GUEST   @map("a guest }")\n  MEMBER\n'),
    );
    await revise(bench, "auth");
    const messages = [
      "stale-model: User.email is String @db.VarChar(64) here, and String? @db.VarChar(320) in services/auth/schema.prisma",
      'stale-model: User.enum is the column "model", which User in services/auth/schema.prisma does not have',
      'stale-enum: Role lacks the value "a guest }", which Role in services/auth/schema.prisma has',
    ];
    expect((await stale(bench)).sort()).toEqual([...messages].sort());
    expect((await stale(bench, "--offline")).sort()).toEqual([...messages].sort());
    const before = read(bench, "billing");
    const dry = await runOn(bench, ["sync", "--app", "billing", "--dry-run"]);
    expect(dry.stdout).toContain("-   email String @unique @db.VarChar(64)");
    expect(read(bench, "billing")).toBe(before);
    expect((await sync(bench)).json()).toMatchObject({ status: "written" });
    expect(read(bench, "billing")).toContain("invoices Invoice[] // ours }\n");
    expect(readdirSync(join(bench.workspace.root, "services/billing")).sort()).toEqual([
      "migrations",
      "schema.prisma",
    ]);
    expect(await stale(bench)).toEqual([]);
    const { status, stderr } = await runOn(bench, ["upgrade-head"]);
    expect(status, stderr).toBe(0);
    expect((await revise(bench, "billing", ["--check"])).status).toBe("unchanged");
    for (const args of [["validate"], ["migrate", "status"]]) {
      const prisma = await runOn(bench, ["prisma", "--app", "billing", "--", ...args]);
      expect(prisma.status, prisma.stdout + prisma.stderr).toBe(0);
    }
  });

  test("that relations of the service rest on is not taken away, and nothing is written", async () => {
    const bench = await settle();
    edit(bench, "auth", (text) =>
      text.replace("id       String ", "uuid     String ").replace("[id])", "[uuid])"),
    );
    const before = read(bench, "billing");
    const { status, stderr } = await sync(bench);
    expect(status).toBe(1);
    expect(stderr).toContain("services/billing/schema.prisma:");
    expect(stderr).toContain("Invoice.user refers to User.id, which is gone");
    expect(read(bench, "billing")).toBe(before);
  });

  test("whose sync Prisma would refuse is left alone, with Prisma's words", async () => {
    const bench = await settle();
    edit(bench, "billing", (text) =>
      text.replace("model Invoice {\n", "model Invoice {\n  kind   Role @default(ADMIN)\n"),
    );
    edit(bench, "auth", (text) => text.replace('  ADMIN  @map("admin")\n', ""));
    const before = read(bench, "billing");
    const { status, stderr } = await sync(bench);
    expect(status).toBe(1);
    expect(stderr).toMatch(/would not be valid; nothing was written[\s\S]*ADMIN/);
    expect(read(bench, "billing")).toBe(before);
  });

  test("is rid of what a killed run has left beside it, and of nothing else", async () => {
    const bench = await settle();
    const folder = join(bench.workspace.root, "services/billing");
    const old = new Date(Date.now() - 120_000);
    const write = (name: string, time: Date) => {
      bench.workspace.write(`services/billing/${name}`, "half");
      utimesSync(join(folder, name), time, time);
    };
    const kept = [
      "schema.prisma.0123456789AB",
      "schema.prisma.0123456789a",
      "schema.prisma.0123456789abc",
      "schema.prisma.bak",
      "schemaxprisma.0123456789ab",
    ];
    for (const name of [...kept, "schema.prisma.0123456789ab"]) write(name, old);
    mkdirSync(join(folder, "schema.prisma.00112233aabb"));
    utimesSync(join(folder, "schema.prisma.00112233aabb"), old, old);
    // Another run may be about to give it its name.
    write("schema.prisma.ba9876543210", new Date());
    const left = () =>
      readdirSync(folder)
        .filter((name) => /^schema.prisma\./.test(name))
        .sort();
    const before = left();
    await runOn(bench, ["sync", "--app", "billing", "--dry-run"]);
    expect(left()).toEqual(before);
    expect((await sync(bench)).status).toBe(0);
    expect(left()).toEqual(before.filter((name) => name !== "schema.prisma.0123456789ab"));
  });

  test("keeps a byte order mark and Windows line ends", async () => {
    const bench = await settle();
    edit(bench, "billing", (text) => `\uFEFF${text.replaceAll("\n", "\r\n")}`);
    edit(bench, "auth", (text) => text.replace("@db.VarChar(64)", "@db.VarChar(65)"));
    const before = read(bench, "billing");
    expect((await sync(bench)).status).toBe(0);
    expect(read(bench, "billing")).toBe(before.replace("VarChar(64)", "VarChar(65)"));
  });
});

test("a schema that no service owns is a warning, with its place", async () => {
  const bench = await makeBench();
  edit(bench, "billing", (text) => text.replace('["billing"]', '["billing", "nobody"]'));
  const { findings } = (await runOn(bench, ["check", "--offline", "--json"])).json<CheckReport>();
  expect(findings).toMatchObject([
    { rule: "unowned-schema", severity: "warning", file: path("billing"), line: 3, column: 26 },
  ]);
});

test("a column that its owner has renamed is guessed by place and history, and followed when that is said", async () => {
  const bench = await settle();
  const renamed = (from: string, to: string) => (text: string) => text.replace(`  ${from} `, `  ${to} `);
  edit(bench, "auth", renamed("email   ", "mail    "));
  expect(await stale(bench, "--app", "billing")).toContain(
    'stale-model: User.email is the column "email", which User in services/auth/schema.prisma does not have; renamed to "mail"?',
  );
  await revise(bench, "auth", ["-m", "mail", "--rename", "users.email=mail"]);
  const before = read(bench, "billing");
  const plain = await runOn(bench, ["sync", "--app", "billing", "--dry-run"]);
  expect(plain.stderr).toContain("billing: if it was renamed: make sync app=billing rename=users.email=mail");
  const wrong = await sync(bench, "--rename", "users.email=mial");
  expect([wrong.status, wrong.stderr]).toEqual([
    2,
    expect.stringContaining("did you mean rename=users.email=mail?"),
  ]);
  expect(read(bench, "billing")).toBe(before);
  expect((await sync(bench)).json()).toMatchObject({ status: "written", likely: ["users.email=mail"] });
  expect(read(bench, "billing")).not.toContain("email");
  bench.workspace.write(path("billing"), before);
  expect((await sync(bench, "--rename", "users.email=mail")).json()).toMatchObject({
    status: "written",
    likely: [],
  });
  expect(read(bench, "billing")).toContain('  email String @unique @map("mail") @db.VarChar(64)\n');
  expect(await stale(bench, "--app", "billing")).toEqual([]);
});
