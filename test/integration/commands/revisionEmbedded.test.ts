import { afterAll, beforeAll, expect, test } from "vitest";
import { withClient } from "../../support/catalog.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { type Bench, revise, runOn, writeModels } from "../../support/revision.ts";
import { findFreePort } from "../../support/server.ts";
import { makeWorkspace, type TestWorkspace } from "../../support/workspace.ts";

const model = (fields: string) => `model Thing {\n  id Int @id\n${fields}  @@schema("auth")\n}\n`;

let workspace: TestWorkspace;

beforeAll(async () => {
  workspace = makeWorkspace({ auth: { models: model("") } });
  workspace.write(".env", `DB_PORT=${await findFreePort()}\n`);
});

afterAll(async () => {
  const { status, stderr } = await runOn({ workspace, databaseUrl: "" }, ["stop-db"]);
  if (status !== 0) throw new Error(stderr);
});

test("without a right on the shared database the workspace's own server is started and used", async () => {
  const databaseUrl = await createDatabase(await testServer());
  const url = new URL(databaseUrl);
  const name = `plain_${Math.random().toString(36).slice(2)}`;
  await withClient(databaseUrl, (client) =>
    client.query(`CREATE ROLE ${name} LOGIN PASSWORD 'pw' NOCREATEDB`),
  );
  url.username = name;
  url.password = "pw";
  const result = await runOn({ workspace, databaseUrl: url.href }, [
    "revision",
    "--app",
    "auth",
    "-m",
    "init",
    "--json",
  ]);
  expect(result.json()).toMatchObject({ status: "written", proven: true });
  expect(result.stderr).toContain("Started the database server on 127.0.0.1:");
  expect(result.stderr).toContain("lacks the right CREATEDB");
  const left = await withClient(databaseUrl, (client) =>
    client.query("SELECT datname FROM pg_database WHERE datname = current_database() || '_shadow'"),
  );
  expect(left.rows).toEqual([]);
}, 120_000);

test("nor does a shared database that does not answer, or refuses the login, stand in the way", async () => {
  const nowhere: Bench = { workspace, databaseUrl: "postgresql://nobody:secret@127.0.0.1:1/shared" };
  writeModels(workspace, "auth", model("  a Int?\n"));
  expect(await revise(nowhere, "auth")).toMatchObject({ status: "written", proven: true });
  const wrong = new URL(await createDatabase(await testServer()));
  wrong.password = "wrong";
  writeModels(workspace, "auth", model("  a Int?\n  b Int?\n"));
  const result = await runOn({ workspace, databaseUrl: wrong.href }, [
    "revision",
    "--app",
    "auth",
    "-m",
    "b",
  ]);
  expect(result.status).toBe(0);
  expect(result.stderr).toContain("refuses the login");
  expect(result.stderr).not.toContain("wrong@");
}, 120_000);

test("an embedded shared database has its shadow beside it", async () => {
  const result = await runOn({ workspace, databaseUrl: "" }, [
    "revision",
    "--app",
    "auth",
    "-m",
    "x",
    "--json",
  ]);
  expect(result.json()).toMatchObject({ status: "unchanged" });
  expect(result.stderr).toBe("");
}, 120_000);
