import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { readCatalog, readRows, withClient } from "../support/catalog.ts";
import { runCli } from "../support/cli.ts";
import { upgradeWithOurs } from "../support/interchange.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, MAJORS, testServer } from "../support/postgres.ts";
import { applyWithEngine } from "../support/prismaCli.ts";
import { makeWorkspace } from "../support/workspace.ts";

// ALTER ROLE … SET and ALTER DATABASE … SET change the session that a migration begins in.

describe.each(MAJORS)("a role that a login takes on by default, on PostgreSQL %i", (major) => {
  const login = `login_${randomBytes(4).toString("hex")}`;
  const owner = `owner_${randomBytes(4).toString("hex")}`;
  const workspace = () =>
    makeWorkspace({
      auth: {
        migrations: {
          "20250101000000_one": "CREATE TABLE a (id integer); SET ROLE NONE;",
          "20250102000000_two":
            "CREATE TABLE b (id integer); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        },
      },
    });

  beforeAll(async () => {
    await withClient(await testServer(major), (client) =>
      client.query(`CREATE ROLE ${owner}; CREATE ROLE ${login} LOGIN PASSWORD 'secret' IN ROLE ${owner};
        ALTER ROLE ${login} SET role = ${owner}`),
    );
  });

  test("owns what we create, as it owns what stock Prisma creates", async () => {
    const [stockUrl, ourUrl] = await Promise.all([databaseOf(login), databaseOf(login)]);
    const where = { workspace: workspace(), service: "auth" };
    await expect(applyWithEngine({ ...where, databaseUrl: stockUrl })).resolves.toMatchObject({ status: 0 });
    await upgradeWithOurs("auth", { ...where, databaseUrl: ourUrl });
    const [stock, catalog] = await Promise.all([stockUrl, ourUrl].map((url) => readCatalog(url, ["auth"])));
    expect(catalog?.relations["auth.a"]).toEqual(stock?.relations["auth.a"]);
    expect(catalog?.relations["auth.a"]).toMatchObject({ owner });
    // With stock Prisma the first script's SET ROLE would decide here.
    expect(catalog?.schemas.auth).toMatchObject({ owner });
    expect(catalog?.relations["auth.b"]).toMatchObject({ owner });
    expect(catalog?.functions["auth.f()"]).toMatchObject({ owner });
    expect(catalog?.relations["auth._prisma_migrations"]).toMatchObject({ owner });
  });

  async function databaseOf(name: string): Promise<string> {
    const url = new URL(await createDatabase(await testServer(major)));
    await withClient(url.href, (client) =>
      client.query(`GRANT CREATE ON DATABASE "${url.pathname.slice(1)}" TO ${owner}, ${name}`),
    );
    url.username = name;
    url.password = "secret";
    return url.href;
  }
});

test.each(["serializable", "repeatable read"])(
  "under %s by default, runners at the same time apply each migration once",
  async (isolation) => {
    const databaseUrl = await createDatabase(await testServer());
    const name = new URL(databaseUrl).pathname.slice(1);
    await withClient(databaseUrl, (client) =>
      client.query(`ALTER DATABASE "${name}" SET default_transaction_isolation = '${isolation}'`),
    );
    const migrations = { "20250101000000_first": "CREATE TABLE a (id integer)" };
    const workspace = makeWorkspace({ auth: { migrations } });
    await upgradeWithOurs("auth", { workspace, databaseUrl });
    for (const n of [2, 3, 4]) {
      workspace.writeMigration(
        "auth",
        `2025010${n}000000_insert`,
        `INSERT INTO a VALUES (${n}); SELECT pg_sleep(0.3);`,
      );
    }
    const runs = await Promise.all(
      Array.from({ length: 4 }, () =>
        runCli(["upgrade-head", "--json"], { root: workspace.root, databaseUrl }),
      ),
    );
    expect(runs.map(({ status, stderr }) => [status, status === 0 ? "" : stderr])).toEqual(
      runs.map(() => [0, ""]),
    );
    expect(await readRows(databaseUrl, ["auth"])).toEqual({ "auth.a": ["(2)", "(3)", "(4)"] });
    expect((await readLedger(databaseUrl, "auth")).map(({ migration }) => migration)).toHaveLength(4);
  },
);
