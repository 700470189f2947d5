import { randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { withClient } from "../support/catalog.ts";
import { runCli } from "../support/cli.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { findFreePort } from "../support/server.ts";
import { makeWorkspace, type TestWorkspace } from "../support/workspace.ts";

const SECRETS = ["op3n s3same/ü@:?#&", "url-s3cret", "conn-s3cret", "role s3cret", "mapping-s3cret"];
const [PASSWORD = "", , , ,] = SECRETS;
const ONE = "20250101000000_one";

/** Scripts that fail with a password in the statement, and so in what is shown of it. */
const MIGRATIONS = {
  subscription_url:
    "CREATE SUBSCRIPTION s CONNECTION 'postgresql://me:url-s3cret@127.0.0.1:1/x' PUBLICATION p WITH (connect = nonsense)",
  subscription:
    "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1 user=me password=conn-s3cret dbname=x' PUBLICATION p WITH (connect = nonsense)",
  role: "CREATE ROLE pg_me LOGIN PASSWORD 'role s3cret'",
  mapping:
    "CREATE USER MAPPING FOR CURRENT_USER SERVER nowhere OPTIONS (user 'me', password 'mapping-s3cret')",
};

describe("no output holds a password", () => {
  let workspace: TestWorkspace;
  let url: URL;

  beforeAll(async () => {
    const databaseUrl = await createDatabase(await testServer());
    const login = `login_${randomBytes(4).toString("hex")}`;
    await withClient(databaseUrl, (client) =>
      client.query(
        `CREATE ROLE ${login} LOGIN CREATEROLE PASSWORD '${PASSWORD}'; GRANT CREATE ON DATABASE ${new URL(databaseUrl).pathname.slice(1)} TO ${login}`,
      ),
    );
    workspace = makeWorkspace(
      Object.fromEntries(
        Object.entries(MIGRATIONS).map(([name, script]) => [name, { migrations: { [ONE]: script } }]),
      ),
    );
    url = new URL(databaseUrl);
    url.username = login;
    url.password = encodeURIComponent(PASSWORD);
  });

  const change = (what: Partial<Pick<URL, "hostname" | "pathname" | "port" | "password">>) =>
    Object.assign(new URL(url.href), what).href;

  const WAYS: [string, () => string | Promise<string>, RegExp][] = [
    ["a failing migration", () => url.href, /failed at services/],
    [
      "a wrong password",
      () => change({ password: `${encodeURIComponent(PASSWORD)}x` }),
      /refuses the login "login_/,
    ],
    [
      "a missing database",
      () => change({ pathname: "/absent" }),
      /permission denied to create database|has no database "absent"/,
    ],
    [
      "nobody who answers",
      async () => change({ port: String(await findFreePort()) }),
      /No database answers at 127\.0\.0\.1:\d+/,
    ],
    [
      "a host that is none",
      () => change({ hostname: "nowhere.invalid" }),
      /No database answers at nowhere\.invalid/,
    ],
    ["an address that is none", () => url.href.replace("postgresql:", "mysql:"), /DATABASE_URL/],
    ["a port that is none", () => url.href.replace(/:\d+\//, ":99999999/"), /DATABASE_URL/],
  ];

  for (const verb of [
    ["upgrade-head"],
    ["upgrade-head", "--json"],
    ["upgrade-head", "--dry-run"],
    ["current"],
    ["history", "--json"],
  ]) {
    test.each(WAYS)(`${verb.join(" ")}: %s`, { timeout: 60_000 }, async (way, address, words) => {
      for (const debug of ["", "1"]) {
        const result = await runCli(verb, {
          root: workspace.root,
          databaseUrl: await address(),
          env: { DEBUG: debug },
        });
        const text = result.stdout + result.stderr;
        for (const secret of SECRETS) {
          for (const form of [secret, encodeURIComponent(secret), encodeURI(secret)])
            expect(text).not.toContain(form);
        }
        const applies = verb[0] === "upgrade-head" && !verb.includes("--dry-run");
        if (way === "a failing migration" && !applies) continue;
        expect(text).toMatch(words);
        expect(text).toMatch(/Fix: /);
        expect([1, 2]).toContain(result.status);
        if (debug === "") expect(text).not.toMatch(/^\s+at .*:\d+:\d+/m);
      }
    });
  }

  test("and yet each failed statement is shown", async () => {
    const { stderr } = await runCli(["upgrade-head"], { root: workspace.root, databaseUrl: url.href });
    for (const [name, script] of Object.entries(MIGRATIONS)) {
      expect(stderr).toMatch(new RegExp(`^${name}: ${ONE} failed at`, "m"));
      expect(stderr).toContain(script.slice(0, 20));
    }
    expect(stderr).toMatch("PASSWORD '***'");
    expect(stderr).toMatch("me:***@127.0.0.1:1/x");
  });
});
