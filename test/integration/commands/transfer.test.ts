import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { isProven } from "../../../scripts/core/downFile.ts";
import type { Service } from "../../../scripts/core/service.ts";
import { writeTransfer } from "../../../scripts/io/transfer/write.ts";
import { readServices } from "../../../scripts/io/workspace.ts";
import { readCatalog, readRows, withClient } from "../../support/catalog.ts";
import { spawnCli } from "../../support/cli.ts";
import { readLedger } from "../../support/ledger.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { deployWithPrisma, runPrisma } from "../../support/prismaCli.ts";
import { type Bench, listMigrations, readMigrationFile, runOn } from "../../support/revision.ts";
import { FIRST, makeTransferWorkspace, ROWS, transfer } from "../../support/transfer.ts";
import { expectDecent, upgrade, upgradeWell } from "../../support/upgrade.ts";
import { makeWorkspace } from "../../support/workspace.ts";

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
  // Once the tables are there, as above.
  expect((await runOn(at(withRoles), ["provision"])).status).toBe(0);
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
  // Half written, as when the tool is killed while it writes.
  const [departure = ""] = places;
  renameSync(departure, `${root}/half`);
  const half = await upgrade(bench);
  expect(JSON.stringify(half.of("billing"))).toContain("no migration there agrees");
  renameSync(`${root}/half`, departure);
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
  const squashed = await runOn(bench, ["squash", "--app", "billing", "--yes"]);
  expect([squashed.status, squashed.stderr]).toEqual([1, expect.stringContaining("is half of a transfer")]);
  const done = await runOn(bench, ["check"]);
  expect([done.status, done.stdout]).toEqual([0, expect.stringContaining("no findings")]);
});

test("comes to the service that refers to it, and refers to what is there", {
  timeout: 240_000,
}, async () => {
  const CUSTOMER =
    'model Customer {\n  id Int @id\n  accounts Account[]\n  @@map("customer")\n  @@schema("billing")\n}\n';
  const account = (more: string) =>
    `model Account {\n  id Int @id\n${more}  @@map("account")\n  @@schema("auth")\n}\n`;
  const OWNS = "  customerId Int\n  customer Customer @relation(fields: [customerId], references: [id])\n";
  bench.workspace = makeWorkspace({
    auth: {
      models: CUSTOMER + account(OWNS),
      alsoSchemas: ["billing"],
      migrations: {
        "20250102000000_account": `-- depends-on: billing/20250101000000_customer
CREATE TABLE "account" ("id" INTEGER NOT NULL, "customerId" INTEGER NOT NULL, CONSTRAINT "account_pkey" PRIMARY KEY ("id"));
ALTER TABLE "account" ADD CONSTRAINT "account_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "billing"."customer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
`,
      },
    },
    billing: {
      models: `${CUSTOMER.replace("  accounts Account[]\n", "")}${account("  bills Bill[]\n")}model Bill {\n  id Int @id\n  accountId Int\n  account Account @relation(fields: [accountId], references: [id])\n  @@schema("billing")\n}\n`,
      alsoSchemas: ["auth"],
      migrations: {
        "20250101000000_customer":
          'CREATE TABLE "customer" ("id" INTEGER NOT NULL, CONSTRAINT "customer_pkey" PRIMARY KEY ("id"));\n',
        "20250103000000_bill": `-- depends-on: auth/20250102000000_account
CREATE TABLE "Bill" ("id" INTEGER NOT NULL, "accountId" INTEGER NOT NULL, CONSTRAINT "Bill_pkey" PRIMARY KEY ("id"));
ALTER TABLE "Bill" ADD CONSTRAINT "Bill_accountId_fkey" FOREIGN KEY ("accountId") REFERENCES "auth"."account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
`,
      },
    },
  });
  await upgradeWell(bench);
  await run(
    'INSERT INTO billing.customer VALUES (1); INSERT INTO auth.account VALUES (2, 1); INSERT INTO billing."Bill" VALUES (3, 2)',
  );
  const before = await state();
  await transfer(bench, "auth.account", "billing");
  for (const service of SCHEMAS) expect(schemaFile(service)).toContain(`schemas  = ["${service}"]`);
  expect(schemaFile("auth")).not.toContain("model");
  await upgradeWell(bench);
  await expectRevised();
  expect((await state()).rows["billing.account"]).toEqual(["(2,1)"]);
  const fresh = await freshDatabase();
  await upgradeWell(at(fresh));
  expect((await state(fresh)).catalog).toEqual((await state()).catalog);
  for (const service of SCHEMAS) expect(await status(service)).toContain(UP_TO_DATE);
  await downgrade("auth");
  await downgrade("billing");
  expect(await state()).toEqual(before);
});

test("takes hostile names as they are", { timeout: 120_000 }, async () => {
  const [from, to, table, kind] = [`a"b'c.d $$`, "b\\é%I", `t"; DROP TABLE "x" -- '%s'`, "k'}]\\"];
  const q = (name: string) => `"${name.replaceAll('"', '""')}"`;
  const s = (name: string) => JSON.stringify(name);
  bench.workspace = makeWorkspace({
    auth: {
      schema: from,
      models: `enum Kind {\n  A\n  @@map(${s(kind)})\n  @@schema(${s(from)})\n}\nmodel Thing {\n  id Int @id @default(autoincrement())\n  kind Kind\n  @@map(${s(table)})\n  @@schema(${s(from)})\n}\n`,
      migrations: {
        [FIRST.auth]: `CREATE TYPE ${q(kind)} AS ENUM ('A');\nCREATE TABLE ${q(table)} ("id" SERIAL NOT NULL, "kind" ${q(kind)} NOT NULL, CONSTRAINT ${q(`${table}_pkey`)} PRIMARY KEY ("id"));\n`,
      },
    },
    billing: { schema: to },
  });
  expect((await runOn(bench, ["provision"])).status).toBe(0);
  await upgradeWell(bench, "--require-roles");
  await run(`INSERT INTO ${q(from)}.${q(table)} (kind) VALUES ('A')`);
  const read = () => readCatalog(bench.databaseUrl, [from, to]);
  const before = await read();
  const { to: arrival } = await transfer(bench, `${from}.${table}`, to);
  await upgradeWell(bench, "--require-roles");
  expect(await readRows(bench.databaseUrl, [to])).toEqual({ [`${q(to)}.${q(table)}`]: ["(1,A)"] });
  await expectRevised();
  await downgrade("auth");
  await downgrade("billing");
  expect(arrival.service).toBe("billing");
  // The ledger that billing has got since is not taken away.
  const after = await read();
  expect(Object.keys(after.relations).filter((name) => !Object.hasOwn(before.relations, name))).toEqual([
    `${q(to)}._prisma_migrations`,
  ]);
  for (const [name, facts] of Object.entries(before.relations)) expect(after.relations[name]).toEqual(facts);
});

/** Until the server has noticed that whoever was killed is gone. */
async function settled(): Promise<void> {
  const others =
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
  while ((await run(others)).rows[0].n > 0) await sleep(20);
}

test("has happened whole or not at all, whenever it is killed", { timeout: 240_000 }, async () => {
  await provisioned();
  const before = await state();
  const { from, to } = await transfer(bench, "auth.profile", "billing");
  const seen = new Set<string>();
  const started = performance.now();
  await upgradeWell(bench);
  const whole = performance.now() - started;
  await downgrade("auth");
  await downgrade("billing");
  for (const share of [0.1, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 4]) {
    const { process: upgrading } = await spawnCli(["upgrade-head"], {
      root: bench.workspace.root,
      databaseUrl: bench.databaseUrl,
    });
    await sleep(whole * share);
    upgrading.kill("SIGKILL");
    await upgrading;
    await settled();
    const rows = (await state()).rows;
    const moved = Object.hasOwn(rows, "billing.profile");
    expect(rows[moved ? "billing.profile" : "auth.profile"]).toEqual(before.rows["auth.profile"]);
    const applied = async (service: string) =>
      (await readLedger(bench.databaseUrl, service)).flatMap(({ migration, state: is }) =>
        is === "finished" ? [migration] : [],
      );
    expect((await applied("billing")).includes(to.migration)).toBe(moved);
    if ((await applied("auth")).includes(from.migration)) expect(moved).toBe(true);
    seen.add(String(moved));
    if (moved) {
      await upgradeWell(bench);
      await downgrade("auth");
      await downgrade("billing");
      expect(await state()).toEqual(before);
    }
  }
  expect(seen).toEqual(new Set(["true", "false"]));
  await upgradeWell(bench);
});

test.each([14, 18])(
  "takes a login that is no superuser, on PostgreSQL %i",
  { timeout: 120_000 },
  async (major) => {
    const server = await createDatabase(await testServer(major));
    const mark = randomBytes(4).toString("hex");
    const [login, from, to] = ["mover", "auth", "billing"].map((name) => `${name}_${mark}`);
    await run(
      `CREATE ROLE ${login} LOGIN PASSWORD 'secret' CREATEROLE CREATEDB; ALTER DATABASE ${new URL(server).pathname.slice(1)} OWNER TO ${login}`,
      server,
    );
    const url = new URL(server);
    [url.username, url.password] = [login ?? "", "secret"];
    bench.databaseUrl = url.href;
    bench.workspace = makeWorkspace({
      auth: {
        schema: from ?? "",
        models: `model Note {\n  id Int @id @default(autoincrement())\n  @@schema("${from}")\n}\n`,
        migrations: {
          [FIRST.auth]:
            'CREATE TABLE "Note" ("id" SERIAL NOT NULL, CONSTRAINT "Note_pkey" PRIMARY KEY ("id"));\n',
        },
      },
      billing: { schema: to ?? "" },
    });
    expect((await runOn(bench, ["provision"])).status).toBe(0);
    await upgradeWell(bench, "--require-roles");
    const note = () =>
      run(
        `SELECT relnamespace::regnamespace::text AS schema, relowner::regrole::text AS owner, relacl::text AS acl FROM pg_class WHERE relname = 'Note'`,
      );
    const before = (await note()).rows;
    await transfer(bench, `${from}.Note`, "billing");
    await upgradeWell(bench, "--require-roles");
    const { rows } = await note();
    expect(rows).toEqual([
      { schema: to, owner: `${to}_owner`, acl: expect.stringContaining(`${to}_app=arwd/${to}_owner`) },
    ]);
    expect(rows[0].acl).not.toContain(from);
    await downgrade("auth");
    await downgrade("billing");
    expect((await note()).rows).toEqual(before);
  },
);

test("writes nothing where a file cannot take its place", { timeout: 120_000 }, async () => {
  const before = SCHEMAS.map((service) => [schemaFile(service), listMigrations(bench.workspace, service)]);
  const half = (name: "auth" | "billing", migration: string) => ({
    ...{ migration, up: "-- up\n", down: "-- down\n", dependsOn: [], schemaFile: "// new\n" },
    service: readServices(bench.workspace.root).find((service) => service.name === name) as Service,
  });
  const draft = {
    transfer: { table: "profile", from: "auth", to: "billing", types: [], statistics: [] },
    // The folder of the one is there already, and holds something.
    ...{ arrival: half("billing", "20260101000000_t"), departure: half("auth", FIRST.auth), warnings: [] },
  };
  expect(() => writeTransfer(bench.workspace.root, draft)).toThrow(/the transfer cannot be written/);
  expect(SCHEMAS.map((service) => [schemaFile(service), listMigrations(bench.workspace, service)])).toEqual(
    before,
  );
  expect(readdirSync(join(bench.workspace.root, ".schemata"))).toEqual([]);
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
