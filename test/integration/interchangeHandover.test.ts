import { beforeAll, describe, expect, test } from "vitest";
import { EVERYDAY } from "../support/histories/everyday.ts";
import { type Outcome, readCurrent, readOutcome, upgradeWithOurs } from "../support/interchange.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { applyWithEngine, deployWithPrisma, runPrisma } from "../support/prismaCli.ts";
import { makeWorkspace } from "../support/workspace.ts";

const NAMES = Object.keys(EVERYDAY);
const NOTHING_AMISS = { pending: [], missing: [], edited: [], failed: [], outOfOrder: [] };

/** Ours and stock Prisma take turns; each applies up to so many migrations of the history. */
const TURNS = [
  [
    "stock first",
    [
      ["stock", 5],
      ["ours", 12],
      ["stock", 20],
      ["ours", NAMES.length],
    ],
  ],
  [
    "ours first",
    [
      ["ours", 9],
      ["stock", 17],
      ["ours", 18],
      ["stock", NAMES.length],
    ],
  ],
] as const;

describe("in the middle of a history", () => {
  let undisturbed: Outcome;

  beforeAll(async () => {
    const databaseUrl = await createDatabase(await testServer());
    const workspace = makeWorkspace({ shop: { migrations: EVERYDAY } });
    expect(await applyWithEngine({ workspace, service: "shop", databaseUrl })).toMatchObject({ status: 0 });
    undisturbed = await readOutcome(databaseUrl, ["shop", "archive"]);
  });

  test.each(TURNS)("each goes on from where the other stopped, %s", async (_, turns) => {
    const databaseUrl = await createDatabase(await testServer());
    const workspace = makeWorkspace({ shop: { migrations: {} } });
    let from = 0;
    for (const [who, upTo] of turns) {
      const added = NAMES.slice(from, upTo);
      for (const name of added) workspace.writeMigration("shop", name, EVERYDAY[name] ?? "");
      if (who === "stock") await deployWithPrisma({ workspace, service: "shop", databaseUrl });
      else expect(await upgradeWithOurs("shop", { workspace, databaseUrl })).toEqual(added);
      from = upTo;
    }
    expect(await readOutcome(databaseUrl, ["shop", "archive"])).toEqual(undisturbed);
  });
});

describe("what stock's other verbs write into the ledger", () => {
  const migrations = {
    "20250101000000_one": "CREATE TABLE a (id integer);",
    "20250102000000_two": "CREATE TABLE b (id integer);\nSELECT 1 / 0;",
    "20250103000000_three": "CREATE TABLE c (id integer);",
  };

  test("a failed migration stops us as it stops stock, until resolved as rolled back, and then is applied again", async () => {
    const databaseUrl = await createDatabase(await testServer());
    const workspace = makeWorkspace({ auth: { migrations } });
    const where = { workspace, databaseUrl, service: "auth" };
    expect((await applyWithEngine(where)).output).toMatch("division by zero");
    expect(await readCurrent("auth", where)).toMatchObject({
      applied: 1,
      current: "20250101000000_one",
      failed: ["20250102000000_two"],
    });
    await expect(upgradeWithOurs("auth", where)).rejects.toThrow("20250102000000_two");

    const resolved = await runPrisma(["migrate", "resolve", "--rolled-back", "20250102000000_two"], where);
    expect(resolved.status, resolved.output).toBe(0);
    workspace.writeMigration("auth", "20250102000000_two", "CREATE TABLE b (id integer);");
    expect(await upgradeWithOurs("auth", where)).toEqual(["20250102000000_two", "20250103000000_three"]);
    expect((await readLedger(databaseUrl, "auth")).map(({ migration, state }) => [migration, state])).toEqual(
      [
        ["20250101000000_one", "finished"],
        ["20250102000000_two", "rolled back"],
        ["20250102000000_two", "finished"],
        ["20250103000000_three", "finished"],
      ],
    );
    const status = await runPrisma(["migrate", "status"], where);
    expect(status.output).toMatch("Database schema is up to date!");
    expect(await readCurrent("auth", where)).toMatchObject({ applied: 3, ...NOTHING_AMISS });
  });

  test("a migration resolved as applied counts as applied", async () => {
    const databaseUrl = await createDatabase(await testServer());
    const workspace = makeWorkspace({ auth: { migrations } });
    const where = { workspace, databaseUrl, service: "auth" };
    for (const name of Object.keys(migrations).slice(0, 2)) {
      const { status, output } = await runPrisma(["migrate", "resolve", "--applied", name], where);
      expect(status, output).toBe(0);
    }
    expect(await upgradeWithOurs("auth", where)).toEqual(["20250103000000_three"]);
    expect(Object.keys((await readOutcome(databaseUrl, ["auth"])).rows)).toEqual(["auth.c"]);
    expect(await readLedger(databaseUrl, "auth")).toMatchObject([{ steps: 0 }, { steps: 0 }, { steps: 1 }]);
  });
});

describe("the line endings of a script that is applied already", () => {
  const LF = 'CREATE TABLE a (id integer);\n\n-- end\nCREATE TABLE "b" ();\n';
  const CRLF = LF.replaceAll("\n", "\r\n");

  test.each([
    ["to CRLF", LF, CRLF],
    ["to LF", CRLF, LF],
  ])("may change %s, whoever applied it", async (_, before, after) => {
    const server = await testServer();
    for (const who of ["stock", "ours"] as const) {
      const databaseUrl = await createDatabase(server);
      const workspace = makeWorkspace({ auth: { migrations: { "20250101000000_one": before } } });
      const where = { workspace, databaseUrl, service: "auth" };
      if (who === "stock") expect(await applyWithEngine(where)).toMatchObject({ status: 0 });
      else await upgradeWithOurs("auth", where);
      workspace.writeMigration("auth", "20250101000000_one", after);
      workspace.writeMigration("auth", "20250102000000_two", "CREATE TABLE c ();");
      expect(await readCurrent("auth", where)).toMatchObject({ edited: [], pending: ["20250102000000_two"] });
      expect(await upgradeWithOurs("auth", where)).toEqual(["20250102000000_two"]);
    }
  });

  test("may change, but not the lines", async () => {
    const databaseUrl = await createDatabase(await testServer());
    const workspace = makeWorkspace({ auth: { migrations: { "20250101000000_one": LF } } });
    const where = { workspace, databaseUrl, service: "auth" };
    await upgradeWithOurs("auth", where);
    workspace.writeMigration("auth", "20250101000000_one", CRLF.replace("end", "End"));
    expect(await readCurrent("auth", where)).toMatchObject({ edited: ["20250101000000_one"] });
    await expect(upgradeWithOurs("auth", where)).rejects.toThrow("20250101000000_one");
  });
});
