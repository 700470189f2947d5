import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { readCatalog, withClient } from "../../support/catalog.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { type Bench, runOn } from "../../support/revision.ts";
import { makeTransferWorkspace, ROWS, transfer } from "../../support/transfer.ts";
import { upgradeWell } from "../../support/upgrade.ts";

let bench: Bench;

beforeEach(async () => {
  bench = { workspace: makeTransferWorkspace(), databaseUrl: await createDatabase(await testServer()) };
  expect((await runOn(bench, ["provision"])).status).toBe(0);
  await upgradeWell(bench, "--require-roles");
  await run(ROWS);
});

const run = (sql: string) => withClient(bench.databaseUrl, (client) => client.query(sql));
const readState = () => readCatalog(bench.databaseUrl, ["auth", "billing"]);
const as = (role: string, sql: string) => run(`SET ROLE ${role}; ${sql}`);
async function downgrade(): Promise<void> {
  for (const service of ["auth", "billing"]) {
    const { status, stderr } = await runOn(bench, ["downgrade", "--app", service, "--yes"]);
    expect(status, stderr).toBe(0);
  }
}

test("rights on single columns go to the new owner's program, and come back", {
  timeout: 120_000,
}, async () => {
  // A column that is gone has no name to grant on.
  await run(`ALTER TABLE auth.profile ADD COLUMN "odd ""name" integer, ADD COLUMN gone integer;
    REVOKE SELECT, UPDATE ON auth.profile FROM auth_app;
    GRANT SELECT (id, bio, "odd ""name", gone), UPDATE (bio), REFERENCES (id) ON auth.profile TO auth_app;
    ALTER TABLE auth.profile DROP COLUMN gone;`);
  const before = await readState();
  const answer = await transfer(bench, "auth.profile", "billing");
  const { stderr } = await upgradeWell(bench, "--require-roles");
  expect(stderr).not.toContain("keeps its rights");
  await as(
    "billing_app",
    `SELECT id, bio, "odd ""name" FROM billing.profile; UPDATE billing.profile SET bio = 'z'`,
  );
  await expect(as("billing_app", "SELECT kind FROM billing.profile")).rejects.toThrow(/permission denied/);
  await expect(as("billing_app", "UPDATE billing.profile SET kind = NULL")).rejects.toThrow(
    /permission denied/,
  );
  const { rows } = await run(
    "SELECT attname, attacl::text AS acl FROM pg_attribute WHERE attrelid = 'billing.profile'::regclass AND attacl IS NOT NULL AND NOT attisdropped ORDER BY attnum",
  );
  expect(rows).toEqual([
    { attname: "id", acl: "{billing_app=rx/billing_owner}" },
    { attname: "bio", acl: "{billing_app=rw/billing_owner}" },
    { attname: 'odd "name', acl: "{billing_app=r/billing_owner}" },
  ]);
  await downgrade();
  expect(await readState()).toEqual(before);
  // What was written before columns were looked at is a transfer still, and does what it did.
  for (const file of ["migration.sql", "down.sql"]) {
    const path = join(bench.workspace.root, "services/billing/migrations", answer.to.migration, file);
    const text = readFileSync(path, "utf8");
    const former = text.replace(/DO \$\$\nDECLARE\n {2}owned[\s\S]*?END \$\$;\n\n/, "");
    expect(former).not.toBe(text);
    writeFileSync(path, former);
  }
  await upgradeWell(bench, "--require-roles");
  await as("billing_app", "INSERT INTO billing.profile (user_id) VALUES (1) ON CONFLICT DO NOTHING");
});

test("whoever else has rights keeps them, and is named where the new schema is closed to it", {
  timeout: 120_000,
}, async () => {
  const [lost, free] = ["reporter", "auditor"].map((name) => `${name}_${Date.now()}`);
  await run(`CREATE ROLE ${lost}; CREATE ROLE ${free}; GRANT USAGE ON SCHEMA auth TO ${lost}, PUBLIC;
    GRANT SELECT (bio) ON auth.profile TO ${lost}, ${free}, PUBLIC; GRANT USAGE ON SCHEMA billing TO ${free}`);
  try {
    await transfer(bench, "auth.profile", "billing");
    const dry = await runOn(bench, ["upgrade-head", "--dry-run"]);
    const { stderr } = await upgradeWell(bench, "--require-roles");
    for (const text of [dry.stderr, stderr]) {
      expect(text.match(/^Warning: billing: .*/gm)).toEqual([
        `Warning: billing: "${lost}" keeps its rights on the table "profile", and may not use the schema "billing" that this goes to; if it shall: GRANT USAGE ON SCHEMA "billing" TO "${lost}"; if not, revoke them`,
        expect.stringContaining('GRANT USAGE ON SCHEMA "billing" TO PUBLIC'),
      ]);
    }
    await as(free ?? "", "SELECT bio FROM billing.profile");
    await expect(as(lost ?? "", "SELECT bio FROM billing.profile")).rejects.toThrow(
      /permission denied for schema/,
    );
    await run(`GRANT USAGE ON SCHEMA billing TO ${lost}`);
    await as(lost ?? "", "SELECT bio FROM billing.profile");
  } finally {
    await run(`DROP OWNED BY ${lost}, ${free}; DROP ROLE ${lost}, ${free}`);
  }
});
