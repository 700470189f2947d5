import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ALONE, SINCE, TRANSACTIONAL } from "../../support/blockStatements.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";

const REFUSED = ["25001", "2D000"];

const SETUP = `
  CREATE TABLE t (a int PRIMARY KEY);
  CREATE INDEX i ON t (a);
  CREATE TABLE p (a int) PARTITION BY RANGE (a);
  CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1);
  CREATE TYPE e AS ENUM ('a');
  CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
  CREATE UNIQUE INDEX mi ON m (a);
  CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; END $$;
  CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false);
`;

// Statements about the whole cluster name objects that do not exist: Postgres refuses the block before it looks.
describe.each([14, 18])("inside a transaction block of PostgreSQL %i", (major) => {
  let client: pg.Client;

  beforeAll(async () => {
    client = new pg.Client({ connectionString: await createDatabase(await testServer(major)) });
    await client.connect();
    await client.query(SETUP);
  });

  afterAll(async () => {
    await client.query("ALTER SUBSCRIPTION s SET (slot_name = NONE)");
    await client.query("DROP SUBSCRIPTION s");
    await client.end();
  });

  const known = (sql: string) => (SINCE.get(sql) ?? 0) <= major;

  test.each(ALONE.filter(known))("is refused: %s", async (sql) => {
    // A disabled subscription is refused for being that; enabled here, it never gets as far as connecting.
    const before = /^ALTER .* PUBLICATION/.test(sql) ? "ALTER SUBSCRIPTION s ENABLE" : "SELECT 1";
    expect(REFUSED).toContain(await sqlStateInBlock(sql, { before }));
    expect(REFUSED).toContain(await sqlStateInBlock(`${before}; ${sql}`, { block: "implicit" }));
  });

  test.each(TRANSACTIONAL.filter(known))("is not refused: %s", async (sql) => {
    expect(REFUSED).not.toContain(await sqlStateInBlock(sql));
  });

  async function sqlStateInBlock(
    sql: string,
    { block = "explicit", before = "" }: { block?: "explicit" | "implicit"; before?: string } = {},
  ) {
    if (block === "explicit") await client.query(`BEGIN; ${before}`);
    try {
      await client.query(sql);
      return undefined;
    } catch (error) {
      return (error as pg.DatabaseError).code;
    } finally {
      await client.query("ROLLBACK");
    }
  }
});

describe("a simple query of several statements", () => {
  test.each([
    ["INSERT INTO n VALUES (1); COMMIT; SELECT 1/0", "commits at an unpaired COMMIT", 1],
    [
      "INSERT INTO n VALUES (1); BEGIN; SELECT 1/0",
      "takes what stands before a BEGIN into its transaction",
      0,
    ],
    [
      "INSERT INTO n VALUES (1); BEGIN; INSERT INTO n VALUES (2); COMMIT; SELECT 1/0",
      "commits it with that transaction",
      2,
    ],
    ["INSERT INTO n VALUES (1); ROLLBACK; INSERT INTO n VALUES (2)", "undoes at an unpaired ROLLBACK", 1],
    ["BEGIN; INSERT INTO n VALUES (1)", "loses a transaction that is never closed", 0],
  ])("%j %s", async (sql, _, rows) => {
    const connectionString = await createDatabase(await testServer());
    const writer = new pg.Client({ connectionString });
    await writer.connect();
    await writer.query("CREATE TABLE n (a int)");
    await writer.query(sql).catch((error: pg.DatabaseError) => expect(error.code).toBe("22012"));
    await writer.end();
    const reader = new pg.Client({ connectionString });
    await reader.connect();
    expect((await reader.query("SELECT * FROM n")).rowCount).toBe(rows);
    await reader.end();
  });
});
