import { describe, expect, test } from "vitest";
import { readCatalog, withClient } from "../support/catalog.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { type Site, upgrade, upgradeWell } from "../support/upgrade.ts";
import { makeWorkspace } from "../support/workspace.ts";

const ONE = "20250101000000_one";
const TWO = "20250102000000_two";
const THREE = "20250103000000_three";

/** A service with its first two migrations applied and a third to come, beside one that is sound. */
async function makeSite({ apply = true } = {}): Promise<Site> {
  const workspace = makeWorkspace({
    auth: { migrations: { [ONE]: "CREATE TABLE a ();", [TWO]: "CREATE TABLE b ();" } },
    sound: { migrations: { [ONE]: "CREATE TABLE a ();" } },
  });
  const site = { workspace, databaseUrl: await createDatabase(await testServer()) };
  if (!apply) return site;
  await upgradeWell(site);
  workspace.writeMigration("auth", THREE, "CREATE TABLE c ();");
  workspace.writeMigration("sound", TWO, "CREATE TABLE b ();");
  return site;
}

function run(site: Site, sql: string): Promise<unknown> {
  return withClient(site.databaseUrl, (client) => client.query(sql));
}

/** Upgrades; expects `auth` to be refused in these words and to be left as it was, and `sound` to be upgraded. */
async function expectRefusal(site: Site, words: { fact: RegExp; why?: RegExp; fix: RegExp }): Promise<void> {
  const before = await readCatalog(site.databaseUrl, ["auth"]);
  const rows = await withClient(site.databaseUrl, readAuthLedger);
  const result = await upgrade(site);
  expect(result.status).toBe(1);
  expect(result.of("sound").status).toBe("upgraded");
  expect(result.of("auth")).toMatchObject({ status: "failed", applied: [] });
  const [fact, why, fix] = splitError(String(result.of("auth").error));
  expect(fact).toMatch(/^auth: /);
  expect(fact).toMatch(words.fact);
  if (words.why) expect(why).toMatch(words.why);
  expect(fix).toMatch(words.fix);
  expect(await readCatalog(site.databaseUrl, ["auth"])).toEqual(before);
  expect(await withClient(site.databaseUrl, readAuthLedger)).toEqual(rows);
}

function splitError(text: string): [fact: string, why: string, fix: string] {
  const [, fact, why, fix] = /^([\s\S]*?)(?:\n {2}Why: ([\s\S]*?))?\n {2}Fix: ([\s\S]*)$/.exec(text) ?? [];
  return [fact ?? text, why ?? "", fix ?? ""];
}

async function readAuthLedger(client: {
  query(sql: string): Promise<{ rows: unknown[] }>;
}): Promise<unknown[]> {
  const { rows } = await client.query("SELECT to_regclass('auth._prisma_migrations') IS NOT NULL AS it");
  if (JSON.stringify(rows) !== '[{"it":true}]') return [];
  return (await client.query("SELECT * FROM auth._prisma_migrations ORDER BY 1")).rows;
}

describe("a history that does not fit its ledger", () => {
  test("edited", async () => {
    const site = await makeSite();
    site.workspace.writeMigration("auth", TWO, "CREATE TABLE b (id integer);");
    await expectRefusal(site, {
      fact: /20250102000000_two was edited after being applied/,
      why: /holds what the file said then/,
      fix: /git checkout services\/auth\/migrations\/20250102000000_two .*make revision app=auth/,
    });
  });

  test("missing", async () => {
    const site = await makeSite();
    site.workspace.remove(`services/auth/migrations/${TWO}`);
    await expectRefusal(site, {
      fact: /20250102000000_two is applied but missing from services\/auth\/migrations/,
      why: /another branch/,
      fix: /make downgrade app=auth/,
    });
  });

  test("failed", async () => {
    const site = await makeSite();
    await run(
      site,
      `INSERT INTO auth._prisma_migrations (id, checksum, migration_name) VALUES ('x', 'y', '${THREE}')`,
    );
    await expectRefusal(site, {
      fact: /20250103000000_three was started and neither finished nor rolled back/,
      fix: /schemata repair --app auth/,
    });
  });

  test("without its script", async () => {
    const site = await makeSite();
    site.workspace.remove(`services/auth/migrations/${THREE}/migration.sql`);
    await expectRefusal(site, {
      fact: /services\/auth\/migrations\/20250103000000_three has no migration\.sql/,
      fix: /restore the file/,
    });
  });

  test("out of order: applied all the same, with a warning", async () => {
    const site = await makeSite();
    const older = "20250101120000_older";
    site.workspace.writeMigration("auth", older, "CREATE TABLE older ();");
    const result = await upgradeWell(site);
    expect(result.of("auth").applied).toEqual([older, THREE]);
    expect(result.stderr).toMatch(
      /Warning: auth: 20250101120000_older is older than current \(20250102000000_two\)/,
    );
    expect((await readLedger(site.databaseUrl, "auth")).map(({ migration }) => migration)).toEqual([
      ONE,
      TWO,
      older,
      THREE,
    ]);
    expect((await upgradeWell(site)).of("auth").status).toBe("up-to-date");
  });

  test("in the ledger twice: counts once, with a warning", async () => {
    const site = await makeSite();
    await run(
      site,
      `INSERT INTO auth._prisma_migrations SELECT 'again', checksum, finished_at, migration_name, logs, NULL, started_at, 1 FROM auth._prisma_migrations WHERE migration_name = '${ONE}'`,
    );
    const result = await upgradeWell(site);
    expect(result.of("auth").applied).toEqual([THREE]);
    expect(result.stderr).toMatch(/Warning: auth: the ledger holds 20250101000000_one more than once/);
  });

  test("two of one time stamp: both are applied, by name", async () => {
    const site = await makeSite();
    const twin = "20250103000000_a_twin";
    site.workspace.writeMigration("auth", twin, "CREATE TABLE twin ();");
    expect((await upgradeWell(site)).of("auth").applied).toEqual([twin, THREE]);
  });

  test("rolled back: applied again", async () => {
    const site = await makeSite();
    await run(
      site,
      `UPDATE auth._prisma_migrations SET rolled_back_at = now() WHERE migration_name = '${TWO}'; DROP TABLE auth.b`,
    );
    expect((await upgradeWell(site)).of("auth").applied).toEqual([TWO, THREE]);
  });
});

describe("a schema that is not what it seems", () => {
  test.each([
    ["a table", "CREATE TABLE auth.stray ()"],
    ["a type", "CREATE TYPE auth.stray AS ENUM ('a')"],
    ["a function", "CREATE FUNCTION auth.stray() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
    ["a sequence", "CREATE SEQUENCE auth.stray"],
  ])("with %s and no ledger", async (_, sql) => {
    const site = await makeSite({ apply: false });
    await run(site, `CREATE SCHEMA auth; ${sql}`);
    await expectRefusal(site, {
      fact: /the schema "auth" is not empty and has no ledger/,
      fix: /schemata baseline --app auth/,
    });
  });

  test("empty and without a ledger: upgraded", async () => {
    const site = await makeSite({ apply: false });
    await run(site, "CREATE SCHEMA auth");
    expect((await upgradeWell(site)).of("auth").applied).toEqual([ONE, TWO]);
  });

  test("with an empty ledger, as stock Prisma leaves it", async () => {
    const site = await makeSite();
    await run(site, "DELETE FROM auth._prisma_migrations; DROP TABLE auth.a, auth.b");
    expect((await upgradeWell(site)).of("auth").applied).toEqual([ONE, TWO, THREE]);
  });

  test.each([
    [
      "a column more",
      "ALTER TABLE auth._prisma_migrations ADD COLUMN extra text",
      /has columns that Prisma's has not: extra/,
    ],
    ["a column less", "ALTER TABLE auth._prisma_migrations DROP COLUMN logs", /lacks columns: logs/],
    [
      "other columns",
      "DROP TABLE auth._prisma_migrations; CREATE TABLE auth._prisma_migrations (version int)",
      /has columns that Prisma's has not: version and lacks columns: id, checksum/,
    ],
  ])("with a ledger of %s", async (_, sql, fact) => {
    const site = await makeSite();
    await run(site, sql);
    await expectRefusal(site, { fact, why: /another tool/, fix: /schemata baseline --app auth/ });
  });

  test("with something else of the ledger's name", async () => {
    const site = await makeSite({ apply: false });
    await run(site, "CREATE SCHEMA auth; CREATE VIEW auth._prisma_migrations AS SELECT 1 AS id");
    await expectRefusal(site, { fact: /not empty and has no ledger/, fix: /baseline/ });
  });
});

test("a script that changes between plan and turn is not applied", async () => {
  const site = await makeSite();
  const holder = await import("pg").then(
    ({ default: pg }) => new pg.Client({ connectionString: site.databaseUrl }),
  );
  await holder.connect();
  site.workspace.writeMigration("auth", THREE, `CREATE TABLE c ();\n${"-- long\n".repeat(40_000)}`);
  const four = "20250104000000_four";
  site.workspace.writeMigration("auth", four, "CREATE TABLE d ();");
  await holder.query("BEGIN; SELECT pg_advisory_xact_lock(72707369, hashtext('auth'))");
  const running = upgrade(site, "--app", "auth");
  for (let waiting = 0; waiting === 0; ) {
    const { rowCount } = await holder.query(
      `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    waiting = rowCount ?? 0;
  }
  // The first message, too long for a second migration, waits for the turn; the next script is read after it.
  site.workspace.writeMigration("auth", four, "CREATE TABLE e ();");
  await holder.end();
  const result = await running;
  expect(result.of("auth")).toMatchObject({ status: "failed", applied: [THREE] });
  expect(result.of("auth").error).toMatch(
    /^auth: services\/auth\/migrations\/20250104000000_four\/migration\.sql changed while it was about to/,
  );
  expect((await upgradeWell(site)).of("auth").applied).toEqual([four]);
});
