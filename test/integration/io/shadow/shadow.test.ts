import { beforeEach, describe, expect, test } from "vitest";
import { SchemataError } from "../../../../scripts/core/errors.ts";
import type { Settings } from "../../../../scripts/core/settings.ts";
import { shadowDatabaseName } from "../../../../scripts/core/shadow.ts";
import { quoteIdent } from "../../../../scripts/core/sql.ts";
import { type RevisionRequest, reviseService } from "../../../../scripts/io/revision/revise.ts";
import { withShadow } from "../../../../scripts/io/shadow/shadow.ts";
import { readServices } from "../../../../scripts/io/workspace.ts";
import { readCatalog, withClient } from "../../../support/catalog.ts";
import { createDatabase, testServer } from "../../../support/postgres.ts";
import { listMigrations, writeModels } from "../../../support/revision.ts";
import { makeWorkspace, type TestWorkspace } from "../../../support/workspace.ts";

const INIT = "CREATE TABLE users (id int PRIMARY KEY, name text);\n";
const NEXT = "ALTER TABLE users ADD COLUMN age int;\n";

let workspace: TestWorkspace;
let databaseUrl: string;
let notes: string[];

beforeEach(async () => {
  notes = [];
  databaseUrl = await createDatabase(await testServer());
  workspace = makeWorkspace({
    auth: { migrations: { "1_init": INIT, "2_next": NEXT } },
    billing: { migrations: { "1_init": "CREATE TABLE invoices (id int PRIMARY KEY);\n" } },
  });
});

function settings(more: Partial<Settings> = {}): Settings {
  return {
    root: workspace.root,
    databaseUrl,
    databaseFrom: "environment",
    dbPort: 1,
    shadowDatabaseUrl: undefined,
    ...more,
  };
}

function request(chosen: readonly string[], more: Partial<Settings> = {}) {
  const services = readServices(workspace.root);
  return {
    settings: settings(more),
    note: (text: string) => void notes.push(text),
    signal: new AbortController().signal,
    services,
    chosen: services.filter(({ name }) => chosen.includes(name)),
  };
}

function shadowUrl(): string {
  const url = new URL(databaseUrl);
  url.pathname = `/${shadowDatabaseName(url.pathname.slice(1))}`;
  return url.href;
}

/** What a service's schema in the shadow is, and when its ledger rows came. */
async function look(schema = "auth") {
  return withShadow(request([schema]), async ({ client, facts }) => {
    const [one] = facts;
    await client.query("BEGIN");
    const catalog = await client.query(
      "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name <> '_prisma_migrations' ORDER BY 1, 2",
      [schema],
    );
    const ledger = await client.query(
      `SELECT migration_name AS name, id FROM ${quoteIdent(schema)}._prisma_migrations ORDER BY started_at`,
    );
    await client.query("COMMIT");
    return {
      service: one?.service.name,
      columns: catalog.rows.map((row) => Object.values(row).join(".")),
      ledger: ledger.rows,
    };
  });
}

async function failure(work: Promise<unknown>): Promise<SchemataError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SchemataError)) throw new Error(`no failure of ours: ${String(error)}`);
  return error;
}

describe("what is replayed", () => {
  test("the history, then only what is new", async () => {
    const first = await look();
    expect(first.columns).toEqual(["users.age", "users.id", "users.name"]);
    expect(first.ledger.map(({ name }) => name)).toEqual(["1_init", "2_next"]);
    workspace.writeMigration("auth", "3_more", "ALTER TABLE users DROP COLUMN age;\n");
    const second = await look();
    expect(second.columns).toEqual(["users.id", "users.name"]);
    expect(second.ledger.slice(0, 2)).toEqual(first.ledger);
    expect(second.ledger).toHaveLength(3);
  });

  test.each([
    ["was edited", () => workspace.writeMigration("auth", "1_init", `${INIT}CREATE TABLE more (x int);\n`)],
    [
      "has other line endings",
      () => workspace.writeMigration("auth", "1_init", INIT.replaceAll("\n", "\r\n")),
    ],
    [
      "is new, but older",
      () => workspace.writeMigration("auth", "10_between", "CREATE TABLE between (x int);\n"),
    ],
    ["is gone", () => workspace.remove("services/auth/migrations/2_next")],
  ])("all of it, when an earlier file %s", async (_, change) => {
    const first = await look();
    const other = await look("billing");
    change();
    const second = await look();
    expect(second.ledger.map(({ name }) => name)).toEqual(listMigrations(workspace, "auth"));
    expect(second.ledger.some(({ id }) => first.ledger.some((row) => row.id === id))).toBe(false);
    expect((await look("billing")).ledger).toEqual(other.ledger);
  });

  test("as far as asked, and the rest the next time", async () => {
    const upTo = new Map([["auth", "1_init"]]);
    const rows = await withShadow({ ...request(["auth"]), upTo }, async ({ client }) => {
      return (await client.query("SELECT count(*)::int AS n FROM auth._prisma_migrations")).rows[0].n;
    });
    expect(rows).toBe(1);
    expect((await look()).ledger).toHaveLength(2);
  });

  test("what somebody has put into the shadow by hand goes", async () => {
    await look();
    await withClient(shadowUrl(), (client) => client.query("DROP TABLE auth._prisma_migrations"));
    expect((await look()).ledger).toHaveLength(2);
  });

  test("statements that no transaction takes, and that let go of locks, without losing the turn", async () => {
    workspace.writeMigration("auth", "3_index", "CREATE INDEX CONCURRENTLY by_name ON users (name);\n");
    workspace.writeMigration("auth", "4_unlock", "SELECT pg_advisory_unlock_all();\n");
    await withShadow(request(["auth"]), async ({ client, url }) => {
      const held = await withClient(url, (other) =>
        other.query(
          `SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND classid = 72707370
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        ),
      );
      expect(held.rows).toEqual([{ n: 1 }]);
      const rows = await client.query("SELECT migration_name FROM auth._prisma_migrations");
      expect(rows.rows).toHaveLength(4);
    });
  });

  test("a history with an extension and objects outside of its schema can be replayed again", async () => {
    workspace.writeMigration(
      "auth",
      "3_outside",
      "CREATE EXTENSION citext WITH SCHEMA public; CREATE SCHEMA outside; CREATE TABLE outside.t (x public.citext);\n",
    );
    await look();
    workspace.writeMigration("auth", "1_init", `${INIT}SELECT 1;\n`);
    expect((await look()).ledger).toHaveLength(3);
  });
});

describe("services that a history needs", () => {
  beforeEach(() => {
    workspace.write(
      "services/billing/schema.prisma",
      'datasource db {\n  provider = "postgresql"\n  schemas = ["billing", "auth"]\n}\n',
    );
    workspace.writeMigration(
      "billing",
      "2_user",
      "-- depends-on: auth/1_init\nALTER TABLE invoices ADD COLUMN user_id int REFERENCES auth.users(id);\n",
    );
  });

  test("are there, at head", async () => {
    expect((await look("billing")).columns).toEqual(["invoices.id", "invoices.user_id"]);
    expect((await look("auth")).ledger).toHaveLength(2);
  });

  test("are there where only a depends-on line names them", async () => {
    workspace.write(
      "services/billing/schema.prisma",
      'datasource db {\n  provider = "postgresql"\n  schemas = ["billing"]\n}\n',
    );
    expect((await look("billing")).columns).toEqual(["invoices.id", "invoices.user_id"]);
  });

  test("take along those that refer to them when they are replayed", async () => {
    const first = await look("billing");
    workspace.writeMigration("auth", "1_init", INIT.replace("name text", "name varchar(9)"));
    await look("auth");
    const gone = await withClient(shadowUrl(), (client) =>
      client.query("SELECT to_regnamespace('billing') IS NULL AS gone"),
    );
    expect(gone.rows[0].gone).toBe(true);
    const second = await look("billing");
    expect(second.columns).toEqual(first.columns);
    const keys = await withClient(shadowUrl(), (client) =>
      client.query(
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND confrelid = 'auth.users'::regclass",
      ),
    );
    expect(keys.rows).toEqual([{ conname: "invoices_user_id_fkey" }]);
  });

  test("in a circle of services without a circle of migrations", async () => {
    workspace.write(
      "services/auth/schema.prisma",
      'datasource db {\n  provider = "postgresql"\n  schemas = ["auth", "billing"]\n}\n',
    );
    workspace.writeMigration(
      "auth",
      "3_invoice",
      "-- depends-on: billing/1_init\nALTER TABLE users ADD COLUMN last int REFERENCES billing.invoices(id);\n",
    );
    expect((await look("auth")).columns).toContain("users.last");
    workspace.writeMigration("billing", "1_init", "CREATE TABLE invoices (id int PRIMARY KEY, note text);\n");
    expect((await look("billing")).columns).toEqual(["invoices.id", "invoices.note", "invoices.user_id"]);
    expect((await look("auth")).columns).toContain("users.last");
  });
});

describe("a history that does not replay", () => {
  test("says which file and statement, and what replays stays", async () => {
    workspace.writeMigration("auth", "3_broken", "SELECT 1;\nALTER TABLE users ADD COLUMN age int;\n");
    const error = await failure(look());
    expect(error.message).toBe(
      "auth: 3_broken failed at services/auth/migrations/3_broken/migration.sql:2:1",
    );
    expect(error.why).toContain('column "age" of relation "users" already exists (SQLSTATE 42701)');
    expect(error.why).toContain("ALTER TABLE users ADD COLUMN age int");
    expect(error.why).toContain("the shared one was not touched");
    expect(error.fix).toContain("git checkout services/auth/migrations/3_broken/migration.sql");
    expect((await look("billing")).ledger).toHaveLength(1);
    workspace.remove("services/auth/migrations/3_broken");
    expect((await look()).ledger).toHaveLength(2);
  });

  test("names another service's table that is not there", async () => {
    workspace.writeMigration("auth", "3_broken", "-- depends-on: nobody/1_x\nSELECT 1;\n");
    expect((await failure(look())).message).toBe(
      "auth: 3_broken depends on nobody/1_x, which does not exist",
    );
  });
});

describe("where it is", () => {
  async function makeLogin(rights: string): Promise<string> {
    const name = `shadow_${Math.random().toString(36).slice(2)}`;
    await withClient(databaseUrl, (client) =>
      client.query(`CREATE ROLE ${name} LOGIN PASSWORD 'pw' ${rights}`),
    );
    const url = new URL(databaseUrl);
    url.username = name;
    url.password = "pw";
    return url.href;
  }

  test("beside the shared database, with no right but CREATEDB", async () => {
    databaseUrl = await makeLogin("CREATEDB");
    expect((await look()).ledger).toHaveLength(2);
    expect((await look()).ledger).toHaveLength(2);
  });

  test("without CREATEDB and without a server of its own, the error names the right and the other ways", async () => {
    databaseUrl = await makeLogin("NOCREATEDB");
    const error = await failure(withShadow(request(["auth"], { dbPort: await takenPort() }), async () => {}));
    expect(error.message).toBe("The shadow database, where histories are replayed, cannot be made");
    expect(error.why).toContain("lacks the right CREATEDB");
    expect(error.fix).toContain("SHADOW_DATABASE_URL");
    expect(error.why).not.toContain("pw@");
  });

  test("of another role's making is not taken", async () => {
    await look();
    databaseUrl = await makeLogin("CREATEDB");
    const error = await failure(withShadow(request(["auth"], { dbPort: await takenPort() }), async () => {}));
    expect(error.why).toContain("belongs to another role");
  });

  test("where SHADOW_DATABASE_URL says, which may be missing", async () => {
    const shadowDatabaseUrl = `${databaseUrl}_mine`;
    const nowhere = { databaseUrl: "postgresql://nobody@127.0.0.1:1/none", shadowDatabaseUrl };
    await withShadow(request(["auth"], nowhere), async ({ url, facts }) => {
      expect(url).toBe(shadowDatabaseUrl);
      expect(facts[0]?.ledger).toHaveLength(0);
    });
    const there = await withClient(shadowDatabaseUrl, (client) => client.query("SELECT * FROM auth.users"));
    expect(there.rows).toEqual([]);
  });

  test("never the shared database, however it is spelled", async () => {
    const aliased = databaseUrl.replace("127.0.0.1", "localhost");
    const other = databaseUrl.replace("127.0.0.1", "127.1");
    for (const shadowDatabaseUrl of [databaseUrl, aliased, other]) {
      const error = await failure(withShadow(request(["auth"], { shadowDatabaseUrl }), async () => {}));
      expect(error.message).toBe("SHADOW_DATABASE_URL names the shared database itself");
    }
    expect(Object.keys((await readCatalog(databaseUrl, ["auth", "schemata_shadow"])).schemas)).toEqual([]);
  });

  test("never a database that holds something and is not ours", async () => {
    const shadowDatabaseUrl = await createDatabase(await testServer());
    await withClient(shadowDatabaseUrl, (client) =>
      client.query("CREATE SCHEMA auth; CREATE TABLE auth.precious (x int)"),
    );
    const error = await failure(withShadow(request(["auth"], { shadowDatabaseUrl }), async () => {}));
    expect(error.message).toBe("the database in SHADOW_DATABASE_URL is not empty: it holds auth.precious");
    await withClient(shadowDatabaseUrl, (client) => client.query("SELECT * FROM auth.precious"));
  });

  test("roles that GRANTs name are made where the server is not the shared one", async () => {
    const role = `auth_app_${Math.random().toString(36).slice(2)}`;
    workspace.writeMigration("auth", "3_grant", `GRANT SELECT ON users TO ${role};\n`);
    expect((await failure(look())).fix).toContain("create the role");
    const apart = {
      databaseUrl: "postgresql://nobody@127.0.0.1:1/none",
      shadowDatabaseUrl: `${databaseUrl}_apart`,
    };
    await withShadow(request(["auth"], apart), async ({ client }) => {
      const { rows } = await client.query("SELECT rolcanlogin AS login FROM pg_roles WHERE rolname = $1", [
        role,
      ]);
      expect(rows).toEqual([{ login: false }]);
      await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    });
  });

  test("extensions that the shared database has from an administrator come along", async () => {
    await withClient(databaseUrl, (client) =>
      client.query("CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions"),
    );
    workspace.writeMigration("auth", "3_citext", "ALTER TABLE users ADD COLUMN email extensions.citext;\n");
    expect((await look()).columns).toContain("users.email");
  });
});

describe("hostile schema names", () => {
  test.each([
    'we"ird; DROP',
    "user",
    "Ünï cödé $1",
    "a".repeat(63),
    "with.dot",
    "back\\slash'quote",
    "public",
  ])("%j is replayed, revised and reversed", async (schema) => {
    workspace = makeWorkspace({ odd: { schema } });
    writeModels(
      workspace,
      "odd",
      `model Thing {\n  id Int @id\n  name String\n  @@schema(${JSON.stringify(schema)})\n}\n`,
    );
    const first = await reviseOdd();
    expect([first?.proven, first?.migration !== undefined]).toEqual([true, true]);
    writeModels(
      workspace,
      "odd",
      `model Thing {\n  id Int @id\n  age Int?\n  @@schema(${JSON.stringify(schema)})\n}\n`,
    );
    const second = await reviseOdd();
    expect(second?.sql.split("\n").filter((line) => !/^(\/\*|\*\/| |--|$)/.test(line))).toEqual([
      'ALTER TABLE "Thing" DROP COLUMN "name",',
      'ADD COLUMN     "age" INTEGER;',
    ]);
    expect([second?.proven, second?.down.includes(schema === "user" ? '"user".' : `${schema}".`)]).toEqual([
      true,
      false,
    ]);
    expect(await reviseOdd()).toBeUndefined();
  });

  async function reviseOdd() {
    const services = readServices(workspace.root);
    const [service] = services;
    if (!service) throw new Error("no service");
    const wanted: RevisionRequest = {
      ...{ settings: settings(), note: () => {}, signal: new AbortController().signal, services, service },
      ...{ renames: [], message: "change", confirm: async () => [] },
    };
    return reviseService(wanted);
  }
});

test("a database name of 63 bytes has a shadow of its own", async () => {
  databaseUrl = await createDatabase(
    await testServer(),
    `${"é".repeat(20)}${Math.random().toString(36).slice(2, 8)}${"x".repeat(17)}`,
  );
  expect((await look()).ledger).toHaveLength(2);
});

/** A port that something else than Postgres holds while the test runs. */
async function takenPort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  server.unref();
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
