/** A migration with its way back. */
interface Crossing {
  up: string;
  down: string;
}

/**
 * A history of what splitters of SQL, transactions and ledgers stumble over, each on what was before it, and all of it
 * within what stock Prisma applies. After each of them and its reversal the database is where it was.
 */
export const CROSSING: Readonly<Record<string, Crossing>> = {
  "20250101000000_comments": {
    up: "-- a; b\n/* c; /* nested; */ 'd */\nCREATE TABLE a (id integer PRIMARY KEY, n integer, t text DEFAULT ';--');\n;\nINSERT INTO a VALUES (1, 2, '/*');\n-- end;",
    down: "DROP TABLE a;",
  },
  "20250102000000_concurrently": {
    up: "-- alone;\nCREATE INDEX CONCURRENTLY a_n ON a (n);\n",
    down: "DROP INDEX CONCURRENTLY a_n;",
  },
  "20250103000000_own_transaction": {
    up: "BEGIN;\nCREATE TABLE b (a integer REFERENCES a);\nINSERT INTO b VALUES (1);\nCOMMIT;\n",
    down: "BEGIN; DROP TABLE b; COMMIT;",
  },
  "20250104000000_two_transactions": {
    up: "CREATE TABLE c (id integer);\nCOMMIT;\nINSERT INTO c VALUES (1);\nBEGIN; INSERT INTO c VALUES (2); ROLLBACK;\nINSERT INTO c VALUES (3);",
    down: "DROP TABLE c;",
  },
  "20250105000000_enum": {
    up: "CREATE TYPE mood AS ENUM ('ok;', 'sad');\nCREATE TABLE d (mood mood);",
    down: "DROP TABLE d; DROP TYPE mood;",
  },
  "20250106000000_enum_value": {
    up: "ALTER TYPE mood ADD VALUE 'happy' BEFORE 'sad';",
    down: "ALTER TYPE mood RENAME TO former; CREATE TYPE mood AS ENUM ('ok;', 'sad');\nALTER TABLE d ALTER mood TYPE mood USING mood::text::mood; DROP TYPE former;",
  },
  "20250107000000_enum_value_used": {
    up: "ALTER TYPE mood ADD VALUE 'glad';\nCOMMIT;\nALTER TABLE d ALTER mood SET DEFAULT 'glad';\nINSERT INTO d DEFAULT VALUES;",
    down: "DELETE FROM d; ALTER TABLE d ALTER mood DROP DEFAULT;\nALTER TYPE mood RENAME TO former; CREATE TYPE mood AS ENUM ('ok;', 'happy', 'sad');\nALTER TABLE d ALTER mood TYPE mood USING mood::text::mood; DROP TYPE former;",
  },
  "20250108000000_functions": {
    up: `CREATE FUNCTION f(x integer) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
  -- it's; $$
  IF x > 1 THEN RETURN 'a;b'; END IF;
  RETURN E'\\';' || $$;$$;
END;
$f$;
CREATE FUNCTION g() RETURNS integer BEGIN ATOMIC SELECT 1; SELECT 2; END;
CREATE FUNCTION h() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.t := f(NEW.n); RETURN NEW; END';
CREATE TRIGGER touched BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION h();
INSERT INTO a (id, n) VALUES (g(), 5) ON CONFLICT (id) DO NOTHING;
INSERT INTO a (id, n) VALUES (3, 1);`,
    down: "DELETE FROM a WHERE id > 1; DROP TRIGGER touched ON a; DROP FUNCTION h(); DROP FUNCTION g(); DROP FUNCTION f(integer);",
  },
  "20250109000000_remarks": {
    up: "COMMENT ON TABLE a IS 'it''s; \"here\"';\nCOMMENT ON COLUMN a.n IS E'line\\nbreak;';\nCOMMENT ON TYPE mood IS $c$a 'mood';$c$;",
    down: "COMMENT ON TABLE a IS NULL; COMMENT ON COLUMN a.n IS NULL; COMMENT ON TYPE mood IS NULL;",
  },
  "20250110000000_extension": {
    up: "CREATE EXTENSION citext;\nCREATE TABLE e (mail citext);",
    down: "DROP TABLE e; DROP EXTENSION citext;",
  },
  "20250111000000_views": {
    up: "CREATE VIEW v AS SELECT id, n FROM a WHERE t <> ';';\nCREATE MATERIALIZED VIEW m AS SELECT * FROM v;\nCREATE UNIQUE INDEX m_id ON m (id);",
    down: "DROP MATERIALIZED VIEW m; DROP VIEW v;",
  },
  "20250112000000_views_anew": {
    up: "CREATE OR REPLACE VIEW v AS SELECT id, n, t FROM a;\nREFRESH MATERIALIZED VIEW CONCURRENTLY m;\nCREATE RULE r AS ON DELETE TO v DO INSTEAD (DELETE FROM a WHERE id = OLD.id; DELETE FROM c);",
    down: "DROP MATERIALIZED VIEW m; DROP VIEW v;\nCREATE VIEW v AS SELECT id, n FROM a WHERE t <> ';';\nCREATE MATERIALIZED VIEW m AS SELECT * FROM v;\nCREATE UNIQUE INDEX m_id ON m (id);",
  },
  "20250113000000_blocks": {
    up: "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO c VALUES (7); COMMIT; INSERT INTO c VALUES (8); END $$;",
    down: "DROP PROCEDURE p();",
  },
  "20250114000000_commits_within": { up: "CALL p()", down: "DELETE FROM c WHERE id IN (7, 8);" },
  "20250115000000_partitions": {
    up: "CREATE TABLE s (id integer) PARTITION BY LIST (id); CREATE TABLE s1 PARTITION OF s FOR VALUES IN (1);",
    down: "DROP TABLE s;",
  },
  "20250116000000_detached": {
    up: "ALTER TABLE s DETACH PARTITION s1 CONCURRENTLY;",
    down: "ALTER TABLE s1 DROP CONSTRAINT s1_id_check; ALTER TABLE s ATTACH PARTITION s1 FOR VALUES IN (1);",
  },
  "20250117000000_nothing": { up: "-- nothing;\n", down: "SELECT 1;" },
};
