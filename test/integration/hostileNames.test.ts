import { beforeAll, describe, expect, test } from "vitest";
import { readCatalog, withClient } from "../support/catalog.ts";
import { runCli } from "../support/cli.ts";
import type { ServiceState } from "../support/interchange.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { expectDecent, type UpgradeRun, upgrade, upgradeWell } from "../support/upgrade.ts";
import { makeWorkspace, type TestWorkspace } from "../support/workspace.ts";

/** Names that a shell, SQL, a search path or a regular expression could trip over; each is a folder's and a schema's. */
const NAMES = [
  "user",
  "order",
  "UpperCase",
  "with space",
  'double"quote',
  "single'quote",
  "semi;DROP SCHEMA auth;--",
  "back\\slash",
  "$login",
  "per%cent",
  "dollar$$quote",
  "comma,public",
  "dot.dot",
  "Größe 漢字 🎉",
  "-dash",
  "b".repeat(63),
  "ü".repeat(31),
  "public",
];

const ONE = "20250101000000_one";
const TWO = '20250102000000_it\'s "two"; $$';

describe("services of hostile names", () => {
  let workspace: TestWorkspace;
  let databaseUrl: string;
  let run: UpgradeRun;

  beforeAll(async () => {
    databaseUrl = await createDatabase(await testServer());
    workspace = makeWorkspace(
      Object.fromEntries(
        NAMES.map((name) => [
          name,
          { migrations: { [ONE]: "CREATE TABLE a ();", [TWO]: "CREATE INDEX CONCURRENTLY i ON a ((1));" } },
        ]),
      ),
    );
    run = await upgradeWell({ workspace, databaseUrl });
  });

  test.each(NAMES)("%s", async (name) => {
    expect(run.of(name)).toMatchObject({ status: "upgraded", applied: [ONE, TWO], error: null });
    const catalog = await readCatalog(databaseUrl, [name]);
    expect(Object.keys(catalog.schemas)).toEqual([name]);
    expect(Object.keys(catalog.relations)).toHaveLength(2);
    expect((await readLedger(databaseUrl, name)).map(({ migration, state }) => [migration, state])).toEqual([
      [ONE, "finished"],
      [TWO, "finished"],
    ]);
  });

  test("each stands where current says", async () => {
    const result = await runCli(["current", "--json"], { root: workspace.root, databaseUrl });
    expectDecent(result);
    expect(
      result
        .json<{ services: ServiceState[] }>()
        .services.map(({ service, current, pending }) => [service, current, pending.length]),
    ).toEqual(
      [...NAMES].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map((name) => [name, TWO, 0]),
    );
  });

  test("no schema was made that nobody asked for", async () => {
    const { rows } = await withClient(databaseUrl, (client) =>
      client.query("SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'"),
    );
    expect(rows.map(({ name }) => name).sort()).toEqual([...NAMES].sort());
  });

  test("the printed SQL of each is safe too", async () => {
    const fresh = await createDatabase(await testServer());
    const { stdout, status } = await runCli(["upgrade-head", "--sql"], {
      root: workspace.root,
      databaseUrl: fresh,
    });
    expect(status).toBe(0);
    for (const name of NAMES) expect(stdout).toMatch(`"${name.replaceAll('"', '""')}"."_prisma_migrations"`);
  });
});

test("a name that Postgres would cut or keeps for itself is refused, the others are upgraded", async () => {
  const databaseUrl = await createDatabase(await testServer());
  const workspace = makeWorkspace({
    long: { schema: "x".repeat(64), migrations: { [ONE]: "CREATE TABLE a ();" } },
    umlauts: { schema: "ü".repeat(32), migrations: { [ONE]: "CREATE TABLE a ();" } },
    own: { schema: "pg_own", migrations: { [ONE]: "CREATE TABLE a ();" } },
    dollar: { schema: "$user", migrations: { [ONE]: "CREATE TABLE a ();" } },
    sound: { migrations: { [ONE]: "CREATE TABLE a ();" } },
  });
  const run = await upgrade({ workspace, databaseUrl });
  expect(run.status).toBe(1);
  expect(run.of("sound").status).toBe("upgraded");
  expect(run.of("long").error).toMatch(
    /^long: .*names the schema "x{64}"\n {2}Why: a Postgres name has 1 to 63 bytes, this one 64\n {2}Fix: /,
  );
  expect(run.of("umlauts").error).toMatch(/1 to 63 bytes, this one 64/);
  expect(run.of("own").error).toMatch(/names the schema "pg_own"\n {2}Why: Postgres keeps that name/);
  expect(run.of("dollar").error).toMatch(/names the schema "\$user"\n {2}Why: .*search path/);
});

test("a database, a login and a password of hostile characters", async () => {
  const server = await testServer();
  const login = `o'brien "${Math.random().toString(36).slice(2)}"; @:/?#`;
  const password = "p@ss:w/o?r#d %41 \\ ' \" ü";
  await withClient(server, (client) =>
    client.query(
      `CREATE ROLE "${login.replaceAll('"', '""')}" LOGIN CREATEDB PASSWORD '${password.replaceAll("'", "''")}'`,
    ),
  );
  const url = new URL(server);
  url.username = encodeURIComponent(login);
  url.password = encodeURIComponent(password);
  url.pathname = encodeURIComponent(`data "base" é ${Math.random().toString(36).slice(2)}`);
  const workspace = makeWorkspace({ auth: { migrations: { [ONE]: "CREATE TABLE a ();" } } });
  const run = await upgradeWell({ workspace, databaseUrl: url.href });
  expect(run.of("auth").status).toBe("upgraded");
  expect(run.stderr).toMatch(`Created the database "${decodeURIComponent(url.pathname.slice(1))}"`);
  expect(run.stdout + run.stderr).not.toMatch(password);
  expect((await upgradeWell({ workspace, databaseUrl: url.href })).of("auth").status).toBe("up-to-date");
});
