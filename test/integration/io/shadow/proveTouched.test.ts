import type pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connect } from "../../../../scripts/io/postgres/connect.ts";
import { proveDown } from "../../../../scripts/io/shadow/prove.ts";
import { beginProof, watchSchema } from "../../../../scripts/io/shadow/proveTouched.ts";
import { inScratch } from "../../../../scripts/io/shadow/shadow.ts";
import { createDatabase, testServer } from "../../../support/postgres.ts";
import { MAJORS } from "../../../support/server.ts";

const SCHEMA = 'we"ird';
const SETUP = `
CREATE SCHEMA "we""ird"; SET search_path TO "we""ird";
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE DOMAIN plus AS int CHECK (VALUE > 0);
CREATE TABLE a (id serial PRIMARY KEY, name text DEFAULT 'x', mood mood, n plus);
CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a, note text);
CREATE INDEX a_name ON a (name);
CREATE INDEX b_note ON b (note);
CREATE VIEW glad AS SELECT id FROM a WHERE mood = 'glad';
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
COMMENT ON TABLE b IS 'b'; COMMENT ON INDEX b_note IS 'i';
CREATE TABLE with_trigger (id int); CREATE TRIGGER t BEFORE UPDATE ON with_trigger FOR EACH ROW EXECUTE FUNCTION f();
CREATE TABLE with_policy (id int); CREATE POLICY p ON with_policy;
CREATE TABLE with_rule (id int); CREATE RULE r AS ON DELETE TO with_rule DO INSTEAD NOTHING;
CREATE TABLE published (id int); CREATE PUBLICATION p FOR TABLE published;
CREATE TABLE counted (x int, y int); CREATE STATISTICS s ON x, y FROM counted;
INSERT INTO a (name) VALUES ('one'); INSERT INTO b VALUES (1, 1);
`;

let client: pg.Client;

async function open(major = 18): Promise<void> {
  client = await connect(await createDatabase(await testServer(major)), { pipeline: true });
  await client.query(SETUP);
}

/** What the quick proof and the whole one say, each in a transaction of its own. */
async function proveBoth(up: string, down: string) {
  const touched = await inScratch(client, async () => {
    const begun = await beginProof(client, watchSchema(client, SCHEMA), up);
    const proof = await begun.finish(down);
    // It leaves the transaction as it was.
    const { rows } = await client.query(`SELECT count(*)::int AS rows FROM "we""ird".b`);
    expect(rows).toEqual([{ rows: 1 }]);
    return proof;
  });
  const whole = await inScratch(client, () =>
    proveDown(client, { schema: SCHEMA, up, down, between: async () => {} }),
  );
  expect(touched.restored, JSON.stringify(whole.differences)).toBe(
    whole.failure === undefined && whole.differences.length === 0,
  );
  return touched;
}

afterEach(() => client?.end());

describe("says of up and down what the whole proof says", () => {
  beforeEach(() => open());

  test.each([
    ["a column", "ALTER TABLE a ADD x int", "ALTER TABLE a DROP x", ["a"]],
    ["a column that stays", "ALTER TABLE a ADD x int", "SELECT 1", ["a"]],
    [
      "a default that is another",
      "ALTER TABLE a ALTER name SET DEFAULT 'y'",
      "ALTER TABLE a ALTER name SET DEFAULT 'z'",
      ["a"],
    ],
    ["a table", "CREATE TABLE c (id serial, m mood)", "DROP TABLE c", ["c", "c_id_seq"]],
    ["a table that stays", "CREATE TABLE c (id int)", "SELECT 1", ["c"]],
    [
      "a table that is dropped and made anew",
      "DROP TABLE b",
      "CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a, note text); CREATE INDEX b_note ON b (note)",
      ["b"],
    ],
    ["an index", "DROP INDEX a_name", "CREATE INDEX a_name ON a (name)", ["a"]],
    ["an index over another column", "DROP INDEX a_name", "CREATE INDEX a_name ON a (mood)", ["a"]],
    [
      "a foreign key",
      "ALTER TABLE b DROP CONSTRAINT b_a_id_fkey",
      "ALTER TABLE b ADD FOREIGN KEY (a_id) REFERENCES a",
      ["b"],
    ],
    [
      "a foreign key with another rule",
      "ALTER TABLE b DROP CONSTRAINT b_a_id_fkey",
      "ALTER TABLE b ADD FOREIGN KEY (a_id) REFERENCES a ON DELETE CASCADE",
      ["b"],
    ],
    ["a value of an enum that stays", "ALTER TYPE mood ADD VALUE 'so'", "SELECT 1", ["mood"]],
    ["a type", "CREATE TYPE t AS ENUM ('x')", "DROP TYPE t", ["t"]],
    [
      "a sequence",
      "ALTER SEQUENCE a_id_seq INCREMENT 2",
      "ALTER SEQUENCE a_id_seq INCREMENT 1",
      ["a_id_seq"],
    ],
    ["rights that stay", "GRANT SELECT ON b TO PUBLIC", "SELECT 1", ["b"]],
    [
      "rights on a column",
      "GRANT SELECT (note) ON b TO PUBLIC",
      "REVOKE SELECT (note) ON b FROM PUBLIC",
      ["b"],
    ],
    ["a table's comment", "COMMENT ON TABLE b IS 'c'", "COMMENT ON TABLE b IS 'b'", ["b"]],
    ["a name that was another's", "ALTER TABLE a RENAME name TO x", "ALTER TABLE a RENAME x TO name", ["a"]],
    ["a table's name", "ALTER TABLE a RENAME TO z", "ALTER TABLE z RENAME TO a", ["a", "z"]],
    ["a view", "DROP VIEW glad", "CREATE VIEW glad AS SELECT id FROM a WHERE mood = 'glad'", ["glad"]],
    ["an index's comment", "DROP INDEX b_note", "CREATE INDEX b_note ON b (note)", ["b"]],
    ...["with_trigger", "with_policy", "with_rule"].map((table): [string, string, string, string[]] => [
      `a table ${table} that comes back without it`,
      `DROP TABLE ${table}`,
      `CREATE TABLE ${table} (id int)`,
      [table],
    ]),
    ["nothing", "SELECT 1", "SELECT 2", []],
  ])("%s", async (_, up, down, names) => {
    const { touched } = await proveBoth(up, down);
    expect(touched?.sort()).toEqual(names);
  });

  test.each([
    ["a published table", "DROP TABLE published", "CREATE TABLE published (id int)"],
    ["statistics", "DROP TABLE counted", "CREATE TABLE counted (x int, y int)"],
    ["the comment on a constraint", "COMMENT ON CONSTRAINT b_a_id_fkey ON b IS 'c'", "SELECT 1"],
  ])("%s, which belongs to no table", async (_, up, down) => {
    expect((await proveBoth(up, down)).touched).toBeUndefined();
  });

  test.each([
    [
      "down that writes what up has not",
      "ALTER TABLE a ADD x int",
      "ALTER TABLE a DROP x; DROP INDEX b_note",
      ["a"],
    ],
    ["down that fails", "ALTER TABLE a ADD x int", "ALTER TABLE a DROP y", ["a"]],
    ["down that cannot run in a transaction", "ALTER TABLE a ADD x int", "VACUUM a", ["a"]],
  ])("%s", async (_, up, down, names) => {
    const { restored, touched } = await proveBoth(up, down);
    expect(restored).toBe(false);
    expect(touched).toEqual(names);
  });

  test("tables before and after up, those that are touched alone", async () => {
    const { before, after } = await proveBoth(
      "ALTER TABLE a ADD x mood, DROP n; CREATE TABLE c (id int)",
      "SELECT 1",
    );
    expect([...before.keys()]).toEqual(["a"]);
    expect([...after.keys()]).toEqual(["a", "c"]);
    expect([...(after.get("a") ?? [])].at(-1)).toEqual(["x", { type: "mood", required: false }]);
  });

  test("a failure of up is thrown, and the transaction can be rolled back", async () => {
    const work = inScratch(client, async () => {
      const begun = await beginProof(client, watchSchema(client, SCHEMA), "ALTER TABLE nobody ADD x int");
      return begun.finish("SELECT 1");
    });
    await expect(work).rejects.toMatchObject({ code: "42P01" });
    expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });
});

test.each(MAJORS)("on PostgreSQL %i", async (major) => {
  await open(major);
  const kept = await proveBoth("ALTER TABLE a ADD x int", "ALTER TABLE a DROP x");
  expect(kept).toMatchObject({ restored: true, touched: ["a"] });
  const lost = await proveBoth("DROP INDEX a_name", "SELECT 1");
  expect(lost).toMatchObject({ restored: false, touched: ["a"] });
});
