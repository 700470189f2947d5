import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { shadowDatabaseName } from "../../../scripts/core/shadow.ts";
import { readCatalog, withClient } from "../../support/catalog.ts";
import { spawnCli } from "../../support/cli.ts";
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
import { makeWorkspace } from "../../support/workspace.ts";

const model = (schema: string, name: string, fields = "") =>
  `model ${name} {\n  id Int @id\n${fields}  @@schema("${schema}")\n}\n`;

let bench: Bench;

beforeEach(async () => {
  const names = ["auth", "billing", "chat"];
  bench = {
    workspace: makeWorkspace(
      Object.fromEntries(names.map((name) => [name, { models: model(name, "Thing") }])),
    ),
    databaseUrl: await createDatabase(await testServer()),
  };
});

describe("several commands at once", () => {
  test("on one service write one migration", async () => {
    const answers = await Promise.all([1, 2, 3].map(() => revise(bench, "auth")));
    expect(answers.map(({ status }) => status).sort()).toEqual(["unchanged", "unchanged", "written"]);
    expect(listMigrations(bench.workspace, "auth")).toHaveLength(1);
  });

  test("on several services write one each, from a shadow database that none had", async () => {
    const answers = await Promise.all(["auth", "billing", "chat"].map((name) => revise(bench, name)));
    expect(answers.map(({ status, proven }) => `${status} ${proven}`)).toEqual(Array(3).fill("written true"));
    const again = await Promise.all(["auth", "billing", "chat"].map((name) => revise(bench, name)));
    expect(again.map(({ status }) => status)).toEqual(Array(3).fill("unchanged"));
  });

  test("on different services do not wait for each other", async () => {
    await revise(bench, "auth");
    await revise(bench, "billing");
    const url = new URL(bench.databaseUrl);
    url.pathname = `/${shadowDatabaseName(url.pathname.slice(1))}`;
    await withClient(url.href, async (client) => {
      // As a command that works on auth holds it.
      await client.query(
        "SELECT pg_advisory_lock_shared(72707369), pg_advisory_lock(72707370, hashtext('auth'))",
      );
      expect((await revise(bench, "billing")).status).toBe("unchanged");
      const waiting = await spawnCli(["revision", "--app", "auth", "-m", "x"], {
        root: bench.workspace.root,
        databaseUrl: bench.databaseUrl,
      });
      const said = new Promise<string>((resolve) => {
        waiting.process.stderr.on("data", (text) => resolve(String(text)));
      });
      expect(await said).toBe("Waiting for another command that uses the shadow database\n");
      await client.query("SELECT pg_advisory_unlock_all()");
      expect((await waiting.process).exitCode).toBe(0);
    });
  });
});

describe("a killed run", () => {
  test("leaves neither half a migration nor a shadow that misleads, whenever it is killed", async () => {
    const { workspace, databaseUrl } = bench;
    const many = Array.from({ length: 40 }, (_, index) =>
      model("auth", `T${index}`, "  a Int\n  b String @unique\n"),
    );
    writeModels(workspace, "auth", many.join(""));
    await revise(bench, "auth");
    writeModels(workspace, "auth", many.join("").replaceAll("a Int\n", "a BigInt\n"));
    const before = await readCatalog(databaseUrl, ["auth"]);
    for (const delay of [100, 300, 500, 700, 900, 1_100, 1_300, 1_600, 2_000, 2_500]) {
      const { process } = await spawnCli(["revision", "--app", "auth", "-m", "big"], {
        root: workspace.root,
        databaseUrl,
      });
      await sleep(delay);
      process.kill("SIGKILL");
      await process;
      const [, second] = listMigrations(workspace, "auth");
      if (second === undefined) continue;
      // It came through; that must be all of it.
      expect(readMigrationFile(workspace, "auth", second, "down.sql")).toContain("-- proven: ");
      workspace.remove(`services/auth/migrations/${second}`);
    }
    const { sql, proven, notRestored } = await revise(bench, "auth");
    expect(sql.match(/SET DATA TYPE BIGINT/g)).toHaveLength(40);
    expect([proven, notRestored]).toEqual([true, []]);
    expect(listMigrations(workspace, "auth")).toHaveLength(2);
    expect(await readCatalog(databaseUrl, ["auth"])).toEqual(before);
  });

  test("by Ctrl-C ends with 130 and writes nothing", async () => {
    const url = new URL(bench.databaseUrl);
    await revise(bench, "billing");
    url.pathname = `/${shadowDatabaseName(url.pathname.slice(1))}`;
    await withClient(url.href, async (client) => {
      await client.query("SELECT pg_advisory_lock(72707370, hashtext('auth'))");
      const { process } = await spawnCli(["revision", "--app", "auth", "-m", "x"], {
        root: bench.workspace.root,
        databaseUrl: bench.databaseUrl,
      });
      await new Promise((resolve) => process.stderr.on("data", resolve));
      process.kill("SIGINT");
      const { exitCode, stderr } = await process;
      expect(stderr).toBe("Waiting for another command that uses the shadow database");
      expect(exitCode).toBe(130);
    });
    expect(listMigrations(bench.workspace, "auth")).toEqual([]);
  });
});

test("a service that refers to another's table says which migration it was made against", async () => {
  const { workspace } = bench;
  const { migration } = await revise(bench, "auth");
  workspace.write(
    "services/billing/schema.prisma",
    `datasource db {\n  provider = "postgresql"\n  schemas = ["billing", "auth"]\n}\n
model Invoice {\n  id Int @id\n  thingId Int\n  thing Thing @relation(fields: [thingId], references: [id])\n  @@schema("billing")\n}
model Thing {\n  id Int @id\n  invoices Invoice[]\n  @@schema("auth")\n}\n`,
  );
  const answer = await revise(bench, "billing");
  expect(answer.dependsOn).toEqual([{ service: "auth", migration }]);
  expect(answer.sql.split("\n")[0]).toBe(`-- depends-on: auth/${migration}`);
  expect(answer.sql).toContain('REFERENCES "auth"."Thing"("id")');
  expect(answer.sql).not.toContain('CREATE TABLE "auth"');
  expect(answer.down).not.toContain('"auth"."Thing"');
  expect([answer.proven, answer.notRestored]).toEqual([true, []]);
  const { status, stderr } = await runOn(bench, ["upgrade-head"]);
  expect([status, stderr.includes("billing")]).toEqual([0, true]);
  expect((await revise(bench, "billing")).status).toBe("unchanged");
  // What billing needs cannot be dropped under it.
  writeModels(workspace, "auth", "");
  const refused = await runOn(bench, ["revision", "--app", "auth", "-m", "drop"]);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain("Invoice_thingId_fkey");
  expect(refused.stderr).toContain("first revise the service that still needs it");
  // Once its files no longer say so, the shadow's old state does not stand in the way.
  workspace.write(
    "services/billing/schema.prisma",
    'datasource db {\n  provider = "postgresql"\n  schemas = ["billing"]\n}\n',
  );
  for (const name of listMigrations(workspace, "billing"))
    workspace.remove(`services/billing/migrations/${name}`);
  expect((await revise(bench, "auth")).sql).toContain('DROP TABLE "Thing"');
});

test("stock Prisma may use the same database as its shadow, before and after", async () => {
  const { workspace, databaseUrl } = bench;
  const shadow = `${databaseUrl}_both`;
  const env = { SHADOW_DATABASE_URL: shadow };
  const run = (message: string) =>
    runOn(bench, ["revision", "--app", "auth", "-m", message, "--json"], { env });
  expect((await run("one")).json()).toMatchObject({ status: "written" });
  await runOn(bench, ["upgrade-head"], { env });
  const status = await runPrisma(["migrate", "status"], { workspace, service: "auth", databaseUrl });
  expect(status.output).toContain("up to date");
  const dev = await runOn(bench, ["prisma", "--app", "auth", "--", "migrate", "dev"], { env });
  expect(dev.stdout + dev.stderr).toContain("Already in sync");
  writeModels(workspace, "auth", model("auth", "Thing", "  more Int?\n"));
  const second = await run("two");
  expect(second.json()).toMatchObject({
    status: "written",
    sql: expect.stringContaining('ADD COLUMN     "more"'),
  });
});
