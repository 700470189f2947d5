import { beforeAll, describe, expect, test } from "vitest";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { type UpgradeRun, upgrade, upgradeWell } from "../support/upgrade.ts";
import { makeWorkspace, type TestWorkspace } from "../support/workspace.ts";

interface FailingCase {
  /** Applied before, in the same run. */
  before?: string;
  script: string | Buffer;
  /** What is to be read of it: `line:column`, where a place can be known. */
  at: string | undefined;
  sqlState: string;
  says: RegExp;
  /** The first line of the statement shown. */
  statement?: string;
}

const TABLE = 'CREATE TABLE "Größe" (id integer PRIMARY KEY, n integer CHECK (n > 0));\n';

const CASES: Record<string, FailingCase> = {
  first_statement: {
    script: "CREATE TABLE a (id nosuchtype);",
    at: "1:20",
    sqlState: "42704",
    says: /type "nosuchtype" does not exist/,
    statement: "CREATE TABLE a (id nosuchtype)",
  },
  second_statement: {
    script: "CREATE TABLE a ();\n\n  ALTER TABLE nothing\n    ADD COLUMN x text;\nCREATE TABLE b ();",
    at: "3:3",
    sqlState: "42P01",
    says: /relation "nothing" does not exist/,
    statement: "ALTER TABLE nothing",
  },
  not_ascii: {
    script: '-- Größe: 漢字 🎉\nCREATE TABLE "Größe 🎉" (id integer);\nSELECT \'🎉🎉\', * FROM "Grösse";',
    at: "3:21",
    sqlState: "42P01",
    says: /relation "Grösse" does not exist/,
    statement: "SELECT '🎉🎉', * FROM \"Grösse\"",
  },
  carriage_returns: {
    script: "CREATE TABLE a ();\r\nCREATE TABLE b ();\r\n\r\nSELECT missing\r\nFROM a;\r\n",
    at: "4:8",
    sqlState: "42703",
    says: /column "missing" does not exist/,
    statement: "SELECT missing",
  },
  byte_order_mark: {
    script: "\uFEFFSELECT missing;",
    at: "1:8",
    sqlState: "42703",
    says: /column "missing" does not exist/,
    statement: "SELECT missing",
  },
  in_function: {
    before: `CREATE FUNCTION boom() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'it went off' USING ERRCODE = 'P0042', DETAIL = 'the fuse was short', HINT = 'take a longer one';
END $$;`,
    script: "CREATE TABLE a ();\n\nSELECT boom();\nCREATE TABLE b ();",
    at: "3:1",
    sqlState: "P0042",
    says: /it went off[\s\S]*Detail: the fuse was short\n\s+Hint: take a longer one\n\s+Where: PL\/pgSQL function boom\(\) line 3 at RAISE/,
    statement: "SELECT boom()",
  },
  in_do_block: {
    script: "CREATE TABLE a ();\nDO $$\nBEGIN\n  PERFORM missing FROM a;\nEND $$;",
    at: "2:1",
    sqlState: "42703",
    says: /column "missing" does not exist/,
    statement: "DO $$",
  },
  constraint: {
    before: TABLE,
    script: 'INSERT INTO "Größe" VALUES (1, 1);\n/* no\n position */ INSERT INTO "Größe" VALUES (2, 0);',
    at: "3:14",
    sqlState: "23514",
    says: /violates check constraint[\s\S]*Detail: Failing row contains \(2, 0\)/,
    statement: 'INSERT INTO "Größe" VALUES (2, 0)',
  },
  unique: {
    before: `${TABLE}INSERT INTO "Größe" VALUES (1, 1), (2, 1);`,
    script: '\nCREATE UNIQUE INDEX only_one ON "Größe" (n);',
    at: "2:1",
    sqlState: "23505",
    says: /could not create unique index "only_one"[\s\S]*Detail: Key \(n\)=\(1\) is duplicated/,
    statement: 'CREATE UNIQUE INDEX only_one ON "Größe" (n)',
  },
  at_commit: {
    before: `${TABLE}CREATE TABLE child (parent integer REFERENCES "Größe" DEFERRABLE INITIALLY DEFERRED);`,
    script: "CREATE TABLE a ();\nINSERT INTO child VALUES (99);\nCREATE TABLE b ();",
    at: undefined,
    sqlState: "23503",
    says: /foreign key constraint[\s\S]*Detail: Key \(parent\)=\(99\) is not present/,
  },
  syntax: {
    script: "CREATE TABLE a ();\n\nCREATE TABEL b ();\nCREATE TABLE c ();",
    at: "3:8",
    sqlState: "42601",
    says: /syntax error at or near "TABEL"/,
    statement: "CREATE TABEL b ();",
  },
  raised_disk_full: {
    script:
      "CREATE TABLE a ();\nDO $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;",
    at: "2:1",
    sqlState: "53100",
    says: /No space left on device[\s\S]*Fix: the server's disk is full: free space there/,
  },
  cancelled: {
    script: "SET statement_timeout = '50ms';\nSELECT pg_sleep(10);",
    at: "2:1",
    sqlState: "57014",
    says: /statement timeout/,
    statement: "SELECT pg_sleep(10)",
  },
  own_words_in_the_message: {
    script: "SELECT 'schemata: the ledger has changed'::integer;",
    at: "1:8",
    sqlState: "22P02",
    says: /invalid input syntax for type integer/,
  },
};

const ONE = "20250101000000_before";
const TWO = "20250102000000_bad";
const THREE = "20250103000000_after";

describe("a migration that fails", () => {
  let workspace: TestWorkspace;
  let databaseUrl: string;
  let run: UpgradeRun;

  beforeAll(async () => {
    databaseUrl = await createDatabase(await testServer());
    workspace = makeWorkspace(
      Object.fromEntries([
        ...Object.entries(CASES).map(([name, { before, script }]) => [
          name,
          {
            migrations: {
              [ONE]: before ?? "CREATE TABLE first ();",
              [TWO]: script,
              [THREE]: "CREATE TABLE last ();",
            },
          },
        ]),
        ["sound", { migrations: { [ONE]: "CREATE TABLE first ();", [THREE]: "CREATE TABLE last ();" } }],
      ]),
    );
    run = await upgrade({ workspace, databaseUrl });
  });

  test.each(Object.entries(CASES))(
    "is told with its place and reason: %s",
    async (name, { at, sqlState, says, statement }) => {
      const report = run.of(name);
      expect(report).toMatchObject({
        service: name,
        status: "failed",
        applied: [ONE],
        ms: expect.any(Number),
      });
      const file = `services/${name}/migrations/${TWO}/migration.sql`;
      const error = String(report.error);
      expect(error.split("\n")[0]).toBe(
        `${name}: ${TWO} failed at ${file}${at === undefined ? "" : `:${at}`}`,
      );
      expect(error).toMatch(`(SQLSTATE ${sqlState})`);
      expect(error).toMatch(says);
      expect(error).toMatch(
        new RegExp(
          `\\n {2}Fix: [\\s\\S]*make upgrade-head app=${name}\\n[\\s\\S]*Nothing of this migration was kept`,
        ),
      );
      if (statement !== undefined) expect(error).toMatch(`\n         ${statement}\n`);
      expect(run.stderr).toMatch(error);
      const [line, column] = at?.split(":").map(Number) ?? [];
      expect(report.failure).toMatchObject({
        migration: TWO,
        file,
        sqlState,
        ...(at === undefined ? {} : { line, column }),
      });
    },
  );

  test.each(Object.keys(CASES))("leaves nothing of itself: %s", async (name) => {
    expect((await readLedger(databaseUrl, name)).map(({ migration, state }) => [migration, state])).toEqual([
      [ONE, "finished"],
    ]);
  });

  test("does not hold up the others", () => {
    expect(run.status).toBe(1);
    expect(run.of("sound")).toEqual({
      service: "sound",
      status: "upgraded",
      applied: [ONE, THREE],
      ms: expect.any(Number),
      error: null,
    });
  });

  test("is counted in the summary", async () => {
    const { runCli } = await import("../support/cli.ts");
    const { status, stdout } = await runCli(["upgrade-head"], { root: workspace.root, databaseUrl });
    expect(status).toBe(1);
    const failed = Object.keys(CASES).length;
    expect(stdout).toMatch(new RegExp(`^${failed + 1} services: 1 up-to-date, ${failed} failed \\(`, "m"));
    expect(stdout).toMatch(/^at_commit\s+failed\s+-\s+\d+ ms$/m);
  });

  test("is applied by the next run once it is mended", async () => {
    for (const name of Object.keys(CASES)) workspace.writeMigration(name, TWO, "CREATE TABLE mended ();");
    const next = await upgradeWell({ workspace, databaseUrl });
    for (const name of Object.keys(CASES)) expect(next.of(name).applied).toEqual([TWO, THREE]);
    expect(next.of("sound").status).toBe("up-to-date");
  });
});

test("a syntax error far down a service's history is told of the right migration, and those before it are kept", async () => {
  const databaseUrl = await createDatabase(await testServer());
  const names = Array.from({ length: 40 }, (_, index) => `${20250101000000 + index}_m`);
  const migrations = Object.fromEntries(
    names.map((name, index) => [name, `-- ${index}\nCREATE TABLE t${index} ();`]),
  );
  migrations[names[20] ?? ""] = "CREATE TABLE ok ();\n\tCREATE TABLE (;";
  const run = await upgrade({ workspace: makeWorkspace({ auth: { migrations } }), databaseUrl });
  expect(run.of("auth")).toMatchObject({ status: "failed", applied: names.slice(0, 20) });
  expect(run.of("auth").error).toMatch(
    `auth: ${names[20]} failed at services/auth/migrations/${names[20]}/migration.sql:2:15`,
  );
  expect((await readLedger(databaseUrl, "auth")).map(({ migration }) => migration)).toEqual(
    names.slice(0, 20),
  );
});
