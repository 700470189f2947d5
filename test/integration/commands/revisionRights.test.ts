import { beforeEach, describe, expect, test } from "vitest";
import { withClient } from "../../support/catalog.ts";
import { createDatabase, startThrowawayServer, testServer } from "../../support/postgres.ts";
import { type Bench, listMigrations, readMigrationFile, runOn } from "../../support/revision.ts";
import { expectDecent } from "../../support/upgrade.ts";
import { makeWorkspace } from "../../support/workspace.ts";

const INIT = `CREATE TYPE kind AS ENUM ('A');
CREATE TABLE users (id serial NOT NULL, email text NOT NULL, kind kind, CONSTRAINT users_pkey PRIMARY KEY (id));
CREATE TABLE notes (id integer NOT NULL, CONSTRAINT notes_pkey PRIMARY KEY (id));
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE sql AS 'SELECT upper(t)';
`;
const MODELS = `model notes {
  id Int @id

  @@schema("auth")
}

model users {
  id    Int     @id @default(autoincrement())
  email String
  kind  kind?

  @@schema("auth")
}

enum kind {
  A

  @@schema("auth")
}
`;

let bench: Bench;

beforeEach(async () => {
  bench = {
    workspace: makeWorkspace({ auth: { models: MODELS, migrations: { "20250101000000_init": INIT } } }),
    databaseUrl: await makeDatabase(),
  };
  bench.workspace.write(
    "services/auth/migrations/20250101000000_init/down.sql",
    "DROP TABLE users, notes; DROP FUNCTION shout(text); DROP TYPE kind;\n",
  );
});

async function makeDatabase(): Promise<string> {
  return createDatabase(await testServer());
}

const run = (sql: string, url = bench.databaseUrl) =>
  withClient(url, (client) => client.query(`SET search_path = auth;\n${sql}`));
const as = (role: string, sql: string, url = bench.databaseUrl) => run(`SET ROLE ${role};\n${sql}`, url);

async function well(args: readonly string[], url = bench.databaseUrl): Promise<string> {
  const result = await runOn({ ...bench, databaseUrl: url }, args);
  expectDecent(result);
  expect(result.status, `${args.join(" ")}: ${result.stdout}${result.stderr}`).toBe(0);
  return result.stdout + result.stderr;
}

async function provisioned(url = bench.databaseUrl): Promise<void> {
  await well(["provision"], url);
  await well(["upgrade-head", "--require-roles"], url);
}

const takeOver = (...args: string[]) =>
  well(["revision", "--app", "auth", "--from-db", "-m", "by hand", ...args]);
const newest = () => listMigrations(bench.workspace, "auth").at(-1) ?? "";
const NOTHING = "auth: nothing was changed by hand, the database is what the migrations make";

/** Rights on all objects of the schema, in the order of their names. */
async function readAcls(url = bench.databaseUrl): Promise<unknown[]> {
  const list = (acl: string) => `(SELECT array_agg(a ORDER BY a)::text FROM unnest(${acl}::text[]) a)`;
  const { rows } = await run(
    `SELECT oid::regclass::text AS name, ${list("relacl")} AS acl FROM pg_class WHERE relnamespace = 'auth'::regnamespace AND relkind IN ('r', 'v', 'S') AND relname <> '_prisma_migrations'
     UNION ALL SELECT oid::regprocedure::text, ${list("coalesce(proacl, acldefault('f', proowner))")} FROM pg_proc WHERE pronamespace = 'auth'::regnamespace
     UNION ALL SELECT oid::regtype::text, ${list("coalesce(typacl, acldefault('T', typowner))")} FROM pg_type WHERE typnamespace = 'auth'::regnamespace AND typtype = 'e'
     UNION ALL SELECT attrelid::regclass || ' ' || attname, ${list("attacl")} FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid::regclass::text IN ('users', 'notes', 'more')
     ORDER BY 1`,
    url,
  ).then((results) => (Array.isArray(results) ? results.at(-1) : results));
  return rows;
}

describe("what the service's program and everybody may do", () => {
  const BY_HAND = `REVOKE DELETE ON notes FROM auth_app; REVOKE SELECT, UPDATE ON users FROM auth_app;
    GRANT SELECT (id, email), UPDATE (email) ON users TO auth_app; GRANT TRUNCATE ON notes TO auth_app;
    REVOKE UPDATE ON SEQUENCE users_id_seq FROM auth_app; REVOKE USAGE ON TYPE kind FROM PUBLIC; GRANT USAGE ON TYPE kind TO auth_app;
    REVOKE EXECUTE ON FUNCTION shout(text) FROM PUBLIC; GRANT EXECUTE ON FUNCTION shout(text) TO auth_app;`;

  test("goes into the migration, which the guard lets pass, and comes out of it again", {
    timeout: 120_000,
  }, async () => {
    await provisioned();
    expect(await takeOver()).toContain(NOTHING);
    const before = await readAcls();
    await as("auth_owner", BY_HAND);
    const byHand = await readAcls();
    expect(byHand).not.toEqual(before);
    const said = await takeOver("--stamp");
    expect(said).not.toContain("Warning");
    expect(readMigrationFile(bench.workspace, "auth", newest())).toMatchInlineSnapshot(`
      "REVOKE USAGE ON TYPE kind FROM PUBLIC;
      REVOKE EXECUTE ON ROUTINE shout(text) FROM PUBLIC;

      DO $$
      BEGIN
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'auth_app') THEN
          REVOKE DELETE ON TABLE notes FROM "auth_app";
          REVOKE SELECT, UPDATE ON TABLE users FROM "auth_app";
          REVOKE UPDATE ON SEQUENCE users_id_seq FROM "auth_app";
          GRANT USAGE ON TYPE kind TO "auth_app";
          GRANT TRUNCATE ON TABLE notes TO "auth_app";
          GRANT SELECT (email), UPDATE (email), SELECT (id) ON TABLE users TO "auth_app";
          GRANT EXECUTE ON ROUTINE shout(text) TO "auth_app";
        END IF;
      END $$;
      "
    `);
    expect(readMigrationFile(bench.workspace, "auth", newest(), "down.sql")).toMatch(/\n-- proven: /);
    // Elsewhere, too, and back; where there are no roles, nothing of the program's happens.
    const [other, plain] = [await makeDatabase(), await makeDatabase()];
    await provisioned(other);
    expect(await readAcls(other)).toEqual(byHand);
    await well(["upgrade-head"], plain);
    expect(await takeOver()).toContain(NOTHING);
    for (const url of [bench.databaseUrl, other, plain]) {
      expect(await well(["check"], url)).toContain("no findings");
    }
    // What was taken back stays so.
    await well(["provision"], other);
    expect(await readAcls(other)).toEqual(byHand);
    await well(["downgrade", "--app", "auth", "-1", "--yes"], other);
    expect(await readAcls(other)).toEqual(before);
  });

  test("comes after what else was changed, and goes before it", { timeout: 120_000 }, async () => {
    await provisioned();
    const before = await readAcls();
    await as(
      "auth_owner",
      "CREATE TABLE more (id integer PRIMARY KEY); REVOKE INSERT, UPDATE, DELETE ON more FROM auth_app; ALTER TABLE notes ADD COLUMN n text; REVOKE DELETE ON notes FROM auth_app",
    );
    const byHand = await readAcls();
    await takeOver("--stamp");
    const other = await makeDatabase();
    await provisioned(other);
    expect(await readAcls(other)).toEqual(byHand);
    await well(["downgrade", "--app", "auth", "-1", "--yes"], other);
    expect(await readAcls(other)).toEqual(before);
    expect(await takeOver()).toContain(NOTHING);
  });
});

describe("what no migration can say", () => {
  test("of other roles and of everybody: named with the statements, though nothing else was changed", async () => {
    await provisioned();
    const reader = `reader_${Date.now()}`;
    await run(`CREATE ROLE ${reader}`);
    try {
      await as(
        "auth_owner",
        `GRANT SELECT, DELETE ON notes TO ${reader}; GRANT SELECT (id) ON users TO ${reader}; GRANT SELECT ON users TO PUBLIC`,
      );
      const said = await takeOver();
      expect(said).toContain(
        `Warning: auth: rights of ${reader} are not in the migration, since other databases may not have these roles; where they are wanted: SET search_path = "auth"; GRANT DELETE, SELECT ON TABLE notes TO "${reader}"; GRANT SELECT (id) ON TABLE users TO "${reader}";`,
      );
      expect(said).toContain('SET search_path = "auth"; GRANT SELECT ON TABLE users TO PUBLIC;');
      expect(said).toContain("auth: nothing else was changed by hand");
      expect(listMigrations(bench.workspace, "auth")).toEqual(["20250101000000_init"]);
    } finally {
      await run(`DROP OWNED BY ${reader}; DROP ROLE ${reader}`);
    }
  });

  test("of owners: what the login has made is not taken for something to revoke, and provision mends it", async () => {
    await provisioned();
    await run("CREATE TABLE more (id integer PRIMARY KEY); ALTER TABLE notes OWNER TO postgres");
    const said = await takeOver("--stamp");
    expect(said).toContain(
      'Warning: auth: more and 1 more belong to "postgres" in this database, not to "auth_owner" as elsewhere, so that the next migration of auth could not change them: make provision hands them over',
    );
    expect(readMigrationFile(bench.workspace, "auth", newest())).not.toMatch(/GRANT|REVOKE/);
    await well(["provision"]);
    expect(await takeOver()).toContain(NOTHING);
    const other = await makeDatabase();
    await provisioned(other);
    expect(await readAcls(other)).toEqual(await readAcls());
  });

  test("of a program whose role the shadow database's server has not", { timeout: 120_000 }, async () => {
    await provisioned();
    await as(
      "auth_owner",
      "REVOKE DELETE ON notes FROM auth_app; REVOKE EXECUTE ON FUNCTION shout(text) FROM PUBLIC",
    );
    const server = await startThrowawayServer();
    try {
      const env = { SHADOW_DATABASE_URL: await createDatabase(server.url) };
      const result = await runOn(bench, ["revision", "--app", "auth", "--from-db", "-m", "x"], { env });
      expect(result.status, result.stderr).toBe(0);
      expect(result.stderr).toContain(
        'rights of auth_app are not in the migration, since the shadow database could not prove them; where they are wanted: SET search_path = "auth"; REVOKE DELETE ON TABLE notes FROM "auth_app";',
      );
      expect(readMigrationFile(bench.workspace, "auth", newest())).toBe(
        "REVOKE EXECUTE ON ROUTINE shout(text) FROM PUBLIC;\n",
      );
    } finally {
      await server.stop("immediate");
    }
  });
});
