import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { isProven } from "../../../scripts/core/downFile.ts";
import { readCatalog, readRows, withClient } from "../../support/catalog.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { deployWithPrisma, runPrisma } from "../../support/prismaCli.ts";
import { type Bench, listMigrations, readMigrationFile, runOn } from "../../support/revision.ts";
import { FIRST, makeTransferWorkspace, ROWS, transfer } from "../../support/transfer.ts";
import { expectDecent, upgrade, upgradeWell } from "../../support/upgrade.ts";

const SCHEMAS = ["auth", "billing"] as const;
let bench: Bench;

beforeEach(async () => {
  bench = { workspace: makeTransferWorkspace(), databaseUrl: await freshDatabase() };
});

async function freshDatabase(): Promise<string> {
  return createDatabase(await testServer());
}

const at = (databaseUrl: string): Bench => ({ ...bench, databaseUrl });
const run = (sql: string, url = bench.databaseUrl) => withClient(url, (client) => client.query(sql));
const state = async (url = bench.databaseUrl) => ({
  catalog: await readCatalog(url, SCHEMAS),
  rows: await readRows(url, SCHEMAS),
});
const schemaFile = (service: string) =>
  readFileSync(join(bench.workspace.root, "services", service, "schema.prisma"), "utf8");
const status = async (service: string, url = bench.databaseUrl) =>
  (await runPrisma(["migrate", "status"], { ...at(url), service })).output;
const UP_TO_DATE = "Database schema is up to date";

async function provisioned(): Promise<void> {
  expect((await runOn(bench, ["provision"])).status).toBe(0);
  await upgradeWell(bench, "--require-roles");
  await run(ROWS);
}

async function expectRevised(on = bench): Promise<void> {
  for (const service of SCHEMAS) {
    const { status: code, stdout, stderr } = await runOn(on, ["revision", "--app", service, "--check"]);
    expect([code, stdout], stderr).toEqual([0, ""]);
  }
}

async function downgrade(service: string, on = bench): Promise<void> {
  const { status: code, stderr } = await runOn(on, ["downgrade", "--app", service, "--yes"]);
  expect(code, stderr).toBe(0);
}

test("goes with all that hangs on it and every row, and comes back as it was, with roles", {
  timeout: 240_000,
}, async () => {
  await provisioned();
  const before = await state();
  const answer = await transfer(bench, "auth.profile", "billing");
  expect(answer).toMatchObject({ table: "profile", types: ["kind"], done: true, warnings: [] });
  const [up, down] = (["migration.sql", "down.sql"] as const).map((file) =>
    readMigrationFile(bench.workspace, "billing", answer.to.migration, file),
  );
  expect(isProven(down ?? "", up ?? "")).toBe(true);
  await expectRevised();
  expect(await state()).toEqual(before);

  await upgradeWell(bench, "--require-roles");
  const after = await state();
  expect(after.rows["billing.profile"]).toEqual(before.rows["auth.profile"]);
  expect(Object.keys(after.catalog.relations)).toContain("billing.profile");
  expect(JSON.stringify(after.catalog).replaceAll(/defaultPrivileges.*/g, "")).not.toMatch(
    /auth\.(?:profile|kind)/,
  );
  const moved = Object.entries(after.catalog).flatMap(([kind, objects]) =>
    Object.entries(objects)
      .filter(([name]) => /^billing\.(?:profile|kind)/.test(name))
      .map(([name, facts]) => [kind, name, facts.owner ?? "billing_owner"]),
  );
  expect(moved.map(([kind, name]) => `${kind} ${name}`)).toMatchInlineSnapshot(`
    [
      "relations billing.profile",
      "indexes billing.profile_bio_idx",
      "indexes billing.profile_pkey",
      "indexes billing.profile_user_id_key",
      "constraints billing.profile profile_bio_not_null",
      "constraints billing.profile profile_id_not_null",
      "constraints billing.profile profile_kind_not_null",
      "constraints billing.profile profile_parent_id_fkey",
      "constraints billing.profile profile_pkey",
      "constraints billing.profile profile_user_id_fkey",
      "constraints billing.profile profile_user_id_not_null",
      "sequences billing.profile_id_seq",
      "types billing.kind",
      "statistics billing.profile_stats",
    ]
  `);
  expect(new Set(moved.map(([, , owner]) => owner))).toEqual(new Set(["billing_owner"]));
  await expectRevised();
  for (const service of SCHEMAS) expect(await status(service)).toContain(UP_TO_DATE);

  const nextId =
    "SET ROLE billing_app; INSERT INTO billing.profile (user_id) VALUES (2) ON CONFLICT DO NOTHING; UPDATE billing.profile SET kind = 'WORK'; SELECT count(*) FROM billing.profile";
  await run(nextId);
  await expect(run("SET ROLE auth_app; SELECT * FROM billing.profile")).rejects.toThrow(/permission denied/);
  await run("DELETE FROM auth.badge; DELETE FROM auth.users WHERE id = 2");
  expect((await readRows(bench.databaseUrl, ["billing"]))["billing.profile"]).toHaveLength(1);
  await run("TRUNCATE auth.users, auth.badge, billing.profile RESTART IDENTITY");
  await run(ROWS.replaceAll("auth.profile", "billing.profile"));

  await downgrade("auth");
  await downgrade("billing");
  expect(await state()).toEqual(before);
  await upgradeWell(bench, "--require-roles");
  expect(await state()).toEqual(after);
});

test("leads to the same from empty: by ours, with and without roles, and by stock Prisma", {
  timeout: 240_000,
}, async () => {
  await transfer(bench, "auth.profile", "billing", "-m", "hand over");
  const [ours, theirs] = [await freshDatabase(), await freshDatabase()];
  await upgradeWell(at(ours));
  for (const service of SCHEMAS) await deployWithPrisma({ ...at(theirs), service });
  const plain = await state(ours);
  expect(Object.keys(plain.catalog.relations)).toContain("billing.profile");
  expect(await state(theirs)).toEqual(plain);
  expect((await runOn(bench, ["provision"])).status).toBe(0);
  for (const service of SCHEMAS) await deployWithPrisma({ ...bench, service });
  // Stock Prisma leaves its ledgers open to the services' programs; this closes them.
  expect((await runOn(bench, ["provision"])).status).toBe(0);
  const withRoles = await freshDatabase();
  expect((await runOn(at(withRoles), ["provision"])).status).toBe(0);
  await upgradeWell(at(withRoles), "--require-roles");
  expect(await state()).toEqual(await state(withRoles));
  for (const url of [ours, theirs, withRoles, bench.databaseUrl])
    for (const service of SCHEMAS) expect(await status(service, url)).toContain(UP_TO_DATE);
  for (const url of [ours, theirs, withRoles, bench.databaseUrl]) {
    const { status: code, stdout, stderr } = await runOn(at(url), ["check"]);
    expect([code, stdout], stderr).toEqual([0, expect.stringContaining("no findings")]);
  }
});

test("goes back to where it was by a transfer of its own, from empty too", { timeout: 240_000 }, async () => {
  const original = SCHEMAS.map(schemaFile);
  await provisioned();
  const before = await state();
  await transfer(bench, "auth.Profile", "billing");
  expect(SCHEMAS.map(schemaFile)).toMatchInlineSnapshot(`
    [
      "datasource db {
      provider = "postgresql"
      schemas  = ["auth", "billing"]
    }

    model User {
      id      Int      @id @default(autoincrement())
      email   String   @unique

      @@map("users")
      @@schema("auth")
    }

    /// billing's table, repeated for the foreign keys between the two.
    model Profile {
      id       Int       @id @default(autoincrement())
      userId   Int       @unique @map("user_id")
      bio      String    @default("…")
      parentId Int?      @map("parent_id")
      badges   Badge[]

      @@map("profile")
      @@schema("billing")
    }

    model Badge {
      id        Int     @id @default(autoincrement())
      profileId Int     @map("profile_id")
      profile   Profile @relation(fields: [profileId], references: [id])

      @@map("badge")
      @@schema("auth")
    }
    ",
      "datasource db {
      provider = "postgresql"
      schemas  = ["billing", "auth"]
    }

    model Invoice {
      id Int @id

      @@map("invoice")
      @@schema("billing")
    }

    /// auth's table, repeated for the foreign keys between the two.
    model User {
      id      Int      @id @default(autoincrement())
      email   String   @unique
      profile Profile?

      @@map("users")
      @@schema("auth")
    }

    // What people say of themselves.
    model Profile {
      id       Int       @id @default(autoincrement())
      userId   Int       @unique @map("user_id")
      kind     Kind      @default(PRIVATE)
      bio      String    @default("…")
      parentId Int?      @map("parent_id")
      user     User      @relation(fields: [userId], references: [id], onDelete: Cascade)
      parent   Profile?  @relation("tree", fields: [parentId], references: [id])
      children Profile[] @relation("tree")

      @@index([bio])
      @@map("profile")
      @@schema("billing")
    }

    enum Kind {
      PRIVATE
      WORK

      @@map("kind")
      @@schema("billing")
    }
    ",
    ]
  `);
  const { from, to } = await transfer(bench, "billing.profile", "auth", "-m", "take back");
  expect([from.service, to.service]).toEqual(["billing", "auth"]);
  // As it was, but for the order of what went and came.
  expect(
    SCHEMAS.map((service) =>
      schemaFile(service)
        .split("\n")
        .map((line) => line.trim())
        .sort(),
    ),
  ).toEqual(
    original.map((text) =>
      text
        .split("\n")
        .map((line) => line.trim())
        .sort(),
    ),
  );
  await upgradeWell(bench, "--require-roles");
  expect(await state()).toEqual(before);
  await expectRevised();
  const fresh = await freshDatabase();
  expect((await runOn(at(fresh), ["provision"])).status).toBe(0);
  await upgradeWell(at(fresh));
  expect((await runOn(at(fresh), ["check"])).stdout).toContain("no findings");
  expect((await state(fresh)).catalog).toEqual(before.catalog);
});

test("is replayed whole, whatever the shadow database holds of it", { timeout: 240_000 }, async () => {
  const former = SCHEMAS.map(schemaFile);
  await upgradeWell(bench);
  const answer = await transfer(bench, "auth.profile", "billing");
  const { root } = bench.workspace;
  const check = async (...services: string[]) => {
    for (const service of services) {
      const { status: code, stderr } = await runOn(bench, ["revision", "--app", service, "--check"]);
      expect(code, stderr).toBe(0);
    }
  };
  await check("auth", "billing");
  // Another branch, on which there is no transfer.
  const places = [answer.from, answer.to].map(({ service, migration }) =>
    join(root, "services", service, "migrations", migration),
  );
  const schemas = SCHEMAS.map((service) => join(root, "services", service, "schema.prisma"));
  const later = SCHEMAS.map(schemaFile);
  const away = (place: string) => join(root, place.replaceAll(/\W/g, "_"));
  for (const place of places) renameSync(place, away(place));
  for (const [index, file] of schemas.entries()) writeFileSync(file, former[index] ?? "");
  await check("auth");
  for (const place of places) renameSync(away(place), place);
  for (const [index, file] of schemas.entries()) writeFileSync(file, later[index] ?? "");
  await check("auth", "billing");
  // What the database lags behind is no drift.
  const lagging = await runOn(bench, ["check"]);
  expect(lagging.stdout).not.toMatch(/drift|replay/);
  expect((await upgradeWell(bench, "--app", "billing")).of("billing").applied).toEqual([answer.to.migration]);
  expect((await upgradeWell(bench)).of("auth").applied).toEqual([answer.from.migration]);
  const done = await runOn(bench, ["check"]);
  expect([done.status, done.stdout]).toEqual([0, expect.stringContaining("no findings")]);
});

describe("is refused, with nothing written,", () => {
  const refused = async (args: string[], ...messages: (string | RegExp)[]) => {
    const before = SCHEMAS.map((service) => [schemaFile(service), listMigrations(bench.workspace, service)]);
    const result = await runOn(bench, ["transfer", ...args]);
    expectDecent(result);
    expect(result.status, result.stdout).not.toBe(0);
    expect(result.stdout).toBe("");
    for (const message of messages) expect(result.stderr).toMatch(message);
    expect(result.stderr).toMatch(/^ {2}Fix: /m);
    expect(SCHEMAS.map((service) => [schemaFile(service), listMigrations(bench.workspace, service)])).toEqual(
      before,
    );
    return result.status;
  };
  const wish = (table: string, to: string) => ["--table", table, "--to", to];
  const also = (service: "auth" | "billing", sql: string) =>
    bench.workspace.writeMigration(service, "20250601000000_more", sql);

  test("where words are wrong", { timeout: 120_000 }, async () => {
    expect(await refused([], "Which table")).toBe(2);
    expect(await refused(["--table", "auth.profile"], "where shall")).toBe(2);
    expect(await refused(wish("profile", "billing"), "does not say whose")).toBe(2);
    expect(await refused(wish("auht.profile", "billing"), "did you mean app=auth")).toBe(2);
    expect(await refused(wish("auth.profle", "billing"), "did you mean auth.profile")).toBe(2);
    expect(await refused(wish("auth.profile", "biling"), "did you mean app=billing")).toBe(2);
    expect(await refused(wish("auth.profile", "auth"), "is there already")).toBe(2);
    expect(await refused(wish("auth.", "billing"), "")).toBe(2);
    expect(await refused(wish(`auth."; DROP TABLE users; --`, "billing"), "has no table or model")).toBe(2);
    expect(await refused(wish("auth._prisma_migrations", "billing"), "has no table or model")).toBe(2);
  });

  test("where something else is to be done first", { timeout: 120_000 }, async () => {
    const text = schemaFile("billing");
    bench.workspace.write(
      "services/billing/schema.prisma",
      text.replace("id Int @id", "id Int @id\n  note String?"),
    );
    await refused(
      wish("auth.profile", "billing"),
      "billing: services/billing/schema.prisma and the migrations do not agree",
      "make revision app=billing",
    );
  });

  test("where something cannot go along, each by its name", { timeout: 120_000 }, async () => {
    also(
      "auth",
      `CREATE VIEW "people" AS SELECT id, bio FROM "profile";
CREATE FUNCTION "shout"(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t)';
CREATE FUNCTION "touch"() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "touched" BEFORE UPDATE ON "profile" FOR EACH ROW EXECUTE FUNCTION "touch"();
ALTER TABLE "profile" ADD CONSTRAINT "loud" CHECK ("shout"("bio") <> 'A');
CREATE FUNCTION "first"() RETURNS SETOF "profile" LANGUAGE sql AS 'SELECT * FROM profile';
ALTER TABLE "profile" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "mine" ON "profile" TO CURRENT_USER USING (true);
CREATE POLICY "known" ON "profile" USING (EXISTS (SELECT FROM "users" WHERE "users"."id" = "user_id"));
CREATE FUNCTION "of"(k "kind") RETURNS text LANGUAGE sql AS 'SELECT k::text';
`,
    );
    also("billing", 'CREATE SEQUENCE "profile_id_seq";\n');
    await refused(
      wish("auth.profile", "billing"),
      'auth: "profile" cannot go to billing:',
      /view auth\.people depends on/,
      /trigger touched on table auth\.profile needs function auth\.touch\(\), which stays/,
      /constraint loud on table auth\.profile needs function auth\.shout\(text\)/,
      /function auth\.first\(\) depends on type auth\.profile/,
      /the policy "mine" names roles/,
      /policy known on table auth\.profile needs table auth\.users/,
      /function auth\.of\(auth\.kind\) depends on type auth\.kind/,
      /the name "profile_id_seq" is taken in the schema "billing"/,
    );
  });

  test("where an enum serves another table, or names are taken in the schema file", {
    timeout: 120_000,
  }, async () => {
    also("auth", 'ALTER TABLE "badge" ADD COLUMN "kind" "kind";\n');
    const auth = schemaFile("auth");
    bench.workspace.write(
      "services/auth/schema.prisma",
      auth.replace("profileId Int ", "kind Kind?\n  profileId Int "),
    );
    await refused(
      wish("auth.profile", "billing"),
      /column kind of table auth\.badge depends on type auth\.kind|table auth\.badge depends on type auth\.kind/,
    );
    also("auth", "SELECT 1;\n");
    bench.workspace.write("services/auth/schema.prisma", auth);
    also("billing", 'CREATE TABLE "u" ("id" INTEGER NOT NULL, CONSTRAINT "u_pkey" PRIMARY KEY ("id"));\n');
    bench.workspace.write(
      "services/billing/schema.prisma",
      `${schemaFile("billing")}\nmodel User {\n  id Int @id\n  @@map("u")\n  @@schema("billing")\n}\n`,
    );
    await refused(
      wish("auth.profile", "billing"),
      'billing: services/billing/schema.prisma has the model "User" already',
    );
  });
});

describe("a forged half of a transfer", () => {
  const migration = (service: string, name: string, file = "migration.sql") =>
    join(bench.workspace.root, "services", service, "migrations", name, file);

  test("gets no rights: more than a transfer's text, another's name, or without consent", {
    timeout: 120_000,
  }, async () => {
    await provisioned();
    const { to, from } = await transfer(bench, "auth.profile", "billing");
    const before = await state();
    const file = migration("billing", to.migration);
    const text = readFileSync(file, "utf8");
    const forgeries: [string, string][] = [
      [`${text}DROP TABLE auth.users;\n`, "is not what schemata transfer writes"],
      [
        text.replace("\n\n-- Whoever", "\n--\rDROP TABLE auth.users;\n-- Whoever"),
        "is not what schemata transfer writes",
      ],
      [text.replace('"table":"profile"', '"table":"users"'), "is not what schemata transfer writes"],
      [
        text.replace(/"table":"profile"[^}]*/, "").replace("{}", "nonsense"),
        "is not what schemata transfer writes",
      ],
      [
        text
          .replaceAll(/"profile"/g, '"badge"')
          .replace(/,"types":.*}/, "}")
          .replaceAll(/^.*(?:"kind"|STATISTICS).*\n/gm, ""),
        "no migration there agrees",
      ],
      [text.replace(/^-- transfers: .*\n/m, ""), "permission denied"],
    ];
    for (const [forged, message] of forgeries) {
      writeFileSync(file, forged);
      const attempt = await upgrade(bench, "--app", "billing");
      expect([attempt.status, JSON.stringify(attempt.of("billing"))]).toEqual([
        1,
        expect.stringContaining(message),
      ]);
      const theirs = await runPrisma(["migrate", "deploy"], { ...bench, service: "billing" });
      expect(theirs.output).toMatch(/permission denied|syntax error/);
      await run("DELETE FROM billing._prisma_migrations WHERE finished_at IS NULL");
      expect(await state()).toEqual(before);
    }
    writeFileSync(file, text.replaceAll("\n", "\r\n"));
    const consent = migration("auth", from.migration);
    const agreed = readFileSync(consent, "utf8");
    writeFileSync(consent, agreed.replace(to.migration, FIRST.billing));
    expect(JSON.stringify((await upgrade(bench, "--app", "billing")).of("billing"))).toContain(
      "no migration there agrees",
    );
    writeFileSync(consent, agreed);
    await upgradeWell(bench);
    expect(Object.keys((await state()).rows)).toContain("billing.profile");
  });
});
