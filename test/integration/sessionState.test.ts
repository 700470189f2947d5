import { beforeAll, describe, expect, test } from "vitest";
import { withClient } from "../support/catalog.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { type UpgradeRun, upgrade } from "../support/upgrade.ts";
import { makeWorkspace } from "../support/workspace.ts";

/** Fails, with what it found, unless the session is as new: run as a migration of its own. */
const CLEAN = `DO $$
DECLARE
  wrong text;
BEGIN
  SELECT string_agg(name || ' = ' || setting, ', ') INTO wrong FROM pg_settings
   WHERE source = 'session' AND name NOT IN ('application_name', 'search_path', 'synchronous_commit', 'lock_timeout', 'transaction_isolation', 'transaction_read_only', 'transaction_deferrable', 'client_encoding', 'DateStyle', 'TimeZone', 'IntervalStyle');
  IF wrong IS NOT NULL THEN RAISE 'settings: %', wrong; END IF;
  IF current_schemas(false) <> ARRAY[TG] THEN RAISE 'search path: %', current_schemas(false); END IF;
  IF current_user <> 'postgres' OR session_user <> 'postgres' THEN RAISE 'role: % of %', current_user, session_user; END IF;
  IF current_setting('transaction_isolation') <> 'read committed' OR current_setting('transaction_read_only') <> 'off' THEN RAISE 'transaction'; END IF;
  IF current_setting('client_encoding') <> 'UTF8' OR 'ä' <> U&'\\00E4' THEN RAISE 'encoding'; END IF;
  IF current_setting('synchronous_commit') <> 'off' THEN RAISE 'synchronous_commit'; END IF;
  IF current_setting('lock_timeout') <> '2s' THEN RAISE 'lock_timeout: %', current_setting('lock_timeout'); END IF;
  IF current_setting('my.setting', true) <> '' THEN RAISE 'custom setting'; END IF;
  IF EXISTS (SELECT FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema()) THEN RAISE 'temporary table'; END IF;
  IF EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objid IN (4711, 4712)) THEN RAISE 'advisory lock'; END IF;
END $$;
PREPARE leaked AS SELECT 1;
DECLARE kept CURSOR WITH HOLD FOR SELECT 1;
CREATE TABLE "Clean" (path text DEFAULT 'C:\\new');`;

/** What a script may do to its session; the first word of each name says to what. */
const LEAKS: Record<string, string> = {
  path: "SET search_path = pg_catalog",
  path_config: "SELECT pg_catalog.set_config('search_path', '', false)",
  role: "SET ROLE pg_monitor",
  role_config: "SELECT set_config('role', 'pg_monitor', false)",
  authorization: "SET SESSION AUTHORIZATION pg_monitor",
  timeout: "SET statement_timeout = '20ms'; SET lock_timeout = '1ms'",
  timeout_idle: "SET idle_in_transaction_session_timeout = '1ms'",
  encoding: "SET client_encoding = 'LATIN1'",
  strings: "SET standard_conforming_strings = off; SET escape_string_warning = off",
  readonly: "SET default_transaction_read_only = on",
  isolation: "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY",
  transaction: "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
  functions: "SET check_function_bodies = off; SET row_security = off; SET default_tablespace = ''",
  custom: "SET my.setting = 'left'",
  commit: "SET synchronous_commit = remote_apply",
  temporary: 'CREATE TEMP TABLE "Clean" (id integer); CREATE TEMP VIEW v AS SELECT 1',
  prepared: "PREPARE leaked AS SELECT 2",
  cursor: "DECLARE kept CURSOR WITH HOLD FOR SELECT 2",
  advisory: "SELECT pg_advisory_lock(4711), pg_advisory_lock_shared(4712)",
  listen: "LISTEN something",
};

const services = Object.entries(LEAKS).flatMap(([name, leak], index) => {
  const clean = (schema: string) => CLEAN.replace("TG", `'${schema}'::name`);
  const order = String(index).padStart(2, "0");
  const [first, next] = [`s${order}_${name}`, `s${order}_then`];
  return [
    [first, { migrations: { "1_leak": `${leak};`, "2_clean": clean(first) } }],
    [next, { migrations: { "1_clean": clean(next) } }],
  ] as const;
});

describe("what a script does to its session", () => {
  let run: UpgradeRun;
  let databaseUrl: string;

  beforeAll(async () => {
    databaseUrl = await createDatabase(await testServer());
    const workspace = makeWorkspace(Object.fromEntries(services));
    run = await upgrade({ workspace, databaseUrl }, "--jobs", "1");
  });

  test.each(services.map(([name]) => name))("is gone when the next begins: %s", (name) => {
    expect(run.of(name)).toMatchObject({ status: "upgraded", error: null });
  });

  test("reaches no table's contents", async () => {
    const { rows } = await withClient(databaseUrl, (client) =>
      client.query(
        "SELECT table_schema AS schema FROM information_schema.columns WHERE table_name = 'Clean' AND column_default = '''C:\\new''::text' ORDER BY table_schema COLLATE \"C\"",
      ),
    );
    expect(rows.map(({ schema }) => schema)).toEqual(services.map(([name]) => name).sort());
  });
});

test("the session of a script that failed is not lent to another service", async () => {
  const url = await createDatabase(await testServer());
  const workspace = makeWorkspace({
    a_fails: {
      migrations: { "1_leak": "SELECT pg_advisory_lock(4711);\nPREPARE leaked AS SELECT 1;\nSELECT 1 / 0;" },
    },
    b_waits: { migrations: { "1_clean": CLEAN.replace("TG", "'b_waits'::name") } },
  });
  const run = await upgrade({ workspace, databaseUrl: url }, "--jobs", "1");
  expect(run.status).toBe(1);
  expect(run.of("a_fails").status).toBe("failed");
  expect(run.of("b_waits")).toMatchObject({ status: "upgraded", error: null });
});
