import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mayNeedStepwise, planScript, sessionSettings } from "../../../scripts/core/statements.ts";
import { parseSql } from "../../../scripts/io/parser.ts";
import { ALONE, TRANSACTIONAL } from "../../support/blockStatements.ts";

async function plan(sql: string) {
  const parsed = await parseSql(sql);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return planScript(sql, parsed.statements);
}

/** The plan as one word, or as its steps: `T:` in a transaction, `A:` alone. */
async function outline(sql: string): Promise<string | string[]> {
  const planned = await plan(sql);
  if (planned.mode === "atomic") return planned.sql;
  if (planned.mode === "refused") return `refused: ${planned.problem.message}`;
  return planned.steps.map(
    (step) => `${step.kind === "alone" ? "A" : "T"}${step.begin ? `(${step.begin})` : ""}:${step.sql}`,
  );
}

describe("planScript", () => {
  test.each(ALONE)("runs alone: %s", async (sql) => {
    expect(mayNeedStepwise(sql)).toBe(true);
    expect(await outline(sql)).toEqual([`A:${sql}`]);
    expect(await outline(`SELECT 1; ${sql}; SELECT 2`)).toEqual(["T:SELECT 1", `A:${sql}`, "T:SELECT 2"]);
    expect(await outline(`BEGIN; ${sql}; COMMIT;`)).toMatch(/^refused: .* stands between BEGIN and COMMIT$/);
  });

  test.each(TRANSACTIONAL)("shares a transaction: %s", async (sql) => {
    const script = `SELECT 1; ${sql}; SELECT 2;`;
    expect(await outline(script)).toBe(script);
    expect(await outline(`BEGIN; ${sql}; COMMIT;`)).toBe(`     ; ${sql};       ;`);
  });

  test.each(["CALL p()", "REINDEX TABLE t", "REINDEX INDEX i", "CLUSTER t USING i"])(
    "sends what may refuse a block outside any when it is all there is: %s",
    async (sql) => {
      expect(mayNeedStepwise(sql)).toBe(true);
      expect(await outline(`${sql};`)).toEqual([`A:${sql}`]);
    },
  );

  test("calls a procedure of the same script alone when it commits", async () => {
    const made = "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$";
    expect(await outline(`${made}; CALL public.p();`)).toEqual([`T:${made}`, "A:CALL public.p()"]);
  });

  test("keeps a script atomic when its own transaction encloses it", async () => {
    const planned = await plan("\uFEFF-- é\r\nBEGIN;\r\nSELECT 1;\r\nCOMMIT;\r\n");
    expect(planned).toEqual({
      mode: "atomic",
      sql: " -- é\r\n     ;\r\nSELECT 1;\r\n      ;\r\n",
      notices: [],
    });
  });

  test.each([
    // What stands before a BEGIN shares its transaction, as the server does in one simple query.
    ["SET a.b = 1; BEGIN; SELECT 1; END;", "SET a.b = 1;      ; SELECT 1;    ;"],
    ["START TRANSACTION; SELECT 1; COMMIT WORK", "                 ; SELECT 1;            "],
    [
      "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT 1; COMMIT",
      `${" ".repeat(47)}; SELECT 1;       `,
    ],
    ["SELECT 1; COMMIT;", "SELECT 1;       ;"],
    ["BEGIN; COMMIT; SELECT 1;", "     ;       ; SELECT 1;"],
    [
      "BEGIN; SAVEPOINT a; SELECT 1; ROLLBACK TO a; RELEASE a; COMMIT;",
      "     ; SAVEPOINT a; SELECT 1; ROLLBACK TO a; RELEASE a;       ;",
    ],
    ["", ""],
    ["-- nothing\n", "-- nothing\n"],
    ["BEGIN; COMMIT;", "     ;       ;"],
  ])("stays atomic: %j", async (sql, sent) => {
    expect(await outline(sql)).toBe(sent);
  });

  test.each([
    // An unpaired COMMIT ends the implicit transaction: the usual way to make a new enum value usable.
    [
      "ALTER TYPE e ADD VALUE 'x'; COMMIT; UPDATE t SET e = 'x';",
      ["T:ALTER TYPE e ADD VALUE 'x';       ", "T:UPDATE t SET e = 'x'"],
    ],
    [
      "BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT;",
      ["T:     ; SELECT 1;       ", "T:     ; SELECT 2;       "],
    ],
    ["SELECT 0; BEGIN; SELECT 1; COMMIT; SELECT 2", ["T:SELECT 0;      ; SELECT 1;       ", "T:SELECT 2"]],
    [
      "BEGIN; SELECT 1; COMMIT AND CHAIN; SELECT 2; COMMIT",
      ["T:     ; SELECT 1;                 ", "T:                ; SELECT 2;       "],
    ],
    ["BEGIN; SELECT 1; ROLLBACK; SELECT 2", ["A:BEGIN; SELECT 1; ROLLBACK", "T:SELECT 2"]],
    ["SELECT 1; ROLLBACK; SELECT 2", ["A:SELECT 1; ROLLBACK", "T:SELECT 2"]],
    [
      "BEGIN; SELECT 1; ROLLBACK AND CHAIN; SELECT 2; COMMIT",
      ["A:BEGIN; SELECT 1; ROLLBACK AND CHAIN; SELECT 2; COMMIT"],
    ],
    [
      "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT;",
      [`T(BEGIN ISOLATION LEVEL SERIALIZABLE):${" ".repeat(34)}; SELECT 1;       `],
    ],
    [
      "START TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT AND CHAIN; SELECT 2; COMMIT",
      [
        `T(START TRANSACTION ISOLATION LEVEL SERIALIZABLE):${" ".repeat(46)}; SELECT 1;                 `,
        "T(START TRANSACTION ISOLATION LEVEL SERIALIZABLE):                ; SELECT 2;       ",
      ],
    ],
    ["BEGIN READ ONLY; SELECT 1; COMMIT;", ["A:BEGIN READ ONLY; SELECT 1; COMMIT"]],
    [
      "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1",
      ["T:SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1"],
    ],
    ["SET transaction_read_only = on; SELECT 1", ["A:SET transaction_read_only = on; SELECT 1"]],
  ])("runs stepwise: %j", async (sql, steps) => {
    expect(mayNeedStepwise(sql)).toBe(true);
    expect(await outline(sql)).toEqual(steps);
  });

  test.each([
    ["BEGIN; SELECT 1;", 0, "the transaction opened here is never closed"],
    ["SELECT 1; COMMIT AND CHAIN;", 10, "COMMIT AND CHAIN has no BEGIN before it"],
    ["BEGIN; SELECT 1; COMMIT AND CHAIN; SELECT 2", 17, "the transaction opened here is never closed"],
    ["BEGIN; PREPARE TRANSACTION 'x';", 7, "PREPARE TRANSACTION leaves its work neither done nor undone"],
  ])("refuses %j", async (sql, offset, message) => {
    expect(mayNeedStepwise(sql)).toBe(true);
    expect(await plan(sql)).toMatchObject({ mode: "refused", problem: { offset, message } });
  });

  test.each([
    ["BEGIN; BEGIN; SELECT 1; COMMIT;", 7, "BEGIN does nothing in a transaction"],
    ["ROLLBACK; SELECT 1", 0, "ROLLBACK has nothing to undo"],
    ["SELECT 1; ABORT; SELECT 2", 10, "ROLLBACK undoes what stands before it in its transaction"],
  ])("notices odd transaction control in %j", async (sql, offset, message) => {
    expect(await plan(sql)).toMatchObject({ notices: [{ offset, message }] });
  });

  test("cuts steps whose indices are those of the file", async () => {
    const sql = "-- höchst 😀\r\nSELECT 'ä';\r\nCREATE INDEX CONCURRENTLY i ON t (a); -- why\r\nSELECT 2";
    const planned = await plan(sql);
    if (planned.mode !== "stepwise") throw new Error(planned.mode);
    for (const step of planned.steps) expect(sql.slice(step.start, step.end)).toBe(step.sql);
    expect(planned.steps.map((step) => step.sql)).toEqual([
      "SELECT 'ä'",
      "CREATE INDEX CONCURRENTLY i ON t (a)",
      "SELECT 2",
    ]);
  });
});

describe("mayNeedStepwise", () => {
  test.each([
    "",
    'CREATE TABLE "User" ("id" SERIAL NOT NULL, "startDate" timestamp, CONSTRAINT "User_pkey" PRIMARY KEY ("id"));',
    "CREATE TABLE t (start_date date, system text, transaction_id int, database text, prepared bool);",
    "-- BEGIN; COMMIT\nSELECT 1; /* VACUUM; /* nested */ COMMIT; */ SELECT 2;",
    "INSERT INTO t VALUES ('; COMMIT;', E'\\'; VACUUM;', $x$; BEGIN; $x$, U&'\\0041; CALL');",
    "COMMENT ON COLUMN t.\"CONCURRENTLY\" IS 'COMMIT';",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END; $$;",
    "DO $$ BEGIN CREATE TYPE e AS ENUM ('x'); EXCEPTION WHEN duplicate_object THEN null; END $$;",
    "CREATE VIEW v AS SELECT CASE WHEN a THEN 1 END FROM t; SELECT 1 AS commit;",
    "SELECT pg_catalog.set_config('search_path', '', false); SET search_path = x;",
  ])("is sure of %j", async (sql) => {
    expect(mayNeedStepwise(sql)).toBe(false);
    expect(await outline(sql)).toBe(sql);
  });

  test.each([
    "SELECT 'COMMIT",
    "/* BEGIN",
    "DO $a$ BEGIN COMMIT; $b$",
    "drop Index concurrently i",
    "\r\n\tvacuum",
  ])("sends %j to the parser", (sql) => {
    expect(mayNeedStepwise(sql)).toBe(true);
  });
});

test("mayNeedStepwise never misses what the parser finds", async () => {
  const fragment = fc.oneof(
    fc.constantFrom(...ALONE, ...TRANSACTIONAL),
    fc.constantFrom("BEGIN", "COMMIT", "END", "ROLLBACK", "SET TRANSACTION READ ONLY", "SELECT 'COMMIT'"),
  );
  const blank = fc.constantFrom(" ", "\r\n", "/* ; /* ' */ */", "-- '\n", "");
  const script = fc.array(fc.tuple(blank, fragment, blank), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(script, fc.boolean(), async (parts, lower) => {
      const sql = parts.map((part) => `${part.join("")};`).join("");
      const cased = lower ? sql.toLowerCase() : sql;
      if (mayNeedStepwise(cased)) return;
      expect(await plan(cased)).toEqual({ mode: "atomic", sql: cased, notices: [] });
    }),
    { numRuns: 300 },
  );
});

test("sessionSettings returns what a resumed script must set again", async () => {
  const sql = "SET lock_timeout = '1s'; SET LOCAL x.y = 1; RESET work_mem; SELECT 1; SET a.b = 2";
  const parsed = await parseSql(sql);
  if (!parsed.ok) throw new Error(parsed.error.message);
  expect(sessionSettings(sql, parsed.statements, sql.indexOf("SELECT"))).toEqual([
    "SET lock_timeout = '1s'",
    "RESET work_mem",
  ]);
});
