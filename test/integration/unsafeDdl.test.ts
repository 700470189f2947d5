import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, inject, test } from "vitest";
import type { GuardReport } from "../../scripts/core/guardView.ts";
import { withClient } from "../support/catalog.ts";
import { runCli, toolFolder } from "../support/cli.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { CHECKOUT, makeWorkspace, type TestWorkspace } from "../support/workspace.ts";

const PENDING = `-- AlterTable
ALTER TABLE "large" ADD COLUMN "nick" TEXT;

-- CreateIndex
CREATE INDEX "large_nick_idx" ON "large"("nick");
CREATE INDEX "small_id_idx" ON "small"("id");

-- AlterTable
ALTER TABLE "empty" DROP COLUMN "name";

-- CreateTable
CREATE TABLE "fresh" ("id" SERIAL NOT NULL, "large_id" INTEGER, CONSTRAINT "fresh_pkey" PRIMARY KEY ("id"));
CREATE INDEX "fresh_idx" ON "fresh"("large_id");
ALTER TABLE "fresh" ADD CONSTRAINT "fresh_fkey" FOREIGN KEY ("large_id") REFERENCES "large"("id") ON DELETE CASCADE ON UPDATE CASCADE;
`;
const LATER = `DROP INDEX "fresh_idx";
ALTER TABLE "fresh" RENAME TO "newer";
DROP TABLE "newer";
ALTER TABLE "large" RENAME TO "huge";
-- schemata:allow adding-not-nullable-field because it is read in a second
ALTER TABLE "huge" ALTER COLUMN "id" SET NOT NULL, ALTER COLUMN "id" TYPE bigint;
`;

let workspace: TestWorkspace;
let databaseUrl: string;

beforeAll(async () => {
  workspace = makeWorkspace({
    shop: {
      migrations: {
        "1_init": `CREATE TABLE large (id int UNIQUE); CREATE TABLE small (id int); CREATE TABLE empty (id int, name text);
          INSERT INTO large SELECT generate_series(1, 30); INSERT INTO small VALUES (1), (2);`,
      },
    },
    other: { migrations: { "1_init": "CREATE TABLE t (id int); CREATE INDEX i ON t (id); DROP INDEX i;" } },
  });
  databaseUrl = await createDatabase(await testServer());
  expect((await run("provision")).status).toBe(0);
  const first = await run("upgrade-head", "--json");
  expect(first.json<GuardReport>()).toMatchObject({ findings: [], exceptions: [] });
  workspace.writeMigration("shop", "2_more", PENDING);
  workspace.writeMigration("shop", "3_later", LATER);
});

const run = (...args: string[]) => runCli(args, { root: workspace.root, databaseUrl });

const places = ({ findings }: GuardReport) =>
  findings.map(
    ({ file, line, column, severity, rule }) => `${file.split("/")[3]}:${line}:${column} ${severity} ${rule}`,
  );

const FOUND = [
  "2_more:5:1 error require-concurrent-index-creation",
  "2_more:6:1 warning require-concurrent-index-creation",
  "2_more:9:21 warning ban-drop-column",
  "3_later:4:21 error renaming-table",
  "3_later:6:70 error changing-column-type",
];

describe("unsafe DDL in pending migrations", () => {
  test.each([["upgrade-head --dry-run"], ["plan"]])("%s tells it by the size of the table", async (verb) => {
    const result = await run(...verb.split(" "), "--rows", "20", "--json");
    expect(result.status).toBe(0);
    const report = result.json<GuardReport>();
    expect(places(report)).toEqual(FOUND);
    expect(report.findings.slice(0, 3).map(({ message, fix }) => `${message} | ${fix}`)).toEqual([
      'CREATE INDEX keeps all writes to the table waiting until it is built; "large" has more than 20 rows | write CREATE INDEX CONCURRENTLY, alone in a migration of its own',
      'CREATE INDEX keeps all writes to the table waiting until it is built; "small" has about 2 rows | write CREATE INDEX CONCURRENTLY, alone in a migration of its own',
      'programs at work may still use the column, and its values are gone; "empty" is empty | expand and contract: first release the program that does without it, then drop it in a later migration',
    ]);
    expect(report.exceptions).toMatchObject([
      { rule: "adding-not-nullable-field", reason: "it is read in a second", passed: 1 },
    ]);
    expect(result.stderr).toContain(
      "services/shop/migrations/2_more/migration.sql:5:1 error require-concurrent-index-creation\n  shop: ",
    );
    expect(result.stderr).toContain("Allowed:\n  services/shop/migrations/3_later/migration.sql:5");
  });

  test.each([
    ["warn", { error: 0, warning: 5 }],
    ["error", { error: 5, warning: 0 }],
    ["off", { error: 0, warning: 0 }],
  ])("--unsafe %s", async (unsafe, counts) => {
    const { findings } = (await run("plan", "--unsafe", unsafe, "--json")).json<GuardReport>();
    const count = (severity: string) => findings.filter((finding) => finding.severity === severity).length;
    expect({ error: count("error"), warning: count("warning") }).toEqual(counts);
  });

  test("tables that Postgres has an estimate of are not counted", async () => {
    await withClient(databaseUrl, (client) => client.query("ANALYZE shop.large"));
    const { findings } = (await run("plan", "--rows", "20", "--json")).json<GuardReport>();
    expect(findings[0]).toMatchObject({
      severity: "error",
      message: expect.stringContaining('"large" has about 30 rows'),
    });
  });

  test("a table that somebody holds counts as large, and is not waited for", async () => {
    await withClient(databaseUrl, async (client) => {
      await client.query("BEGIN; LOCK TABLE shop.empty");
      const { findings } = (await run("plan", "--json")).json<GuardReport>();
      expect(findings[2]).toMatchObject({
        severity: "error",
        message: expect.stringContaining("nobody could tell how many rows"),
      });
      await client.query("ROLLBACK");
    });
  });

  test("check tells it too, and offline that it does not", async () => {
    const check = await run("check", "--app", "shop", "--rows", "20", "--json");
    expect(check.status).toBe(3);
    const { findings, exceptions } = check.json<{
      findings: (GuardReport["findings"][number] & { part: string })[];
      exceptions: GuardReport["exceptions"];
    }>();
    const unsafe = findings.filter(({ part }) => part === "unsafe-ddl");
    expect(places({ findings: unsafe } as unknown as GuardReport)).toEqual(FOUND);
    expect(exceptions).toMatchObject([{ rule: "adding-not-nullable-field", passed: 1 }]);
    expect((await run("check", "--offline")).stdout).toContain(
      "unsafe-ddl, dependents, ledger, drift: --offline",
    );
  });

  test("guard tells it of all migrations where that is asked for", async () => {
    expect((await run("guard", "--json")).json<GuardReport>().findings).toEqual([]);
    const other = (await run("guard", "--app", "other", "--unsafe", "error", "--json")).json<GuardReport>();
    expect(places(other)).toEqual([]);
    const shop = await run("guard", "--app", "shop", "--unsafe", "auto", "--json");
    expect(shop.status).toBe(0);
    expect(places(shop.json())).toEqual([
      "2_more:5:1 warning require-concurrent-index-creation",
      "2_more:6:1 warning require-concurrent-index-creation",
      "2_more:9:21 warning ban-drop-column",
      "3_later:1:1 warning require-concurrent-index-deletion",
      "3_later:2:21 warning renaming-table",
      "3_later:3:1 warning ban-drop-table",
      "3_later:4:21 warning renaming-table",
      "3_later:6:70 warning changing-column-type",
    ]);
  });

  test("without Squawk that is said, and nothing else changes without --strict", async () => {
    const folder = mkdtempSync(join(inject("run").folder, "without-squawk-"));
    cpSync(await toolFolder(), join(folder, "dist"), { recursive: true });
    mkdirSync(join(folder, "node_modules"));
    for (const name of readdirSync(join(CHECKOUT, "node_modules"))) {
      if (name !== "squawk-cli")
        symlinkSync(join(CHECKOUT, "node_modules", name), join(folder, "node_modules", name));
    }
    const runWithout = (...args: string[]) =>
      execa(process.execPath, [join(folder, "dist/cli.js"), "--root", workspace.root, ...args], {
        env: { PATH: process.env.PATH ?? "", DATABASE_URL: databaseUrl },
        extendEnv: false,
        reject: false,
      });
    const { exitCode, stdout, stderr } = await runWithout("plan", "--json");
    expect([exitCode, stderr.split("\n").filter((line) => !line.includes("no owner role"))]).toEqual([
      0,
      [
        expect.stringMatching(/^Warning: Nobody looked for unsafe DDL: Squawk cannot be run: .*squawk-cli/),
        "  Fix: npm ci, with optional packages; or --unsafe off",
        expect.stringContaining("Allowed:"),
        expect.any(String),
      ],
    ]);
    expect(JSON.parse(stdout).findings).toEqual([]);
    const strict = await runWithout("plan", "--strict");
    expect([strict.exitCode, strict.stdout]).toEqual([1, ""]);
    expect(strict.stderr).toContain("Why: --strict wants it looked at");
  });

  test("--strict refuses the service before anything is touched, and what waits for it", async () => {
    workspace.writeMigration(
      "other",
      "2_wait",
      "-- depends-on: shop/3_later\nCREATE TABLE waiting (id int);",
    );
    const strict = await run("upgrade-head", "--strict", "--rows", "20", "--json");
    expect(strict.status).toBe(1);
    expect(strict.json()).toMatchObject({
      services: [
        { service: "other", status: "failed", applied: [] },
        { service: "shop", status: "failed", applied: [] },
      ],
    });
    const refusal = strict.stderr.slice(strict.stderr.indexOf("\nshop: "));
    expect(refusal).toMatch(/^\nshop: 3 errors in its pending migrations, and --strict is set\n {2}Why: /);
    expect(refusal).toContain("Fix: write CREATE INDEX CONCURRENTLY, alone in a migration of its own\n");
    expect(refusal).toContain("-- schemata:allow <rule> because …");
    const history = (await run("current", "--json")).json<{ services: { current: string }[] }>();
    expect(history.services.map(({ current }) => current)).toEqual(["1_init", "1_init"]);
  });

  test("without --strict it is applied all the same", async () => {
    const result = await run("upgrade-head", "--json");
    expect(result.status).toBe(0);
    expect(result.json<GuardReport>().findings.length).toBe(5);
    expect((await run("upgrade-head", "--json")).json<GuardReport>().findings).toEqual([]);
  });

  test("what Squawk's own comments let pass is listed with what ours do", async () => {
    workspace.writeMigration(
      "shop",
      "5_old",
      "-- squawk-ignore ban-drop-column\nALTER TABLE huge DROP COLUMN nick;\nDROP TABLE empty;\n",
    );
    workspace.write("services/shop/migrations/5_old/down.sql", "-- nothing\nSELECT 1;\n");
    const file = "services/shop/migrations/5_old/migration.sql";
    const ignored = {
      rule: "ban-drop-column",
      reason: "squawk-ignore",
      service: "shop",
      file,
      line: 1,
      passed: 1,
    };
    const plan = await run("plan", "--app", "shop", "--json");
    expect(plan.json<GuardReport>().exceptions).toEqual([ignored]);
    expect(places(plan.json())).toEqual(["5_old:3:1 warning ban-drop-table"]);
    expect((await run("upgrade-head", "--dry-run")).stderr).toContain(
      `Allowed:\n  ${file}:1 ban-drop-column (1): squawk-ignore`,
    );
    const check = await run("check", "--app", "shop", "--json");
    expect(check.json<GuardReport>().exceptions).toContainEqual(ignored);
    const guard = await run("guard", "--app", "shop", "--unsafe", "warn");
    expect(guard.stdout).toContain(`  ${file}:1 ban-drop-column (1): squawk-ignore`);
  });
});
