import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findLocks, type KnownTables } from "../../../scripts/core/lockLevels.ts";
import { type LOCK_MODES, strongest } from "../../../scripts/core/lockModes.ts";
import { parseSql } from "../../../scripts/io/parser.ts";
import { readKnownTables } from "../../../scripts/io/postgres/knownTables.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";

const SETUP = `
  CREATE SCHEMA app; SET search_path = app;
  CREATE TABLE parent (id integer PRIMARY KEY, name text CONSTRAINT named CHECK (name <> ''), note text);
  CREATE INDEX by_name ON parent (name);
  CREATE TABLE child (id integer PRIMARY KEY, parent_id integer CONSTRAINT child_parent REFERENCES parent, n integer, gen integer GENERATED ALWAYS AS (n + 1) STORED);
  ALTER TABLE child ADD CONSTRAINT small CHECK (n < 10) NOT VALID;
  ALTER TABLE child ADD CONSTRAINT later FOREIGN KEY (n) REFERENCES parent NOT VALID;
  CREATE TABLE lone (id integer, at date, kind text);
  CREATE UNIQUE INDEX lone_id ON lone (id);
  CREATE TABLE parts (id integer, at date) PARTITION BY RANGE (at);
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
  CREATE TABLE parts_2 (id integer, at date);
  CREATE TABLE heir () INHERITS (lone);
  CREATE TABLE other (id integer, at date, kind text);
  CREATE VIEW seen AS SELECT id, name FROM parent;
  CREATE MATERIALIZED VIEW kept AS SELECT id FROM parent;
  CREATE UNIQUE INDEX kept_id ON kept (id);
  CREATE SEQUENCE counter;
  CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER acted BEFORE INSERT ON lone FOR EACH ROW EXECUTE FUNCTION act();
  CREATE POLICY open ON lone USING (true);
  CREATE RULE quiet AS ON DELETE TO other DO INSTEAD NOTHING;
  CREATE TYPE mood AS ENUM ('good');
`;

/** What migrations do, one of each kind. */
const STATEMENTS = [
  "ALTER TABLE lone ADD COLUMN extra integer",
  "ALTER TABLE lone ADD COLUMN parent_id integer REFERENCES parent",
  "ALTER TABLE lone DROP COLUMN kind",
  "ALTER TABLE lone ALTER COLUMN kind TYPE varchar(20)",
  "ALTER TABLE lone ALTER COLUMN kind SET DEFAULT 'x'",
  "ALTER TABLE lone ALTER COLUMN id SET NOT NULL",
  "ALTER TABLE lone ALTER COLUMN id DROP NOT NULL",
  "ALTER TABLE child ALTER COLUMN gen DROP EXPRESSION",
  "ALTER TABLE lone ALTER COLUMN kind SET STATISTICS 500",
  "ALTER TABLE lone ALTER COLUMN kind SET (n_distinct = 5)",
  "ALTER TABLE lone ALTER COLUMN kind SET STORAGE EXTERNAL",
  "ALTER TABLE lone ADD CHECK (id > 0)",
  "ALTER TABLE lone ADD CHECK (id > 0) NOT VALID",
  "ALTER TABLE lone ADD UNIQUE (kind)",
  "ALTER TABLE lone ADD CONSTRAINT lone_key UNIQUE USING INDEX lone_id",
  "ALTER TABLE lone ADD PRIMARY KEY (id)",
  "ALTER TABLE lone ADD FOREIGN KEY (id) REFERENCES parent",
  "ALTER TABLE lone ADD FOREIGN KEY (id) REFERENCES parent NOT VALID",
  "ALTER TABLE child VALIDATE CONSTRAINT small",
  "ALTER TABLE child VALIDATE CONSTRAINT later",
  "ALTER TABLE child DROP CONSTRAINT small",
  "ALTER TABLE child DROP CONSTRAINT child_parent",
  "ALTER TABLE lone DISABLE TRIGGER acted",
  "ALTER TABLE lone ENABLE TRIGGER ALL",
  "ALTER TABLE lone ENABLE ROW LEVEL SECURITY",
  "ALTER TABLE lone SET (fillfactor = 80)",
  "ALTER TABLE lone SET (autovacuum_enabled = false)",
  "ALTER TABLE lone RESET (fillfactor)",
  "ALTER TABLE lone SET (user_catalog_table = true)",
  "ALTER TABLE lone REPLICA IDENTITY FULL",
  "ALTER TABLE lone CLUSTER ON lone_id",
  "ALTER TABLE lone OWNER TO CURRENT_USER",
  "ALTER TABLE lone SET UNLOGGED",
  "ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM ('2025-03-01') TO ('2025-04-01')",
  "ALTER TABLE parts DETACH PARTITION parts_1",
  "ALTER TABLE other INHERIT lone",
  "ALTER TABLE heir NO INHERIT lone",
  "ALTER TABLE lone SET (fillfactor = 80), ADD COLUMN extra integer",
  "ALTER TABLE lone RENAME TO single",
  "ALTER TABLE other RENAME COLUMN kind TO sort",
  "ALTER TABLE lone SET SCHEMA public",
  "ALTER INDEX by_name RENAME TO by_names",
  "ALTER INDEX by_name SET (fillfactor = 80)",
  "ALTER SEQUENCE counter INCREMENT 2",
  "ALTER VIEW seen RENAME TO shown",
  "ALTER TYPE mood ADD VALUE 'better'",
  "CREATE TABLE fresh (id integer PRIMARY KEY, parent_id integer REFERENCES parent)",
  "CREATE TABLE fresh (id integer, FOREIGN KEY (id) REFERENCES parent)",
  "CREATE TABLE fresh () INHERITS (lone)",
  "CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM ('2025-05-01') TO ('2025-06-01')",
  "CREATE TABLE fresh AS SELECT id FROM parent",
  "CREATE INDEX ON lone (kind)",
  "CREATE UNIQUE INDEX ON lone (kind)",
  "CREATE TRIGGER more AFTER INSERT ON lone FOR EACH ROW EXECUTE FUNCTION act()",
  "CREATE POLICY own ON lone USING (id = 1)",
  "ALTER POLICY open ON lone USING (false)",
  "CREATE RULE still AS ON UPDATE TO other DO INSTEAD NOTHING",
  "CREATE STATISTICS both_of (dependencies) ON id, kind FROM lone",
  "CREATE VIEW fresh AS SELECT id FROM lone",
  "CREATE OR REPLACE VIEW seen AS SELECT id, name, note FROM parent",
  "CREATE MATERIALIZED VIEW fresh AS SELECT id FROM lone",
  "COMMENT ON TABLE lone IS 'alone'",
  "COMMENT ON COLUMN lone.id IS 'the id'",
  "DROP TABLE other",
  "DROP TABLE child",
  "DROP VIEW seen",
  "DROP MATERIALIZED VIEW kept",
  "DROP SEQUENCE counter",
  "DROP INDEX by_name",
  "DROP TRIGGER acted ON lone",
  "DROP POLICY open ON lone",
  "DROP RULE quiet ON other",
  "TRUNCATE lone, other",
  "TRUNCATE ONLY lone",
  "LOCK TABLE other IN SHARE MODE",
  "LOCK TABLE ONLY lone",
  "REFRESH MATERIALIZED VIEW kept",
  "REFRESH MATERIALIZED VIEW CONCURRENTLY kept",
  "CLUSTER other USING other_by_id",
  "REINDEX TABLE other",
  "REINDEX INDEX by_name",
  "ANALYZE other",
  "INSERT INTO other VALUES (1)",
  "UPDATE other SET id = 2",
  "DELETE FROM parts_2 USING other",
  "MERGE INTO parts_2 USING parent ON parts_2.id = parent.id WHEN MATCHED THEN UPDATE SET id = 1",
  "SELECT * FROM lone",
];

/** These refuse a transaction, and wait for those that are open: meanwhile their locks can be read. */
const CONCURRENT = [
  "CREATE INDEX CONCURRENTLY ON other (kind)",
  "DROP INDEX CONCURRENTLY other_by_id",
  "REINDEX TABLE CONCURRENTLY other",
  "REINDEX INDEX CONCURRENTLY other_by_id",
];

const HELD = `
  SELECT c.relname AS table, c.relkind AS kind, upper(regexp_replace(replace(l.mode, 'Lock', ''), '([a-z])([A-Z])', '\\1 \\2', 'g')) AS mode
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
   WHERE l.pid = $1 AND l.locktype = 'relation' AND l.granted AND l.relation = ANY ($2)`;

interface Held {
  table: string;
  kind: string;
  mode: (typeof LOCK_MODES)[number];
}

describe.each([14, 18])("what statements lock, on PostgreSQL %i", (major) => {
  let worker: pg.Client;
  let observer: pg.Client;
  let before: number[];
  let known: KnownTables;

  beforeAll(async () => {
    const url = await createDatabase(await testServer(major));
    worker = new pg.Client({ connectionString: url });
    observer = new pg.Client({ connectionString: url });
    await Promise.all([worker.connect(), observer.connect()]);
    await worker.query(`${SETUP}; CREATE INDEX other_by_id ON other (id)`);
    known = await readKnownTables(worker, "app");
    const { rows } = await worker.query("SELECT oid FROM pg_class WHERE relnamespace = 'app'::regnamespace");
    before = rows.map(({ oid }) => oid);
  });
  afterAll(() => Promise.all([worker.end(), observer.end()]));

  test.each(STATEMENTS.filter((sql) => major >= 15 || !/^MERGE/.test(sql)))("%s", async (sql) => {
    await worker.query("BEGIN");
    try {
      await worker.query(sql);
      await expectAsFound(sql, await held());
    } finally {
      await worker.query("ROLLBACK");
    }
  });

  test.each(CONCURRENT)("%s", async (sql) => {
    await observer.query("BEGIN; INSERT INTO app.other VALUES (3)");
    const running = worker.query(sql);
    running.catch(() => {});
    let locks: Held[] = [];
    for (let left = 200; left > 0 && !locks.some(({ table }) => table === "other"); left -= 1) {
      await sleep(20);
      locks = await held();
    }
    await observer.query("ROLLBACK");
    await running;
    await expectAsFound(sql, locks);
    await worker.query("CREATE INDEX IF NOT EXISTS other_by_id ON other (id)");
  });

  async function held(): Promise<Held[]> {
    const pid = (worker as unknown as { processID: number }).processID;
    return (await observer.query<Held>(HELD, [pid, before])).rows;
  }

  async function expectAsFound(sql: string, locks: Held[]): Promise<void> {
    const parsed = await parseSql(sql);
    const node = parsed.ok ? parsed.statements[0]?.node : undefined;
    if (!node) throw new Error(`no statement: ${sql}`);
    const found = new Map(findLocks(node, known).map(({ table, mode }) => [table, mode]));
    const really = new Map<string, Held["mode"]>();
    for (const { table, kind, mode } of locks) {
      // Indexes go with their tables; only what names one is expected to say so.
      if (kind === "i" && !found.has(table)) continue;
      const most = strongest([mode, really.get(table) ?? mode]);
      if (most && most !== "ACCESS SHARE") really.set(table, most);
    }
    // Children are locked like their parents, and that is left out.
    for (const [child, parent] of [
      ["heir", "lone"],
      ["parts_1", "parts"],
    ] as const)
      if (!found.has(child) && really.get(child) === found.get(parent)) really.delete(child);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(really));
  }
});
