import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { isProven } from "../../../scripts/core/downFile.ts";
import { readCatalog, readRows, withClient } from "../../support/catalog.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { deployWithPrisma, runPrisma } from "../../support/prismaCli.ts";
import { type Bench, listMigrations, readMigrationFile, runOn } from "../../support/revision.ts";
import { FIRST, makeTransferWorkspace, ROWS, transfer } from "../../support/transfer.ts";
import { upgrade, upgradeWell } from "../../support/upgrade.ts";

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
