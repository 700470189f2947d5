import { cpSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { isProven } from "../../../scripts/core/downFile.ts";
import { withClient } from "../../support/catalog.ts";
import { readCurrent } from "../../support/interchange.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { runPrisma } from "../../support/prismaCli.ts";
import {
  type Bench,
  listMigrations,
  readMigrationFile,
  revise,
  runOn,
  writeModels,
} from "../../support/revision.ts";
import { expectDecent, upgradeWell } from "../../support/upgrade.ts";
import { makeWorkspace } from "../../support/workspace.ts";

const user = (...fields: string[]) =>
  `model User {\n  id Int @id\n  ${fields.join("\n  ")}\n  @@map("users")\n  @@schema("auth")\n}\n`;
const [INIT, THEIRS] = ["20250101000000_init", "20250103000000_theirs"] as const;
const OURS = "20250102000000_ours";

let bench: Bench;

/** Their branch is merged and applied; ours, older, comes with a merge later. */
beforeEach(async () => {
  bench = {
    workspace: makeWorkspace({
      auth: {
        models: user("email String?", "name String?"),
        migrations: {
          [INIT]: "CREATE TABLE users (id integer NOT NULL, CONSTRAINT users_pkey PRIMARY KEY (id));\n",
          [THEIRS]: "ALTER TABLE users ADD COLUMN email text;\n",
        },
      },
      billing: {},
    }),
    databaseUrl: await createDatabase(await testServer()),
  };
  await upgradeWell(bench);
});

const write = (name: string, up: string, down?: string) => {
  bench.workspace.writeMigration("auth", name, up);
  if (down !== undefined) bench.workspace.write(`services/auth/migrations/${name}/down.sql`, down);
};
const writeOurs = () =>
  write(
    OURS,
    "ALTER TABLE users ADD COLUMN name text;\n",
    `-- Undoes ${OURS}.\n-- mind the names\n\nALTER TABLE users DROP COLUMN name;\n`,
  );
const rebase = async (...args: string[]) => {
  const result = await runOn(bench, ["rebase", "--app", "auth", ...args]);
  expectDecent(result);
  return result;
};
const onDisk = () => listMigrations(bench.workspace, "auth");
const current = () => readCurrent("auth", bench);
const stockStatus = async () =>
  (await runPrisma(["migrate", "status"], { ...bench, service: "auth" })).output;
const folder = (name: string) => join(bench.workspace.root, "services", "auth", "migrations", name);

describe("an older one, after a merge", () => {
  test("comes last under a new time, with its down.sql proven anew, and goes through", async () => {
    writeOurs();
    const answer = (await rebase("--yes", "--json")).json<{ moves: { from: string; to: string }[] }>();
    const [, , to = ""] = onDisk();
    expect(to).toMatch(/^\d{14}_ours$/);
    expect(answer).toEqual({
      service: "auth",
      done: true,
      moves: [{ from: OURS, to, proven: true }],
      edited: [],
      revisionMissing: false,
    });
    const down = readMigrationFile(bench.workspace, "auth", to, "down.sql");
    expect(down.replace(/[0-9a-f]{64}/, "<digest>")).toBe(
      `-- Undoes ${to}.\n-- proven: <digest>\n-- mind the names\n\nALTER TABLE users DROP COLUMN name;\n`,
    );
    expect(isProven(down, readMigrationFile(bench.workspace, "auth", to))).toBe(true);
    expect(await current()).toMatchObject({ current: THEIRS, pending: [to], outOfOrder: [] });
    expect(await stockStatus()).toMatch(new RegExp(`not yet been applied:\\s+${to}`));
    await upgradeWell(bench);
    expect(await stockStatus()).toMatch("Database schema is up to date");
    expect(await rebase("--yes")).toMatchObject({
      status: 0,
      stdout: "",
      stderr: expect.stringMatching("nothing to rebase"),
    });
    expect((await runOn(bench, ["revision", "--app", "auth", "--check"])).status).toBe(0);
  });

  test("a dry run proves and renames nothing, and without a terminal a word is wanted", async () => {
    writeOurs();
    const dry = await rebase("--dry-run");
    expect(dry).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(`  ${OURS}\n    becomes \\d{14}_ours`),
    });
    const asked = await rebase();
    expect(asked).toMatchObject({ status: 2, stdout: "" });
    expect(asked.stderr).toMatch("Fix: schemata rebase --app auth --yes");
    expect(onDisk()).toEqual([INIT, OURS, THEIRS]);
  });

  test("keeps the order of several, those that were in place included, and the collision of two times ends", async () => {
    writeOurs();
    write("20250102000000_ours_too", "ALTER TABLE users RENAME COLUMN name TO names;\n");
    write("20250104000000_after", "ALTER TABLE users RENAME COLUMN names TO name;\n");
    expect((await rebase("--yes")).status).toBe(0);
    expect(onDisk().map((name) => name.slice(15))).toEqual(["init", "theirs", "ours", "ours_too", "after"]);
    expect(new Set(onDisk().map((name) => name.slice(0, 14))).size).toBe(5);
    await upgradeWell(bench);
  });

  test("says when the schema file is ahead of both branches", async () => {
    writeOurs();
    writeModels(bench.workspace, "auth", user("email String?", "name String?", "age Int?"));
    expect((await rebase("--yes")).stderr).toMatch(
      'the schema file is ahead of the migrations: make revision app=auth m="…"',
    );
    expect((await revise(bench, "auth")).sql).toMatch('ADD COLUMN     "age"');
  });

  test("a schema file that does not parse, half-way through a merge, is no hindrance, and is told", async () => {
    writeOurs();
    writeModels(bench.workspace, "auth", "<<<<<<< HEAD\n");
    const { status, stderr } = await rebase("--yes");
    expect([status, stderr]).toEqual([0, expect.stringMatching("could not be compared")]);
  });

  test("an index that is built concurrently and a script with its own transaction move, too", async () => {
    write(
      OURS,
      "CREATE INDEX CONCURRENTLY by_email ON users (email);\n",
      "DROP INDEX CONCURRENTLY by_email;\n",
    );
    write(`${OURS}2`, "BEGIN;\nALTER TABLE users ADD COLUMN name text;\nCOMMIT;\n");
    const answer = (await rebase("--yes", "--json")).json<{ moves: { proven: boolean | null }[] }>();
    expect(answer.moves.map(({ proven }) => proven)).toEqual([true, null]);
    await upgradeWell(bench);
  });
});

describe("what does not fit any more", () => {
  test("fails with file and line, and every file stays", async () => {
    write(OURS, "SELECT 1;\nALTER TABLE users ADD COLUMN email text;\n");
    const { status, stderr } = await rebase("--yes");
    expect(status).toBe(1);
    expect(stderr).toMatch(`auth: ${OURS} does not apply when it comes last`);
    expect(stderr).toMatch("already exists (SQLSTATE 42701)");
    expect(onDisk()).toEqual([INIT, OURS, THEIRS]);
  });

  test("a down.sql that fails is moved all the same, and owns up to it", async () => {
    write(OURS, "ALTER TABLE users ADD COLUMN name text;\n", `-- Undoes ${OURS}.\n\nDROP TABLE nowhere;\n`);
    const { status, stderr } = await rebase("--yes");
    expect([status, stderr]).toEqual([0, expect.stringMatching("fails in its new place")]);
    expect(readMigrationFile(bench.workspace, "auth", onDisk()[2] ?? "", "down.sql")).toMatch(
      '-- NOT PROVEN: on the shadow database it failed: table "nowhere" does not exist',
    );
  });

  test.each([
    ["applied ones that are named", ["--migration", "theirs"], `${THEIRS} is applied in the database`],
    ["names that nothing matches", ["--migration", "nothing"], 'no migration matches "nothing"'],
    ["names that could be several", ["--migration", "2025"], '"2025" could be 3 migrations'],
  ])("refuses %s", async (_, args, message) => {
    writeOurs();
    const { status, stderr } = await rebase(...args, "--yes");
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(onDisk()).toEqual([INIT, OURS, THEIRS]);
  });

  test("refuses while an applied one is missing", async () => {
    writeOurs();
    bench.workspace.remove(`services/auth/migrations/${THEIRS}`);
    const { status, stderr } = await rebase("--yes");
    expect([status, stderr]).toEqual([1, expect.stringMatching(`${THEIRS} is applied but missing`)]);
  });
});

test("without the live database, by name", async () => {
  writeOurs();
  const away = { ...bench, databaseUrl: "postgresql://postgres:hush@127.0.0.1:1/none" };
  const env = { SHADOW_DATABASE_URL: await createDatabase(await testServer()) };
  const args = ["rebase", "--app", "auth", "--yes"];
  const unasked = await runOn(away, args, { env });
  expect([unasked.status, unasked.stderr]).toEqual([1, expect.stringMatching("--migration <name>")]);
  const { status, stderr } = await runOn(away, [...args, "--migration", "ours"], { env });
  expect([status, stderr]).toEqual([0, expect.stringMatching("no ledger was asked")]);
  expect(stderr).not.toMatch("hush");
  expect(onDisk().map((name) => name.slice(15))).toEqual(["init", "theirs", "ours"]);
  expect((await runOn(away, [...args, "--migration", "ours"], { env })).stderr).toMatch("nothing to rebase");
});

describe("depends-on lines of other services", () => {
  const EXTRA = "20250105000000_extra";
  const extra = () => readMigrationFile(bench.workspace, "billing", EXTRA);
  const writeExtra = () =>
    bench.workspace.writeMigration(
      "billing",
      EXTRA,
      `-- depends-on: auth/${OURS}\nCREATE TABLE x (i int);\n`,
    );

  test("follow, where they are not applied", async () => {
    writeOurs();
    writeExtra();
    expect((await rebase("--yes")).stdout).toMatch(`services/billing/migrations/${EXTRA} names them`);
    expect(extra()).toBe(`-- depends-on: auth/${onDisk()[2]}\nCREATE TABLE x (i int);\n`);
    await upgradeWell(bench);
  });

  test("hold it where they are applied", async () => {
    writeOurs();
    writeExtra();
    await runOn(bench, ["stamp", "--app", "billing", "head", "--yes"]);
    const { status, stderr } = await rebase("--yes");
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(`billing/${EXTRA} names it in a depends-on line and is applied`),
    ]);
    expect(onDisk()).toEqual([INIT, OURS, THEIRS]);
  });

  test("follow, too, when the run before was killed after it had written them", async () => {
    writeOurs();
    bench.workspace.writeMigration(
      "billing",
      EXTRA,
      "-- depends-on: auth/20250104000000_ours\nCREATE TABLE x (i int);\n",
    );
    expect((await rebase("--yes")).status).toBe(0);
    expect(extra()).toMatch(`-- depends-on: auth/${onDisk()[2]}\n`);
    await upgradeWell(bench);
  });
});

test("killed between two renames, the next run goes on in the same order", async () => {
  const names = [OURS, `${OURS}_b`, `${OURS}_c`];
  for (const [index, name] of names.entries())
    write(
      name,
      index === 0
        ? "CREATE TABLE t (a int);\n"
        : `ALTER TABLE t ADD COLUMN x${index} int; ALTER TABLE t DROP COLUMN ${index === 1 ? "a" : "x1"};\n`,
    );
  const before = onDisk();
  for (const done of [1, 2]) {
    // What the run has renamed before it was killed: the newest first.
    for (const [index, name] of names.entries()) {
      if (index >= names.length - done)
        renameSync(folder(name), folder(`2090010100000${index}_${name.slice(15)}`));
    }
    expect((await rebase("--yes")).status).toBe(0);
    expect(onDisk().map((name) => name.slice(15))).toEqual(["init", "theirs", "ours", "ours_b", "ours_c"]);
    const fresh = { ...bench, databaseUrl: await createDatabase(await testServer()) };
    await upgradeWell(fresh);
    // Back to where it began.
    const [, , ...moved] = onDisk();
    for (const [index, name] of moved.entries()) renameSync(folder(name), folder(names[index] ?? ""));
    expect(onDisk()).toEqual(before);
  }
});

test("of two at once one renames, and the order is right", async () => {
  writeOurs();
  const runs = await Promise.all([rebase("--yes"), rebase("--yes")]);
  for (const { status, stderr } of runs)
    if (status !== 0) expect(stderr).toMatch("not those that were decided upon");
  expect(runs.some(({ status }) => status === 0)).toBe(true);
  expect(onDisk().map((name) => name.slice(15))).toEqual(["init", "theirs", "ours"]);
  expect(readdirSync(folder(onDisk()[2] ?? "")).sort()).toEqual(["down.sql", "migration.sql"]);
});

test("hostile names", async () => {
  const name = '20250102000000_it\'s "a" $& ü';
  write(name, "ALTER TABLE users ADD COLUMN name text;\n", "ALTER TABLE users DROP COLUMN name;\n");
  cpSync(folder(name), folder("20250102000000_--\n;DROP SCHEMA auth"), { recursive: true });
  bench.workspace.writeMigration(
    "auth",
    "20250102000000_--\n;DROP SCHEMA auth",
    "ALTER TABLE users ADD COLUMN n2 text;\n",
  );
  const { status, stderr } = await rebase("--yes");
  expect([status, stderr]).toEqual([0, expect.stringMatching("fails in its new place|ahead|^$")]);
  expect(onDisk().map((one) => one.slice(15))).toEqual([
    "init",
    "theirs",
    "--\n;DROP SCHEMA auth",
    'it\'s "a" $& ü',
  ]);
  await upgradeWell(bench);
  expect(
    (await withClient(bench.databaseUrl, (client) => client.query("SELECT name, n2 FROM auth.users")))
      .rowCount,
  ).toBe(0);
});
