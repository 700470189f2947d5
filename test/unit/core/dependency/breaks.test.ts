import { describe, expect, test } from "vitest";
import { findBreaks } from "../../../../scripts/core/dependency/breaks.ts";
import { findChanges, mayChangeSchema } from "../../../../scripts/core/dependency/changes.ts";
import { readSource } from "../../../../scripts/core/dependency/repeated.ts";
import { runningStatements } from "../../../../scripts/core/dependency/running.ts";
import type { Dependent } from "../../../../scripts/core/drops.ts";
import { loadSqlParser } from "../../../../scripts/io/parser.ts";

const AUTH = `model User {
  id    String @id @db.Uuid
  email String @unique
  age   Int
  role  Role
  @@map("users")
  @@schema("auth")
}
model Plain {
  id Int @id
  @@schema("auth")
}
enum Role {
  MEMBER
  ADMIN @map("admin")
  @@map("role")
  @@schema("auth")
}
`;

const BILLING = `model User {
  id       String    @id @db.Uuid
  email    String    @unique
  role     Role
  invoices Invoice[]
  @@map("users")
  @@schema("auth")
}
model Invoice {
  id     Int    @id
  userId String @db.Uuid
  user   User   @relation(fields: [userId], references: [id])
  @@schema("billing")
}
enum Role {
  MEMBER
  ADMIN @map("admin")
  @@map("role")
  @@schema("auth")
}
`;

const KEY: Dependent = {
  schema: "billing",
  table: "Invoice",
  constraint: "Invoice_userId_fkey",
  referenced: "users",
  columns: ["id"],
  index: "users_pkey",
};

async function judge(
  scripts: string | string[],
  { auth = AUTH, billing = BILLING, dependents = [] as Dependent[] } = {},
) {
  const texts = [scripts].flat();
  const parser = await loadSqlParser();
  const parsed = texts.map((sql) => {
    const script = parser.parseSql(sql);
    return script.ok ? runningStatements(sql, script.statements, { parser, own: "auth" }) : [];
  });
  const changes = findChanges(parsed, "auth");
  // What is found is never kept from the parser.
  if (changes.length > 0) expect(texts.some(mayChangeSchema)).toBe(true);
  const file = (name: string) => ({ name, schema: name, schemaFile: `${name}.prisma` });
  const owner = readSource({ ...file("auth"), schemas: ["auth"] }, auth);
  const sources = [owner, readSource({ ...file("billing"), schemas: ["billing", "auth"] }, billing)];
  const judged = texts.map((sql, index) => ({ file: `${index}.sql`, sql }));
  return findBreaks(changes, judged, { owner, sources, dependents }).findings.map(
    ({ file: where, line, column, severity, message }) =>
      `${where}:${line}:${column} ${severity} ${message.replace(", to which others refer", "")}`,
  );
}

describe("what a schema file refers to", () => {
  test.each([
    [
      'ALTER TABLE "users" DROP COLUMN "email";',
      'drops the column "users"."email": billing by User.email (billing.prisma:3)',
    ],
    [
      "ALTER TABLE IF EXISTS auth.users ADD x int, DROP COLUMN IF EXISTS email",
      'drops the column "users"."email": billing by User.email (billing.prisma:3)',
    ],
    [
      "ALTER TABLE users RENAME COLUMN email TO mail",
      'renames the column "users"."email" to "mail": billing by User.email (billing.prisma:3)',
    ],
    [
      "ALTER TABLE users RENAME email TO mail",
      'renames the column "users"."email" to "mail": billing by User.email (billing.prisma:3)',
    ],
    [
      "ALTER TABLE users ALTER email SET DATA TYPE varchar(64)",
      'changes the type of the column "users"."email" to varchar(64): billing by User.email (billing.prisma:3)',
    ],
    [
      'ALTER TABLE users DROP COLUMN email, ADD COLUMN "email" INTEGER',
      'changes the type of the column "users"."email" to int4: billing by User.email (billing.prisma:3)',
    ],
    [
      "ALTER TABLE users RENAME TO people",
      'renames the table "users" to "people": billing by User and Invoice.user (billing.prisma:1)',
    ],
    [
      "DROP TABLE users CASCADE",
      'drops the table "users": billing by User and Invoice.user (billing.prisma:1)',
    ],
    [
      'DROP TABLE a, auth."users"',
      'drops the table "users": billing by User and Invoice.user (billing.prisma:1)',
    ],
    [
      "ALTER TABLE users SET SCHEMA attic",
      'moves the table "users" to the schema "attic": billing by User and Invoice.user (billing.prisma:1)',
    ],
    [
      "ALTER TYPE role RENAME TO kind",
      'renames the enum "role" to "kind": billing by Role and User.role (billing.prisma:15)',
    ],
    [
      "ALTER TYPE role RENAME VALUE 'admin' TO 'boss'",
      'renames the value "role"."admin" to "boss": billing by Role.ADMIN (billing.prisma:17)',
    ],
    ["DROP TYPE role", 'drops the enum "role": billing by Role and User.role (billing.prisma:15)'],
  ])("%s", async (sql, message) => {
    expect(await judge(`-- a\n${sql}`)).toEqual([`0.sql:2:1 error ${message}`]);
  });

  test.each([
    "ALTER TABLE users DROP COLUMN age",
    "ALTER TABLE users RENAME COLUMN age TO years",
    'DROP TABLE "Plain"; DROP TABLE other.users; DROP TYPE other.role',
    'ALTER TABLE "Users" DROP COLUMN email',
    "ALTER TABLE users ALTER email SET DATA TYPE text",
    "ALTER TABLE users ALTER id SET DATA TYPE uuid USING id::uuid",
    "ALTER TABLE users ADD COLUMN email2 text; ALTER TABLE users DROP CONSTRAINT users_pkey; DROP INDEX x",
    "ALTER TYPE role RENAME VALUE 'guest' TO 'stranger'; ALTER TYPE role ADD VALUE 'x'",
    "SELECT 'DROP TABLE users' -- RENAME",
    "CREATE TABLE users2 (id int); ALTER TABLE users2 RENAME TO users3; DROP TABLE users3",
  ])("is not touched by: %s", async (sql) => {
    expect(await judge(sql)).toEqual([]);
  });
});

describe("within a DO block", () => {
  const DROPS = 'error drops the column "users"."email": billing by User.email (billing.prisma:3)';
  const block = (body: string, declared = "") => `DO $$\n${declared}BEGIN\n  ${body}\nEND $$;`;

  test.each([
    ["ALTER TABLE users DROP COLUMN email;", "3:3"],
    ["PERFORM 1; BEGIN BEGIN ALTER TABLE auth.users DROP email; END; END;", "3:26"],
    ["EXECUTE 'ALTER TABLE users DROP COLUMN email';", "3:11"],
    ["EXECUTE format('ALTER TABLE %I.%I DROP COLUMN %I', 'auth', 'users', 'email');", "3:11"],
    ["EXECUTE 'ALTER TABLE ' || quote_ident('users') || ' DROP COLUMN email';", "3:11"],
    ["IF random() > 2 THEN RAISE EXCEPTION 'never'; END IF; ALTER TABLE users DROP email;", "3:57"],
    ["FOR i IN 1..3 LOOP EXIT WHEN i > 1; END LOOP; ALTER TABLE users DROP email;", "3:49"],
    ["EXECUTE 'DO $x$ BEGIN ALTER TABLE users DROP email; END $x$';", "3:11"],
    ["ALTER TABLE users DROP email; RETURN;", "3:3"],
    ["/* é */ ALTER TABLE users DROP email;", "3:11"],
  ])("what certainly runs is told: %s", async (body, place) => {
    expect(await judge(block(body))).toEqual([`0.sql:${place} ${DROPS}`]);
  });

  test("where its text is quoted otherwise the block is the place, in another's place the script goes on", async () => {
    const quoted = "DO E'BEGIN EXECUTE ''ALTER TABLE users\\nDROP email''; END'; DROP TYPE role";
    expect(await judge(`SELECT 1;\n${quoted}`)).toEqual([
      `0.sql:2:1 ${DROPS}`,
      expect.stringMatching(/^0\.sql:2:\d+ error drops the enum "role"/),
    ]);
    expect(
      await judge([
        "DO $$ BEGIN ALTER TABLE users RENAME TO people; END $$",
        "ALTER TABLE people DROP email",
      ]),
    ).toEqual([expect.stringContaining('renames the table "users" to "people"'), `1.sql:1:1 ${DROPS}`]);
  });

  test.each([
    "IF EXISTS (SELECT FROM users) THEN ALTER TABLE users DROP COLUMN email; END IF;",
    "FOR i IN 1..0 LOOP ALTER TABLE users DROP COLUMN email; END LOOP;",
    "BEGIN ALTER TABLE users DROP COLUMN email; EXCEPTION WHEN OTHERS THEN NULL; END;",
    "IF EXISTS (SELECT FROM users) THEN RETURN; END IF; ALTER TABLE users DROP COLUMN email;",
    "<<a>> BEGIN IF now() > '2020-01-01' THEN EXIT a; END IF; ALTER TABLE users DROP COLUMN email; END;",
    "<<a>> BEGIN EXIT a WHEN now() > '2020-01-01'; ALTER TABLE users DROP COLUMN email; END;",
    "ALTER TABLE users DROP COLUMN email; RAISE EXCEPTION 'no';",
    "RETURN; ALTER TABLE users DROP COLUMN email;",
    "SET LOCAL search_path = attic; ALTER TABLE users DROP COLUMN email;",
    "PERFORM set_config('search_path', 'attic', true); DROP TABLE users;",
    "DROP TABLE users; IF true THEN CREATE TABLE users (id uuid); END IF;",
    "IF true THEN ALTER TABLE old RENAME TO users; END IF; ALTER TABLE users DROP COLUMN email;",
    "EXECUTE (SELECT 'ALTER TABLE users DROP COLUMN email' WHERE false);",
    "EXECUTE format('ALTER TABLE %I DROP COLUMN email', current_setting('a.b'));",
    "EXECUTE 'ALTER TABLE ' || coalesce(null, 'users') || ' DROP COLUMN email';",
    "EXECUTE 'ALTER TABLE users DROP COLUMN';",
    "PERFORM 'DROP TABLE users';",
    "NULL; DROP TABLE",
  ])("what may not is not: %s", async (body) => {
    expect(await judge(block(body))).toEqual([]);
  });

  test("functions run when they are called, and other languages are not read", async () => {
    expect(
      await judge([
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE users; END $$",
        "CREATE PROCEDURE p() LANGUAGE sql AS 'ALTER TABLE users DROP COLUMN email'",
        "DO LANGUAGE plpython3u $$ DROP TABLE users $$",
        block("EXECUTE 'ALTER TABLE users DROP COLUMN ' || c;", "DECLARE c text := 'email';\n"),
      ]),
    ).toEqual([]);
  });
});

describe("over several scripts", () => {
  test("what was renamed before is known by its first name", async () => {
    expect(
      await judge([
        "ALTER TABLE users RENAME TO people",
        "ALTER TABLE people RENAME email TO mail; ALTER TABLE people DROP mail",
      ]),
    ).toEqual([
      expect.stringContaining('0.sql:1:1 error renames the table "users" to "people"'),
      expect.stringContaining('1.sql:1:1 error renames the column "users"."email" to "mail"'),
      expect.stringContaining('1.sql:1:42 error drops the column "users"."email"'),
    ]);
  });

  test("a table that is made anew counts as its owner's schema file says", async () => {
    const redo = [
      "CREATE TABLE users_new (id uuid); DROP TABLE users",
      "ALTER TABLE users_new RENAME TO users",
    ];
    expect(await judge(redo)).toEqual([]);
    const auth = AUTH.replace("  email String @unique\n", "");
    expect(await judge(redo, { auth })).toEqual([
      expect.stringContaining('0.sql:1:35 error drops the table "users"'),
    ]);
  });

  test("an enum that Prisma makes anew for a value less", async () => {
    const redo = `CREATE TYPE "role_new" AS ENUM ('MEMBER');
      ALTER TABLE users ALTER COLUMN role TYPE "role_new" USING (role::text::"role_new");
      ALTER TYPE "role" RENAME TO "role_old"; ALTER TYPE "role_new" RENAME TO "role"; DROP TYPE "auth"."role_old";`;
    expect(await judge(redo)).toEqual([]);
    const auth = AUTH.replace('  ADMIN @map("admin")\n', "");
    const found = await judge(redo, { auth });
    expect(found).toEqual([
      expect.stringContaining('renames the enum "role" to "role_old": billing by Role and User.role'),
      expect.stringContaining('drops the enum "role": billing by Role and User.role'),
    ]);
  });

  test("a rename that the other has followed already is no matter", async () => {
    const billing = BILLING.replace("email    String    @unique", 'email    String    @unique @map("mail")');
    expect(await judge("ALTER TABLE users RENAME email TO mail", { billing })).toEqual([]);
  });
});

describe("what the database refers to", () => {
  test("a foreign key is told with the field, or alone", async () => {
    expect(await judge("ALTER TABLE users DROP COLUMN id", { dependents: [KEY] })).toEqual([
      '0.sql:1:1 error drops the column "users"."id": billing by User.id (billing.prisma:2); the foreign key Invoice_userId_fkey of billing.Invoice in the database',
    ]);
    const stranger = { ...KEY, schema: "crm" };
    expect(await judge("ALTER TABLE users DROP COLUMN id", { billing: "", dependents: [stranger] })).toEqual([
      '0.sql:1:1 error drops the column "users"."id": the foreign key Invoice_userId_fkey of crm.Invoice in the database',
    ]);
  });

  test("the key's own constraint, a renaming and a retyping", async () => {
    const alone = { billing: "", dependents: [{ ...KEY, schema: "crm" }] };
    expect(await judge("ALTER TABLE users DROP CONSTRAINT users_pkey", alone)).toEqual([
      expect.stringContaining('error drops the constraint "users"."users_pkey"'),
    ]);
    expect(await judge("DROP INDEX users_pkey", alone)).toEqual([
      expect.stringContaining("error drops the index"),
    ]);
    expect(await judge("ALTER TABLE users RENAME id TO uid", alone)).toEqual([
      expect.stringContaining("warning renames"),
    ]);
    expect(await judge("ALTER TABLE users ALTER id TYPE text", alone)).toEqual([
      expect.stringContaining("warning changes"),
    ]);
    expect(await judge("ALTER TABLE users DROP age; DROP INDEX other", alone)).toEqual([]);
  });
});
