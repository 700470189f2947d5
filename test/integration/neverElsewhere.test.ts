import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { renderInitSql } from "../../scripts/core/initSql.ts";
import { ownerRole } from "../../scripts/core/roles.ts";
import { quoteIdent } from "../../scripts/core/sql.ts";
import { renderOpening, type SessionRules } from "../../scripts/core/transaction.ts";
import { readCatalog } from "../../scripts/io/postgres/catalog.ts";
import { connect } from "../../scripts/io/postgres/connect.ts";
import { withClient } from "../support/catalog.ts";
import { createDatabase, testServer } from "../support/postgres.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures/guard/neighbours");
const NEIGHBOURS = ["auth", "shop"];
const RUNS = Number(process.env.FUZZ_RUNS ?? 400);

let client: pg.Client;
let before: string;

const RULES: SessionRules = {
  schema: "billing",
  searchPathTail: [],
  role: ownerRole("billing"),
  applicationName: "schemata billing",
  lockWait: 5_000,
  lockTimeout: 1_000,
};

beforeAll(async () => {
  const url = new URL(await createDatabase(await testServer()));
  // Roles are the whole server's, which other tests use too.
  const login = `login_${url.pathname.slice(1)}`;
  await withClient(url.href, async (admin) => {
    const services = ["billing", ...NEIGHBOURS];
    await admin.query(renderInitSql(services.map((name) => ({ name, schema: name }))));
    await admin.query(`CREATE ROLE ${login} LOGIN PASSWORD 'x'; GRANT ${ownerRole("billing")} TO ${login}`);
    for (const schema of services) {
      const sql = readFileSync(join(FIXTURES, `${schema}.sql`), "utf8");
      await admin.query(
        `BEGIN; SET LOCAL search_path = ${schema}; SET LOCAL ROLE ${quoteIdent(ownerRole(schema))}; ${sql}; COMMIT`,
      );
    }
    // As a service with a foreign key to auth has it.
    await admin.query(
      `GRANT USAGE ON SCHEMA auth TO billing_owner; GRANT REFERENCES ON auth."User" TO billing_owner`,
    );
  });
  url.username = login;
  url.password = "x";
  client = await connect(url.href);
  before = await readNeighbours();
});
afterAll(() => client.end());

/** The neighbours' objects as the open transaction sees them, the rows that it has touched, and where tables lie. */
async function readNeighbours(): Promise<string> {
  const catalog = await readCatalog(client, [...NEIGHBOURS, "public"]);
  for (const facts of Object.values(catalog).flatMap((kind) => Object.values(kind))) {
    // A GRANT without effect writes out what everybody may anyway.
    if (/^\["=[UX]\/\w+","\w+=[UX]\/\w+"\]$/.test(JSON.stringify(facts.acl ?? null))) delete facts.acl;
  }
  // Of others' objects nobody but their roles decides; a role may have default privileges where it can make nothing.
  for (const key of Object.keys(catalog.defaultPrivileges)) {
    if (!/^(?:auth|shop)_owner /.test(key)) delete catalog.defaultPrivileges[key];
  }
  for (const key of Object.keys(catalog.casts)) if (key.includes("billing")) delete catalog.casts[key];
  const { rows } = await client.query(
    `SELECT (SELECT count(*) FROM pg_stat_xact_all_tables WHERE schemaname = ANY($1) AND n_tup_ins + n_tup_upd + n_tup_del > 0) AS written,
            (SELECT jsonb_agg(jsonb_build_array(relname, relfilenode, relowner) ORDER BY c.oid) FROM pg_class c
              WHERE relnamespace = ANY(SELECT oid FROM pg_namespace WHERE nspname = ANY($1))) AS files,
            (SELECT jsonb_agg(jsonb_build_array(nspname, nspowner, nspacl) ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'billing') AS schemas`,
    [NEIGHBOURS],
  );
  return JSON.stringify({ catalog, ...rows[0] });
}

const own = fc.constantFrom(
  "invoices",
  "customers",
  "jobs",
  "billing.invoices",
  "invoices_old",
  "open_invoices",
);
const theirs = fc.constantFrom('auth."User"', 'auth."Session"', "shop.orders", "shop.documents", "public.t");
const table = fc.oneof(own, theirs);
const schema = fc.constantFrom("auth", "shop", "public", "billing", "pg_catalog");
const role = fc.constantFrom(
  ...["auth_owner", "auth_app", "billing_owner", "billing_app", "PUBLIC", "CURRENT_USER", "SESSION_USER"],
);
const type = fc.constantFrom("int", "text", "auth.role_name", "auth.email", "invoice_state", "shop.price");
const routine = fc.constantFrom(
  ...["auth.delete_user(1)", "auth.hash('x')", "auth.normalise(name)", "run('DELETE FROM auth.\"User\"')"],
  ...["check_user(1)", "secret()", "shop.next_ticket()", "auth.new_id()"],
);
const relationPart = fc.constantFrom(
  "SELECT",
  "INSERT",
  "UPDATE",
  "DELETE",
  "TRUNCATE",
  "REFERENCES",
  "TRIGGER",
  "ALL",
);
const change = fc.constantFrom(
  ...[
    "ADD COLUMN extra int",
    "DROP COLUMN name",
    "RENAME TO other",
    "DISABLE TRIGGER ALL",
    "ENABLE ROW LEVEL SECURITY",
  ],
  ...[
    "OWNER TO billing_owner",
    "SET SCHEMA billing",
    "SET SCHEMA auth",
    "ADD UNIQUE (id)",
    "NO FORCE ROW LEVEL SECURITY",
  ],
  ...["REPLICA IDENTITY FULL", "SET (fillfactor = 50)", "ALTER COLUMN id SET DEFAULT 7", "SET UNLOGGED"],
);

/** Fills the blanks of a template, in their order. */
function fill(template: string, ...blanks: fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  return fc
    .tuple(...blanks)
    .map((values) => values.reduce((text, value) => text.replace("%", () => value), template));
}

/** Statements that try something with a neighbour, or with what is billing's own. */
const plain = fc.oneof(
  fill("ALTER TABLE % %", table, change),
  fill("DELETE FROM %", table),
  fill("UPDATE % SET id = id", table),
  fill("INSERT INTO % DEFAULT VALUES", table),
  fill("TRUNCATE % CASCADE", table),
  fill("DROP TABLE % CASCADE", table),
  fill("LOCK TABLE %", table),
  fill("CREATE INDEX ON % (id)", table),
  fill("CREATE TRIGGER spy AFTER INSERT ON % FOR EACH ROW EXECUTE FUNCTION note_change()", table),
  fill("CREATE TRIGGER audit BEFORE INSERT ON % FOR EACH ROW EXECUTE FUNCTION auth.audit()", table),
  fill("CREATE RULE copy AS ON INSERT TO % DO ALSO DELETE FROM %", table, table),
  fill("CREATE POLICY all_rows ON % USING (EXISTS (SELECT FROM %))", table, table),
  fill("CREATE VIEW seen AS SELECT * FROM %", table),
  fill("CREATE TABLE made (LIKE % INCLUDING ALL)", table),
  fill("CREATE TABLE made (id int, other int REFERENCES %, kind %)", table, type),
  fill("CREATE TABLE made () INHERITS (%)", table),
  fill("CREATE TABLE %.made (id int DEFAULT 1, kind %)", schema, type),
  fill("ALTER TABLE jobs ADD COLUMN u int REFERENCES % ON DELETE CASCADE", table),
  fill("ALTER TABLE jobs ADD COLUMN v text DEFAULT %", routine),
  fill("CREATE SEQUENCE numbers OWNED BY %.id", table),
  fill("COMMENT ON TABLE % IS 'x'", table),
  fill("GRANT % ON % TO % WITH GRANT OPTION", relationPart, table, role),
  fill("GRANT % ON % TO %", relationPart, table, role),
  fill("REVOKE % ON % FROM % CASCADE", relationPart, table, role),
  fill("GRANT ALL ON SCHEMA % TO %", schema, role),
  fill("GRANT ALL ON ALL TABLES IN SCHEMA % TO %", schema, role),
  fill("ALTER DEFAULT PRIVILEGES IN SCHEMA % GRANT ALL ON TABLES TO %", schema, role),
  fill("ALTER TABLE % OWNER TO %", table, role),
  fill("DROP OWNED BY %", role),
  fill("REASSIGN OWNED BY % TO %", role, role),
  fill("GRANT % TO %", role, role),
  fill("SET ROLE %", role),
  fill("SET LOCAL search_path = %, public", schema),
  fc.constantFrom(
    "RESET ROLE",
    "SET ROLE NONE",
    "RESET SESSION AUTHORIZATION",
    "SET SESSION AUTHORIZATION postgres",
  ),
  fill("DROP SCHEMA % CASCADE", schema),
  fill("ALTER SCHEMA % RENAME TO gone", schema),
  fill("SELECT %", routine),
  fill("DROP FUNCTION auth.hash(text), auth.% CASCADE", fc.constantFrom("audit()", "delete_user(int)")),
  fill("ALTER FUNCTION auth.hash(text) OWNER TO %", role),
  fill("CREATE OR REPLACE FUNCTION %.hash(text) RETURNS text LANGUAGE sql AS 'SELECT $1'", schema),
  fill("CREATE FUNCTION %.fresh() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'SELECT'", schema),
  fill("CREATE TYPE %.made AS (a %)", schema, type),
  fill("ALTER TYPE % OWNER TO %", type, role),
  fill("CREATE DOMAIN narrow AS %", type),
  fill("CREATE CAST (% AS invoice_state) WITH INOUT AS IMPLICIT", type),
  fill("CREATE OPERATOR %.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)", schema),
  fill("CREATE STATISTICS %.s ON id, name FROM %", schema, table),
  fill("SELECT setval('auth.\"User_id_seq\"', %)", fc.constantFrom("1", "1000")),
  fill("CREATE MATERIALIZED VIEW held AS SELECT * FROM %", table),
  fill("COPY % TO STDOUT", theirs),
  fill("VACUUM %", table),
);

/** The same, hidden in bodies and texts. */
const statement = fc.oneof(
  { weight: 5, arbitrary: plain },
  { weight: 1, arbitrary: plain.map((sql) => `DO $do$ BEGIN ${sql}; END $do$`) },
  { weight: 1, arbitrary: plain.map((sql) => `DO $do$ BEGIN EXECUTE $sql$ ${sql} $sql$; END $do$`) },
  {
    weight: 1,
    arbitrary: plain.map(
      (sql) =>
        `CREATE OR REPLACE FUNCTION later() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $f$ BEGIN ${sql}; RETURN NEW; END $f$;
         CREATE TRIGGER later BEFORE INSERT ON invoices_old FOR EACH ROW EXECUTE FUNCTION later(); INSERT INTO invoices_old VALUES (1)`,
    ),
  },
);

test("whatever runs as the owner role changes no other schema", { timeout: 300_000 }, async () => {
  let tried = 0;
  let done = 0;
  const property = fc.asyncProperty(fc.array(statement, { minLength: 1, maxLength: 5 }), async (script) => {
    for (const sql of renderOpening(RULES, { durable: false })) await client.query(sql);
    try {
      for (const sql of script) {
        tried++;
        // Each for itself, so that one that fails does not undo what the others have done.
        await client.query("SAVEPOINT one");
        const ran = await client.query(sql).then(
          () => true,
          () => false,
        );
        if (ran) done++;
        else await client.query("ROLLBACK TO one");
      }
      expect(await readNeighbours()).toBe(before);
    } finally {
      await client.query("ROLLBACK");
    }
  });
  await fc.assert(property, { numRuns: RUNS });
  // Else nothing would have been tried.
  expect(done).toBeGreaterThan(tried / 10);
});
