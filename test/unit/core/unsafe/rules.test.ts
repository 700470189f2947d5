import { expect, test } from "vitest";
import { mayBeUnsafe, UNSAFE_RULES } from "../../../../scripts/core/unsafe/rules.ts";
import { runSquawk } from "../../../../scripts/io/squawk.ts";
import { readGuardFixtures } from "../../../support/hostile.ts";

/** A statement that each rule objects to, and the safe way to write it. */
const CASES: Record<string, { unsafe: string; safe: string }> = {
  "require-concurrent-index-creation": {
    unsafe: "CREATE INDEX i ON t (a)",
    safe: "CREATE INDEX CONCURRENTLY i ON t (a)",
  },
  "require-concurrent-index-deletion": { unsafe: "DROP INDEX i", safe: "DROP INDEX CONCURRENTLY i" },
  "require-concurrent-reindex": { unsafe: "REINDEX TABLE t", safe: "REINDEX TABLE CONCURRENTLY t" },
  "require-concurrent-partition-detach": {
    unsafe: "ALTER TABLE t DETACH PARTITION p",
    safe: "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
  },
  "adding-foreign-key-constraint": {
    unsafe: "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id) ON DELETE CASCADE",
    safe: "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id) NOT VALID",
  },
  "constraint-missing-not-valid": {
    unsafe: "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
    safe: "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
  },
  "disallowed-unique-constraint": {
    unsafe: "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)",
    safe: "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i",
  },
  "adding-serial-primary-key-field": {
    unsafe: "ALTER TABLE t ADD PRIMARY KEY (id)",
    safe: "ALTER TABLE t ADD CONSTRAINT p PRIMARY KEY USING INDEX i",
  },
  "adding-required-field": {
    unsafe: "ALTER TABLE t ADD COLUMN a text NOT NULL",
    safe: "ALTER TABLE t ADD COLUMN a text NOT NULL DEFAULT ''",
  },
  "adding-not-nullable-field": {
    unsafe: "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
    safe: "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID",
  },
  "adding-field-with-default": {
    unsafe: "ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid()",
    safe: "ALTER TABLE t ADD COLUMN a uuid; ALTER TABLE t ALTER COLUMN a SET DEFAULT gen_random_uuid()",
  },
  "changing-column-type": {
    unsafe: "ALTER TABLE t ALTER COLUMN a SET DATA TYPE bigint",
    safe: "ALTER TABLE t ADD COLUMN b bigint",
  },
  "renaming-column": {
    unsafe: "ALTER TABLE t RENAME COLUMN a TO b",
    safe: "ALTER TABLE t ADD COLUMN b text",
  },
  "renaming-table": { unsafe: "ALTER TABLE t RENAME TO u", safe: "CREATE VIEW u AS SELECT * FROM t" },
  "ban-drop-column": { unsafe: "ALTER TABLE t DROP COLUMN a", safe: "SELECT 1" },
  "ban-drop-table": { unsafe: "DROP TABLE t", safe: "SELECT 1" },
  "ban-truncate-cascade": { unsafe: "TRUNCATE t CASCADE", safe: "TRUNCATE t" },
  "ban-alter-domain-with-add-constraint": {
    unsafe: "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0)",
    safe: "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
  },
};

const rulesIn = async (scripts: string[]) =>
  (await runSquawk(scripts, 18)).map((problems) => problems.map(({ rule }) => rule));

test("every rule objects to one statement, once, and not to the way that is told instead", async () => {
  expect(Object.keys(CASES).sort()).toEqual(Object.keys(UNSAFE_RULES).sort());
  const cases = Object.entries(CASES);
  expect(await rulesIn(cases.map(([, { unsafe }]) => `${unsafe};`))).toEqual(cases.map(([rule]) => [rule]));
  expect(await rulesIn(cases.map(([, { safe }]) => `${safe};`))).toEqual(cases.map(() => []));
});

test("what a rule may object to is never left unlooked at", async () => {
  for (const { unsafe } of Object.values(CASES)) expect(mayBeUnsafe(unsafe), unsafe).toBe(true);
  const scripts = [...readGuardFixtures("honest"), ...readGuardFixtures("hostile")].filter(
    ({ sql }) => !mayBeUnsafe(sql),
  );
  expect(scripts.length).toBeGreaterThan(50);
  expect((await rulesIn(scripts.map(({ sql }) => sql))).flat()).toEqual([]);
});

/** As Prisma adds columns that may be null. */
const ADDED = `-- AlterTable
ALTER TABLE "Account" ADD COLUMN     "nick name" TEXT,
ADD COLUMN     "drop" DECIMAL(12,2),
ADD COLUMN     "tags" VARCHAR(20)[];

-- AlterTable
ALTER TABLE "auth"."index" ADD COLUMN     "role" "Role";
ALTER TABLE "a" ADD COLUMN "x" DOUBLE PRECISION, ADD COLUMN "y" TIMESTAMPTZ(3);
`;

test("a column that may be null is looked at by nobody, since no rule objects to it", async () => {
  expect(mayBeUnsafe(ADDED)).toBe(false);
  expect(await rulesIn([ADDED])).toEqual([[]]);
});

test.each([
  'ALTER TABLE "a" ADD COLUMN "x" TEXT NOT NULL;',
  'ALTER TABLE "a" ADD COLUMN "x" UUID DEFAULT gen_random_uuid();',
  'ALTER TABLE "a" ADD COLUMN "x" BIGSERIAL;',
  'ALTER TABLE "a" ADD COLUMN "x" TEXT UNIQUE;',
  'ALTER TABLE "a" ADD COLUMN "x" TEXT,\nDROP COLUMN "y";',
  'ALTER TABLE "a" ADD COLUMN "x" TEXT; DROP TABLE "b";',
  'ALTER TABLE "a" ADD COLUMN "x" TEXT,\nADD COLUMN "y" INTEGER NOT NULL;',
])("%s is looked at", (sql) => {
  expect(mayBeUnsafe(sql)).toBe(true);
});

test("what generated migrations do to new tables is no problem, nor are their types", async () => {
  const sql = `-- CreateTable
CREATE TABLE "User" ("id" SERIAL NOT NULL, "at" TIMESTAMP(3) NOT NULL, "name" VARCHAR(20), "c" CHAR(3), CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
-- AlterEnum
ALTER TYPE "Role" ADD VALUE 'X';
-- AlterTable
ALTER TABLE "Post" ADD COLUMN "n" INTEGER, ADD COLUMN "m" INTEGER NOT NULL DEFAULT 0, ALTER COLUMN "k" DROP NOT NULL, ALTER COLUMN "d" SET DEFAULT 1;
`;
  expect(await rulesIn([sql])).toEqual([[]]);
});
