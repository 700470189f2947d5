import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { isProven } from "../../../scripts/core/downFile.ts";
import { readCatalog, readRows, withClient } from "../../support/catalog.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { type Bench, listMigrations, readMigrationFile, runOn } from "../../support/revision.ts";
import { makeTransferWorkspace, ROWS, type TransferAnswer, transfer } from "../../support/transfer.ts";
import { expectDecent, upgradeWell } from "../../support/upgrade.ts";

const SCHEMAS = ["auth", "billing"] as const;
type Name = (typeof SCHEMAS)[number];
const THEIRS = "20990101000000_theirs";
let bench: Bench;

beforeEach(async () => {
  bench = { workspace: makeTransferWorkspace(), databaseUrl: await createDatabase(await testServer()) };
});

const run = (sql: string) => withClient(bench.databaseUrl, (client) => client.query(sql));
const state = async (url = bench.databaseUrl) => ({
  catalog: await readCatalog(url, SCHEMAS),
  rows: await readRows(url, SCHEMAS),
});
const folder = (service: string, migration: string) =>
  join(bench.workspace.root, "services", service, "migrations", migration);

/** A migration with its way back, and what the schema file says of it. */
function write(
  service: Name,
  name: string,
  sql: [up: string, down: string],
  models: (text: string) => string,
) {
  bench.workspace.writeMigration(service, name, sql[0]);
  bench.workspace.write(`services/${service}/migrations/${name}/down.sql`, sql[1]);
  const path = `services/${service}/schema.prisma`;
  bench.workspace.write(path, models(readFileSync(join(bench.workspace.root, path), "utf8")));
}

function writeTheirs(service: Name) {
  write(
    service,
    THEIRS,
    [
      'CREATE TABLE "theirs" ("id" INTEGER NOT NULL, CONSTRAINT "theirs_pkey" PRIMARY KEY ("id"));\n',
      'DROP TABLE "theirs";\n',
    ],
    (text) => `${text}\nmodel Theirs {\n  id Int @id\n\n  @@map("theirs")\n  @@schema("${service}")\n}\n`,
  );
}

/** What was made on top of the transfer: billing changes the table, and auth gives its name to another. */
function writeOurs(service: Name, after: string) {
  const name = `${Number(after.slice(0, 14)) + 1}_ours`;
  if (service === "billing")
    write(
      service,
      name,
      ['ALTER TABLE "profile" ADD COLUMN "more" TEXT;\n', 'ALTER TABLE "profile" DROP COLUMN "more";\n'],
      (text) => text.replace(/(model Profile \{\n)/, "$1  more String?\n"),
    );
  else
    write(
      service,
      name,
      [
        'CREATE TABLE "profile" ("id" INTEGER NOT NULL, CONSTRAINT "profile_pkey" PRIMARY KEY ("id"));\n',
        'DROP TABLE "profile";\n',
      ],
      (text) => `${text}\nmodel Other {\n  id Int @id\n\n  @@map("profile")\n  @@schema("auth")\n}\n`,
    );
  return name;
}

interface Answer {
  moves: { from: string; to: string; proven: boolean | null }[];
  edited: string[];
  revisionMissing: boolean | null;
}

async function rebase(service: string): Promise<Answer> {
  const result = await runOn(bench, ["rebase", "--app", service, "--yes", "--json"]);
  expectDecent(result);
  expect(result.status, result.stderr).toBe(0);
  return result.json<Answer>();
}

async function downgrade(service: string, to: string): Promise<void> {
  const { status, stderr } = await runOn(bench, ["downgrade", "--app", service, "--to", to, "--yes"]);
  expect(status, stderr).toBe(0);
}

/** Upgrades without some migrations, which come with a merge later. */
async function upgradeWithout(migrations: readonly (readonly [service: string, name: string])[]) {
  const aside = (index: number) => join(bench.workspace.root, `aside-${index}`);
  for (const [index, place] of migrations.entries()) renameSync(folder(...place), aside(index));
  await upgradeWell(bench);
  for (const [index, place] of migrations.entries()) renameSync(aside(index), folder(...place));
}

async function expectSettled(before: Awaited<ReturnType<typeof state>>): Promise<void> {
  await upgradeWell(bench);
  const after = await state();
  expect(after.rows["billing.profile"]?.length).toBe(before.rows["auth.profile"]?.length);
  const check = await runOn(bench, ["check"]);
  expect([check.status, check.stdout], check.stderr).toEqual([0, expect.stringContaining("no findings")]);
  const empty = await createDatabase(await testServer());
  await upgradeWell({ ...bench, databaseUrl: empty });
  expect((await state(empty)).catalog).toEqual(after.catalog);
}

const at = (answer: TransferAnswer, half: "from" | "to") =>
  [answer[half].service, answer[half].migration] as const;

test.each(SCHEMAS)(
  "%s's half comes last, with what was made on top of it, and goes both ways",
  {
    timeout: 240_000,
  },
  async (service) => {
    const answer = await transfer(bench, "auth.profile", "billing");
    const half = service === "auth" ? answer.from : answer.to;
    const ours = writeOurs(service, half.migration);
    writeTheirs(service);
    await upgradeWithout([at(answer, "from"), at(answer, "to"), [service, ours]]);
    await run(ROWS);
    const before = await state();

    const done = await rebase(service);
    expect(done).toMatchObject({
      moves: [
        { from: half.migration, proven: service === "billing" ? true : null },
        { from: ours, proven: true },
      ],
      revisionMissing: false,
    });
    const [moved = "", last = ""] = done.moves.map(({ to }) => to);
    expect(listMigrations(bench.workspace, service).slice(-3)).toEqual([THEIRS, moved, last]);
    expect(
      readMigrationFile(bench.workspace, "auth", service === "auth" ? moved : answer.from.migration),
    ).toContain(`-- depends-on: billing/${service === "billing" ? moved : answer.to.migration}\n`);
    for (const [name, migration] of [
      ["auth", service === "auth" ? moved : answer.from.migration],
      ["billing", service === "billing" ? moved : answer.to.migration],
    ] as const) {
      const [up, down] = (["migration.sql", "down.sql"] as const).map((file) =>
        readMigrationFile(bench.workspace, name, migration, file),
      );
      expect(isProven(down ?? "", up ?? "")).toBe(true);
      expect(down).toContain(`-- Undoes ${migration}.`);
    }
    await expectSettled(before);
    await downgrade("auth", service === "auth" ? THEIRS : "20250101000000_init");
    await downgrade("billing", service === "billing" ? THEIRS : "20250101000001_init");
    expect(await state()).toEqual(before);
  },
);

test.each(SCHEMAS)(
  "%s's half of a table that refers to nothing, whatever is in the shadow database",
  {
    timeout: 240_000,
  },
  async (service) => {
    bench.workspace.write("services/auth/migrations/20250101000002_note/down.sql", 'DROP TABLE "note";\n');
    write(
      "auth",
      "20250101000002_note",
      [
        'CREATE TABLE "note" ("id" INTEGER NOT NULL, CONSTRAINT "note_pkey" PRIMARY KEY ("id"));\n',
        'DROP TABLE "note";\n',
      ],
      (text) => `${text}\nmodel Note {\n  id Int @id\n\n  @@map("note")\n  @@schema("auth")\n}\n`,
    );
    const answer = await transfer(bench, "auth.note", "billing");
    writeTheirs(service);
    await upgradeWithout([at(answer, "from"), at(answer, "to")]);
    const shadow = new URL(await createDatabase(await testServer()));
    const env = { SHADOW_DATABASE_URL: shadow.href };
    const { status, stderr } = await runOn(bench, ["rebase", "--app", service, "--yes"], { env });
    expect(status, stderr).toBe(0);
    expect(stderr).toBe("");
    await upgradeWell(bench);
    const check = await runOn(bench, ["check"]);
    expect([check.status, check.stdout], check.stderr).toEqual([0, expect.stringContaining("no findings")]);
  },
);

test("the half that lets the table go moves alone where the table has gone already, the other no more", {
  timeout: 240_000,
}, async () => {
  const answer = await transfer(bench, "auth.profile", "billing");
  writeTheirs("auth");
  await upgradeWithout([at(answer, "from"), at(answer, "to")]);
  await upgradeWell(bench, "--app", "billing");
  const named = ["rebase", "--app", "billing", "--migration", answer.to.migration, "--yes"];
  expect(await runOn(bench, named)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("is applied in"),
  });
  const { moves } = await rebase("auth");
  expect(moves.map(({ from }) => from)).toEqual([answer.from.migration]);
  expect((await upgradeWell(bench)).of("auth").applied).toEqual(moves.map(({ to }) => to));
});
