import { renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withClient } from "../support/catalog.ts";
import { readCurrent } from "../support/interchange.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { runPrisma } from "../support/prismaCli.ts";
import { type Bench, listMigrations, runOn, writeModels } from "../support/revision.ts";
import { makeWorkspace } from "../support/workspace.ts";

const model = (...fields: string[]) =>
  `model User {\n  id Int @id\n${fields.map((field) => `  ${field}\n`).join("")}  @@map("users")\n  @@schema("auth")\n}\n`;

/** What stock Prisma says that is not applied yet, and what it says that failed. */
async function readStock(bench: Bench): Promise<{ pending: string[]; failed: string[] }> {
  const { status, output } = await runPrisma(["migrate", "status"], { ...bench, service: "auth" });
  const list = (head: RegExp) => (head.exec(output)?.[1] ?? "").split("\n").filter(Boolean);
  const pending = list(/not yet been applied:\n([\s\S]*?)\n\n/);
  const failed = list(/have failed:\n([\s\S]*?)\n\n/);
  expect(status, output).toBe(pending.length + failed.length > 0 ? 1 : 0);
  if (status === 0) expect(output).toContain("Database schema is up to date!");
  return { pending, failed };
}

test("after each verb stock Prisma and current say the same", { timeout: 300_000 }, async () => {
  const bench: Bench = {
    workspace: makeWorkspace({ auth: { models: model() } }),
    databaseUrl: await createDatabase(await testServer()),
  };
  const names = () => listMigrations(bench.workspace, "auth").filter((name) => /^\d/.test(name));
  /** Runs a verb; afterwards both say that the last so many are pending. */
  const step = async (pending: number, ...[verb = "", ...args]: string[]) => {
    const { status, stderr, stdout } = await runOn(bench, [verb, "--app", "auth", ...args]);
    const what = [verb, ...args].join(" ");
    expect(status, `${what}: ${stderr}${stdout}`).toBe(0);
    const expected = pending === 0 ? [] : names().slice(-pending);
    const { current, failed, missing, edited, ...ours } = await readCurrent("auth", bench);
    expect(ours.pending, what).toEqual(expected);
    expect([failed, missing, edited, current], what).toEqual([[], [], [], names().at(-pending - 1) ?? null]);
    expect(await readStock(bench), what).toEqual({ pending: expected, failed: [] });
  };

  await step(1, "revision", "-m", "init");
  await step(0, "upgrade-head");
  writeModels(bench.workspace, "auth", model("name String?"));
  await step(1, "revision", "-m", "name");
  await step(2, "revision", "-m", "by hand", "--empty");
  await step(1, "upgrade", "+1");
  await step(0, "upgrade", "head");
  await step(1, "downgrade", "-1", "--yes");
  await step(3, "downgrade", "base", "--yes");
  await step(0, "upgrade-head");
  await step(2, "stamp", names()[0] ?? "", "--yes");
  await step(0, "stamp", "head", "--yes");
  await withClient(bench.databaseUrl, (client) =>
    client.query("ALTER TABLE auth.users ADD COLUMN age integer"),
  );
  await step(0, "revision", "-m", "hotfix", "--from-db", "--stamp");

  // Another branch's migration comes in below what is applied.
  bench.workspace.writeMigration(
    "auth",
    "20250101000000_late",
    'ALTER TABLE "users" ADD COLUMN "late" INTEGER;',
  );
  bench.workspace.write(
    "services/auth/migrations/20250101000000_late/down.sql",
    'ALTER TABLE "users" DROP COLUMN "late";',
  );
  await step(1, "rebase", "--yes");
  await step(0, "upgrade-head");

  // A script that cannot be one transaction, interrupted after its first step.
  const broken = "20990101000000_index";
  bench.workspace.writeMigration(
    "auth",
    broken,
    'CREATE INDEX CONCURRENTLY "i" ON "users" ("age");\nCREATE INDEX CONCURRENTLY "j" ON "users" ("nothing");',
  );
  expect((await runOn(bench, ["upgrade-head", "--app", "auth"])).status).toBe(1);
  expect((await readCurrent("auth", bench)).failed).toEqual([broken]);
  expect((await readStock(bench)).failed).toEqual([broken]);
  bench.workspace.writeMigration(
    "auth",
    broken,
    'CREATE INDEX CONCURRENTLY "i" ON "users" ("age");\nCREATE INDEX CONCURRENTLY "j" ON "users" ("late");',
  );
  await step(0, "repair", "--on", "--yes");
  // What was squashed is recorded by the next upgrade.
  expect((await runOn(bench, ["squash", "--app", "auth", "--yes"])).status).toBe(0);
  await step(0, "upgrade-head");

  // The service as it would be adopted.
  renameSync(
    join(bench.workspace.root, "services/auth/migrations"),
    join(bench.workspace.root, "services/auth/former"),
  );
  await withClient(bench.databaseUrl, (client) => client.query("DROP TABLE auth._prisma_migrations"));
  await step(0, "baseline", "--yes");
});
