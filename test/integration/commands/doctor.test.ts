import { createServer } from "node:net";
import { beforeEach, describe, expect, test } from "vitest";
import type { Diagnosis } from "../../../scripts/core/doctor.ts";
import { withClient } from "../../support/catalog.ts";
import type { CliOptions } from "../../support/cli.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { type Bench, runOn } from "../../support/revision.ts";
import { expectDecent } from "../../support/upgrade.ts";
import { makeWorkspace } from "../../support/workspace.ts";

let bench: Bench;

beforeEach(async () => {
  bench = {
    workspace: makeWorkspace({
      auth: { migrations: { "1_init": "CREATE TABLE users (id int);\n" } },
      billing: {},
    }),
    databaseUrl: await createDatabase(await testServer()),
  };
});

const run = (sql: string) => withClient(bench.databaseUrl, (client) => client.query(sql));

async function doctor(more: CliOptions = {}) {
  const result = await runOn(bench, ["doctor", "--json"], more);
  expectDecent(result);
  const { diagnoses } = result.json<{ diagnoses: Diagnosis[] }>();
  const broken = diagnoses.filter(({ state }) => state === "broken");
  expect(result.status).toBe(broken.length > 0 ? 3 : 0);
  for (const { state, fix, fact } of diagnoses)
    if (state === "broken" || state === "warning") expect(fix, fact).toMatch(/\w/);
  return diagnoses.map(({ state, fact }) => `${state}: ${fact}`);
}

test("everything is in place", async () => {
  expect((await runOn(bench, ["provision"])).status).toBe(0);
  expect((await runOn(bench, ["upgrade-head", "--app", "auth"])).status).toBe(0);
  const { status, stdout, stderr } = await runOn(bench, ["doctor"]);
  const { port, pathname } = new URL(bench.databaseUrl);
  const shown = stdout
    .replaceAll(port, "<port>")
    .replaceAll(pathname.slice(1), "<database>")
    .replace(process.versions.node, "<node>")
    .replace(/GNU Make .*/, "GNU Make <version>")
    .replace(/PostgreSQL 18\.\d+/, "PostgreSQL 18.<minor>");
  expect([status, stderr, shown]).toMatchInlineSnapshot(`
    [
      0,
      "",
      "tools
      ok       Node <node>
      ok       GNU Make <version>
      ok       12 npm packages, as package.json pins them
      ok       Prisma 7.10.0, and its schema engine of the same commit
      ok       Prisma's schema engine starts from what the build has compiled
      ok       the embedded server's programs are installed

    files
      ok       2 services with a schema of its own
      ok       no init.sql: a server gets what services/ says
      ok       migration_lock.toml of every service says postgresql

    server
      ok       PostgreSQL 18.<minor> at 127.0.0.1:<port>, database "<database>", as "postgres"
      ok       "postgres" may create schemas in the database
      ok       every service has its owner role and its app role

    shadow database
      ok       "<database>_shadow" will be made beside the shared one

    services
      ok       auth: 1 of 1 migration applied, a ledger in Prisma's form, owned by "auth_owner"
      ok       billing: 0 of 0 migrations applied, no ledger yet, owned by "billing_owner"

    Nothing is wrong",
    ]
  `);
});

describe("files", () => {
  test("that disagree, each with its fix", async () => {
    const { workspace } = bench;
    workspace.write("init.sql", "-- something else\n");
    workspace.write("docker-compose.yml", "services:\n  auth:\n    environment:\n      DB_SCHEMA: outh\n");
    workspace.write(".env", "DATABSE_URL=postgresql://me:s3cret@x/y\nnonsense\n");
    workspace.write("services/auth/migrations/migration_lock.toml", 'provider = "sqlite"\n');
    workspace.write(
      "services/billing/schema.prisma",
      'datasource db {\n  provider = "postgresql"\n  schemas = ["billing"]\n}\ngenerator client {\n  provider = "prisma-client"\n  output = "./gen"\n}\n',
    );
    const found = await doctor();
    expect(found).toEqual(
      expect.arrayContaining([
        "broken: init.sql does not say what services/ says",
        "warning: docker-compose.yml: the job auth says DB_SCHEMA outh, its schema file auth",
        "warning: docker-compose.yml: there is no job for billing",
        "warning: .env: line 1 sets DATABSE_URL, which nobody reads; did you mean DATABASE_URL?",
        "warning: .env: line 2 is not of the form NAME=value",
        'broken: services/auth/migrations/migration_lock.toml says provider "sqlite"',
        "warning: no typed client is generated yet for billing",
      ]),
    );
    expect(found.join("\n")).not.toContain("s3cret");
  });

  test("of services that cannot be worked with", async () => {
    bench.workspace.remove("services/auth/schema.prisma");
    expect(await doctor()).toContain("broken: auth: services/auth/schema.prisma is missing");
  });
});

describe("the server", () => {
  test("that does not answer, and a password that nobody sees", async () => {
    const databaseUrl = "postgresql://me:s3cret@127.0.0.1:1/x";
    const shadow = "postgresql://me:0ther@127.0.0.1:1/y";
    const away = { ...bench, databaseUrl };
    const result = await runOn(away, ["doctor"], { env: { SHADOW_DATABASE_URL: shadow } });
    expect(result.status).toBe(3);
    expect(result.stdout).toContain("broken   No database answers at 127.0.0.1:1");
    expect(result.stdout).toContain('SHADOW_DATABASE_URL: "y" at 127.0.0.1:1');
    expect(result.stdout + result.stderr).not.toMatch(/s3cret|0ther/);
  });

  test("without the database", async () => {
    const url = new URL(bench.databaseUrl);
    url.pathname = "/not_yet";
    const found = await doctor({ databaseUrl: url.href });
    expect(found.at(-1)).toMatch(/^warning: the server at .* answers, and has no database "not_yet" yet$/);
  });

  test("that is read-only", async () => {
    await run(
      `ALTER DATABASE ${new URL(bench.databaseUrl).pathname.slice(1)} SET default_transaction_read_only = on`,
    );
    expect(await doctor()).toContain(
      "broken: transactions are read-only by default for this login or database",
    );
  });

  test("with a login that lacks rights", async () => {
    const login = `poor_${new URL(bench.databaseUrl).pathname.slice(1)}`;
    await run(`CREATE ROLE "${login}" LOGIN PASSWORD 'x'`);
    const url = new URL(bench.databaseUrl);
    [url.username, url.password] = [login, "x"];
    const found = await doctor({ databaseUrl: url.href });
    expect(found).toEqual(
      expect.arrayContaining([
        `broken: "${login}" may not create schemas, and auth, billing have none yet`,
        `warning: no owner role for auth, billing, so migrations run as "${login}"`,
        `ok: on the workspace's own server, since "${login}" may not create databases`,
      ]),
    );
  });

  test("whose ledger is not Prisma's", async () => {
    await run("CREATE SCHEMA auth; CREATE TABLE auth._prisma_migrations (id int)");
    expect(await doctor()).toContainEqual(
      expect.stringMatching(
        /^broken: auth: the ledger auth\._prisma_migrations has|^broken: auth: the ledger .* lacks columns/,
      ),
    );
  });

  test("named as its own shadow", async () => {
    const found = await doctor({ env: { SHADOW_DATABASE_URL: bench.databaseUrl } });
    expect(found).toContainEqual(
      expect.stringMatching(/^broken: SHADOW_DATABASE_URL: .* is the shared database itself$/),
    );
  });

  test("on a port that another program has taken; none is started", async () => {
    const other = createServer((socket) =>
      socket
        .resume()
        .on("error", () => {})
        .end("hello"),
    );
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    const port = String(typeof address === "object" ? address?.port : "");
    const env = { DB_PORT: port };
    const result = await runOn({ ...bench, databaseUrl: "" }, ["doctor"], { env });
    expect(result.stdout).toContain(`broken   port ${port} is taken by another program`);
    await new Promise((resolve) => other.close(resolve));
    const free = await runOn({ ...bench, databaseUrl: "" }, ["doctor"], { env });
    expect([free.status, free.stdout]).toEqual([0, expect.stringContaining(`port ${port} is free for it`)]);
  });
});

describe("extensions that schema files declare", () => {
  const declare = (service: string, extensions: string) =>
    bench.workspace.write(
      `services/${service}/schema.prisma`,
      `datasource db {\n  provider = "postgresql"\n  schemas = ["${service}"]\n  extensions = [${extensions}]\n}\n`,
    );
  const about = async (more?: CliOptions) =>
    (await doctor(more)).filter((line) => line.includes("the extension"));
  async function asLogin(attributes: string, ...grants: string[]): Promise<{ login: string; url: string }> {
    const url = new URL(bench.databaseUrl);
    const login = `mere_${url.pathname.slice(1)}`;
    await run([`CREATE ROLE "${login}" LOGIN PASSWORD 'x' ${attributes}`, ...grants].join(";\n"));
    [url.username, url.password] = [login, "x"];
    return { login, url: url.href };
  }

  test("are there, or to be provisioned", async () => {
    declare("auth", "citext, pgcrypto");
    declare("billing", "citext");
    expect(await about()).toEqual([
      'broken: the extension "citext", which auth, billing declare, is not in the database; the server offers it',
      'broken: the extension "pgcrypto", which auth declares, is not in the database; the server offers it',
    ]);
    await run("CREATE EXTENSION pgcrypto SCHEMA public");
    expect((await runOn(bench, ["provision"])).status).toBe(0);
    expect(await about()).toEqual([
      'ok: the extension "citext", which auth, billing declare, is in the schema "extensions"',
      'ok: the extension "pgcrypto", which auth declares, is in the schema "public"',
    ]);
  });

  test("are made by a pending migration, where no owner role keeps it from that", async () => {
    declare("auth", "citext");
    bench.workspace.writeMigration("auth", "2_citext", 'CREATE EXTENSION IF NOT EXISTS "citext";');
    expect(await about()).toEqual([
      'ok: the extension "citext", which auth declares, is not there yet; a pending migration makes it',
    ]);
    const { login, url } = await asLogin("");
    expect(await about({ databaseUrl: url })).toEqual([
      `broken: the extension "citext", which auth declares, is not in the database, and "${login}" may not make it`,
    ]);
  });

  test("that nobody offers", async () => {
    declare("auth", 'nowhere(map: "no such extension")');
    expect(await about()).toEqual([
      'broken: the extension "no such extension", which auth declares, is not in the database, and the server does not offer it',
    ]);
  });

  test("that the login may not make, for want of the right or of the extension's trust", async () => {
    declare("auth", 'citext, earthdistance, pg_buffercache(map: "pg_buffercache")');
    const { login, url } = await asLogin("");
    const fixes = async () => {
      const { diagnoses } = (await runOn({ ...bench, databaseUrl: url }, ["doctor", "--json"])).json<{
        diagnoses: Diagnosis[];
      }>();
      return diagnoses.filter(({ fact }) => fact.includes("the extension")).map(({ why, fix }) => [why, fix]);
    };
    const database = new URL(url).pathname.slice(1);
    const make = (name: string) =>
      `CREATE SCHEMA IF NOT EXISTS "extensions"; GRANT USAGE ON SCHEMA "extensions" TO PUBLIC; CREATE EXTENSION IF NOT EXISTS "${name}" WITH SCHEMA "extensions" CASCADE;`;
    const untrusted = (name: string) => [
      `"${name}" is not trusted: it takes a superuser, or what a hosted server has for one`,
      `let one run: ${make(name)}`,
    ];
    const right = [
      "it takes the right CREATE on the database",
      `let an administrator run: ${make("citext")}\nor GRANT CREATE ON DATABASE "${database}" TO "${login}"; then make provision`,
    ];
    expect(await fixes()).toEqual([right, untrusted("earthdistance"), untrusted("pg_buffercache")]);
    await run(`GRANT CREATE ON DATABASE "${database}" TO "${login}"`);
    expect((await fixes())[0]).toEqual([
      undefined,
      "let an administrator run what schemata provision --dry-run prints",
    ]);
    await run(`ALTER ROLE "${login}" CREATEROLE`);
    expect((await fixes())[0]).toEqual([undefined, "make provision"]);
  });
});

test("an engine that is not there", async () => {
  const found = await doctor({ env: { PRISMA_SCHEMA_ENGINE_BINARY: "/nowhere/engine" } });
  expect(found).toContain("broken: PRISMA_SCHEMA_ENGINE_BINARY names /nowhere/engine, which does not exist");
});
