/** A short history that goes its own way; the case's name is the service's and its schema's. */
export interface UnusualCase {
  migrations: Readonly<Record<string, string | Buffer>>;
  /** What stock Prisma says when it fails. Absent: it applies all. */
  stockFails?: RegExp;
  /**
   * What we do. `same`: catalog, rows and ledger as stock leaves them. A query: we apply all, and it then yields true.
   * `{refuses}`: we say this on standard error, and the last migration leaves nothing, not even a ledger row.
   */
  ours: "same" | { proof: string } | { refuses: RegExp };
}

const A = "CREATE TABLE a (id integer, n integer);\n";
const ONE = "20250101000000_one";
const TWO = "20250102000000_two";

/** A proof that the tables of these names stand in the schema that comes first in the search path. */
const tablesHere = (...names: string[]) => ({
  proof: `SELECT array_agg(relname::text ORDER BY relname) = '{${names.join(",")}}' AS it FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname <> '_prisma_migrations'`,
});

/** Transactions, sessions and encodings at their edges, with what stock Prisma does of each (tried on 7.10). */
export const UNUSUAL: Readonly<Record<string, UnusualCase>> = {
  // Own transactions
  begin_whole: { migrations: { [ONE]: `-- c;\nBEGIN;\n${A}COMMIT;\n-- done;\n` }, ours: "same" },
  begin_isolation: {
    migrations: { [ONE]: `start transaction isolation level serializable;\n${A}end work` },
    ours: "same",
  },
  begin_middle: {
    migrations: { [ONE]: `${A}BEGIN;\nINSERT INTO a VALUES (1);\nCOMMIT;\nINSERT INTO a VALUES (2);` },
    ours: "same",
  },
  begin_twice: {
    migrations: { [ONE]: `BEGIN; ${A} COMMIT; BEGIN; INSERT INTO a VALUES (1); COMMIT;` },
    ours: "same",
  },
  commit_alone: { migrations: { [ONE]: `${A}COMMIT;`, [TWO]: "CREATE TABLE b ();" }, ours: "same" },
  rollback_within: { migrations: { [ONE]: `${A}ROLLBACK;`, [TWO]: "CREATE TABLE b ();" }, ours: "same" },
  begin_rollback: {
    migrations: { [ONE]: `BEGIN; ${A} ROLLBACK;`, [TWO]: "CREATE TABLE b ();" },
    ours: "same",
  },
  commit_then_enum: {
    migrations: {
      [ONE]: "CREATE TYPE e AS ENUM ('x');",
      [TWO]: "ALTER TYPE e ADD VALUE 'y'; COMMIT; CREATE TABLE a (e e DEFAULT 'y');",
    },
    ours: "same",
  },
  // Stock ends with success here, and with nothing in the database: the transaction ends with the connection.
  begin_open: {
    migrations: { [ONE]: A, [TWO]: "BEGIN;\nCREATE TABLE b ();" },
    ours: { refuses: /BEGIN|COMMIT/ },
  },
  savepoint: {
    migrations: {
      [ONE]: `${A}SAVEPOINT s; INSERT INTO a VALUES (1); ROLLBACK TO s; INSERT INTO a VALUES (2);`,
    },
    stockFails: /SAVEPOINT can only be used in transaction blocks/,
    ours: { proof: "SELECT array_agg(id) = '{2}' AS it FROM a" },
  },
  procedure_commits: {
    migrations: {
      [ONE]: `${A}CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO a VALUES (1); COMMIT; INSERT INTO a VALUES (2); END $$;`,
      [TWO]: "CALL p()",
    },
    ours: "same",
  },
  do_commits: {
    migrations: {
      [ONE]: A,
      [TWO]: "DO $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO a VALUES (i); COMMIT; END LOOP; END $$;",
    },
    ours: "same",
  },

  // Outside transactions only
  concurrently_comments: {
    migrations: { [ONE]: A, [TWO]: "-- x;\nCREATE INDEX CONCURRENTLY a_id ON a (id);\n;\n-- y\n" },
    ours: "same",
  },
  concurrently_among: {
    migrations: {
      [ONE]: A,
      [TWO]:
        "ALTER TABLE a ADD COLUMN m integer;\nCREATE INDEX CONCURRENTLY a_id ON a (id);\nCREATE UNIQUE INDEX CONCURRENTLY a_n ON a (n);\nCREATE TABLE b ();",
    },
    stockFails: /CREATE INDEX CONCURRENTLY cannot run inside a transaction block/,
    ours: {
      proof: `SELECT array_agg(indexrelid::regclass::text ORDER BY 1) = '{a_id,a_n}' AND bool_and(indisvalid) AND to_regclass('b') IS NOT NULL
        AS it FROM pg_index WHERE indrelid = 'a'::regclass`,
    },
  },
  drop_and_reindex: {
    migrations: { [ONE]: `${A}CREATE INDEX a_id ON a (id);`, [TWO]: "REINDEX INDEX CONCURRENTLY a_id" },
    ours: "same",
  },
  detach_concurrently: {
    migrations: {
      [ONE]:
        "CREATE TABLE a (id integer) PARTITION BY LIST (id); CREATE TABLE b PARTITION OF a FOR VALUES IN (1);",
      [TWO]: "ALTER TABLE a DETACH PARTITION b CONCURRENTLY;",
    },
    ours: "same",
  },
  vacuum_alone: { migrations: { [ONE]: A, [TWO]: "VACUUM (ANALYZE) a" }, ours: "same" },
  vacuum_among: {
    migrations: { [ONE]: A, [TWO]: "INSERT INTO a VALUES (1); VACUUM a; INSERT INTO a VALUES (2);" },
    stockFails: /VACUUM cannot run inside a transaction block/,
    ours: { proof: "SELECT array_agg(id ORDER BY id) = '{1,2}' AS it FROM a" },
  },
  discard_all: {
    migrations: { [ONE]: "DISCARD ALL", [TWO]: A },
    ours: "same",
  },
  unlock_all: { migrations: { [ONE]: "SELECT pg_advisory_unlock_all();", [TWO]: A }, ours: "same" },

  // What one script would leave to the next. Our door pins the search path anew after every script; an engine for
  // which nobody does so loses its ledger (P1014) over the first two, and over DISCARD ALL.
  leak_search_path: {
    migrations: { [ONE]: "CREATE SCHEMA beside; SET search_path = beside; CREATE TABLE b ();", [TWO]: A },
    ours: "same",
  },
  leak_set_config: {
    migrations: { [ONE]: "SELECT pg_catalog.set_config('search_path', '', false);", [TWO]: A },
    ours: "same",
  },
  leak_role: {
    migrations: { [ONE]: "SET ROLE pg_monitor;", [TWO]: A },
    stockFails: /P1014/,
    ours: { proof: "SELECT relowner = 'postgres'::regrole AS it FROM pg_class WHERE oid = 'a'::regclass" },
  },
  leak_authorization: {
    migrations: { [ONE]: "SET SESSION AUTHORIZATION pg_monitor;", [TWO]: A },
    stockFails: /P1014/,
    ours: { proof: "SELECT relowner = 'postgres'::regrole AS it FROM pg_class WHERE oid = 'a'::regclass" },
  },
  leak_read_only: {
    migrations: { [ONE]: "SET default_transaction_read_only = on;", [TWO]: A },
    stockFails: /read-only transaction/,
    ours: tablesHere("a"),
  },
  leak_isolation: {
    migrations: {
      [ONE]: "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
      [TWO]: A,
    },
    ours: "same",
  },
  leak_timeout: {
    migrations: { [ONE]: "SET statement_timeout = '100ms';", [TWO]: `SELECT pg_sleep(0.3); ${A}` },
    stockFails: /canceling statement due to statement timeout/,
    ours: tablesHere("a"),
  },
  leak_temporary_table: {
    migrations: { [ONE]: "CREATE TEMP TABLE t ();", [TWO]: `CREATE TEMP TABLE t (); ${A}` },
    stockFails: /relation "t" already exists/,
    ours: tablesHere("a"),
  },
  leak_prepared: {
    migrations: { [ONE]: "PREPARE p AS SELECT 1;", [TWO]: `PREPARE p AS SELECT 1; ${A}` },
    stockFails: /prepared statement "p" already exists/,
    ours: tablesHere("a"),
  },
  // The server decodes a whole message before it runs any of it: a leak at one message's end would spoil the next.
  leak_encoding: {
    migrations: {
      ...Object.fromEntries(
        Array.from({ length: 60 }, (_, n) => [
          `20250102${n + 100}000_setting`,
          "SET client_encoding = 'LATIN1';",
        ]),
      ),
      "20250103000000_name": 'CREATE TABLE "größe_名前" ();',
    },
    ours: tablesHere('"größe_名前"'),
  },

  // Bytes
  byte_order_mark: {
    migrations: { [ONE]: `\uFEFF${A}`, [TWO]: "\uFEFF-- nothing;\n" },
    stockFails: /syntax error at or near/,
    ours: tablesHere("a"),
  },
  carriage_returns: { migrations: { [ONE]: "-- x\rCREATE TABLE a (id integer);\r" }, ours: "same" },
  // Stock replaces what is no UTF-8 by a replacement character, in the database as well.
  latin_1: {
    migrations: { [ONE]: Buffer.from("CREATE TABLE b (id text DEFAULT 'caf\xe9');", "latin1") },
    ours: { refuses: /is not UTF-8/ },
  },
  utf_16: {
    migrations: { [ONE]: A, [TWO]: Buffer.from("\uFEFFCREATE TABLE b ();", "utf16le") },
    stockFails: /invalid message format/,
    ours: { refuses: /20250102000000_two/ },
  },
  zero_byte: {
    migrations: { [ONE]: A, [TWO]: "CREATE TABLE b ();\n-- \0\nCREATE TABLE c ();" },
    stockFails: /invalid message format/,
    ours: { refuses: /20250102000000_two/ },
  },

  // Mistakes
  enum_used_at_once: {
    migrations: {
      [ONE]: "CREATE TYPE e AS ENUM ('x');",
      [TWO]: "ALTER TYPE e ADD VALUE 'y';\nCREATE TABLE a (e e DEFAULT 'y');",
    },
    stockFails: /unsafe use of new value "y" of enum type e/,
    ours: { refuses: /55P04/ },
  },
  copy_from_stdin: {
    migrations: { [ONE]: A, [TWO]: "COPY a FROM stdin;\n1\t2\n\\.\n" },
    stockFails: /syntax error at or near "1"/,
    ours: { refuses: /20250102000000_two\/migration\.sql:2:1/ },
  },
  copy_alone: {
    migrations: { [ONE]: A, [TWO]: "COPY a FROM stdin;\n" },
    stockFails: /No source stream defined|COPY from stdin failed/,
    ours: { refuses: /20250102000000_two/ },
  },
  psql_command: {
    migrations: { [ONE]: A, [TWO]: "CREATE TABLE b ();\n\\connect other\nCREATE TABLE c ();" },
    stockFails: /syntax error at or near "\\"/,
    ours: { refuses: /20250102000000_two\/migration\.sql:2:1/ },
  },
  open_quote: {
    migrations: { [ONE]: A, [TWO]: "CREATE TABLE b ();\nINSERT INTO a VALUES ('1);\n" },
    stockFails: /unterminated quoted string/,
    ours: { refuses: /20250102000000_two\/migration\.sql:2/ },
  },
  open_comment: {
    migrations: { [ONE]: A, [TWO]: "CREATE TABLE b ();\n/* open" },
    stockFails: /unterminated \/\* comment/,
    ours: { refuses: /20250102000000_two\/migration\.sql:2/ },
  },
  open_dollar: {
    migrations: { [ONE]: A, [TWO]: "CREATE TABLE b ();\nDO $x$ BEGIN END;" },
    stockFails: /unterminated dollar-quoted string/,
    ours: { refuses: /20250102000000_two\/migration\.sql:2/ },
  },
  fails_late: {
    migrations: { [ONE]: A, [TWO]: "CREATE TABLE b ();\nINSERT INTO a VALUES (1);\nSELECT 1 / 0;" },
    stockFails: /division by zero/,
    ours: { refuses: /22012/ },
  },
  fails_at_commit: {
    migrations: {
      [ONE]:
        "CREATE TABLE a (id integer PRIMARY KEY); CREATE TABLE c (a integer REFERENCES a DEFERRABLE INITIALLY DEFERRED);",
      [TWO]: "CREATE TABLE b ();\nINSERT INTO c VALUES (1);",
    },
    stockFails: /[Ff]oreign key constraint/,
    ours: { refuses: /23503/ },
  },
};
