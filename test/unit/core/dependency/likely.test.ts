import { describe, expect, test } from "vitest";
import { readSource, type SchemaSource } from "../../../../scripts/core/dependency/repeated.ts";
import { syncSchemaFile } from "../../../../scripts/core/dependency/sync.ts";
import { requireRename } from "../../../../scripts/core/rename.ts";

const user = (fields: string[], more = "") =>
  `model User {\n${fields.map((field) => `  ${field}\n`).join("")}${more}\n  @@map("users")\n  @@schema("auth")\n}\n`;
const ID = "id Int @id";
const MINE = [ID, "email String @unique", "nick String?", "age Int"];

function source(name: string, text: string, schemas: [string, ...string[]]): SchemaSource {
  const service = { name, schema: schemas[0], schemas, schemaFile: `${name}.prisma` };
  return readSource(service, text);
}

function sync(
  theirs: string[],
  { mine = MINE, scripts = [] as string[], renames = [] as string[], more = "" } = {},
) {
  const billing = source("billing", user(mine, more), ["billing", "auth"]);
  const auth = { ...source("auth", user(theirs), ["auth"]), history: () => scripts };
  return syncSchemaFile(billing, [billing, auth], renames.map(requireRename));
}

const likely = (theirs: string[], more: Parameters<typeof sync>[1] = {}) => sync(theirs, more).likely;

describe("by its place", () => {
  test("the only one of its type and key between its neighbours, in the message and as --rename takes it", () => {
    const { changes, likely: found } = sync([ID, "mail String @unique", "nick String?", "age Int"]);
    expect(changes.slice(0, 1)).toEqual([
      'User.email is the column "email", which User in auth.prisma does not have; renamed to "mail"?',
    ]);
    expect(found).toEqual(["users.email=mail"]);
    expect(likely([ID, "email String @unique", 'alias String? @map("ali.as")', "age Int"])).toEqual([
      'users.nick="ali.as"',
    ]);
    expect(likely([ID, "email String @unique", "nick String?", "years Int", "x String"])).toEqual([
      "users.age=years",
    ]);
    expect(likely([ID, "mail String @unique", "alias String?", "age Int"])).toEqual([
      "users.email=mail",
      "users.nick=alias",
    ]);
  });

  test.each([
    ["nothing came", [ID, "nick String?", "age Int"]],
    ["another type", [ID, "mail String @db.VarChar(9) @unique", "nick String?", "age Int"]],
    ["another arity", [ID, "mail String? @unique", "nick String?", "age Int"]],
    ["no key", [ID, "mail String", "nick String?", "age Int"]],
    ["another place", [ID, "nick String?", "mail String @unique", "age Int"]],
    ["two of them", [ID, "mail String @unique", "login String @unique", "nick String?", "age Int"]],
  ])("not where there is %s", (_, theirs) => {
    expect(likely(theirs)).toEqual([]);
  });

  test("not where two went and one came", () => {
    expect(likely([ID, "c String"], { mine: [ID, "a String", "b String"] })).toEqual([]);
  });
});

describe("by the owner's migrations", () => {
  const moved = [ID, "nick String?", "age Int", "mail String @db.Text"];

  test.each([
    'ALTER TABLE "users" RENAME COLUMN "email" TO "mail";',
    "alter table only auth.Users rename Email to mail",
    'ALTER TABLE "auth"."users" RENAME "email" TO "e mail"; SELECT 1; ALTER TABLE users RENAME "e mail" TO mail;',
  ])("wherever it is now: %s", (script) => {
    expect(likely(moved, { scripts: ["SELECT 1", script] })).toEqual(["users.email=mail"]);
  });

  test.each([
    "ALTER TABLE other RENAME email TO mail",
    "ALTER TABLE users RENAME mail TO email",
    "ALTER TABLE users RENAME email TO gone",
    "ALTER TABLE users RENAME email TO nick",
    "ALTER TABLE users RENAME CONSTRAINT email TO mail",
  ])("not by another rename: %s", (script) => {
    expect(likely(moved, { scripts: [script] })).toEqual([]);
  });

  test("what a migration drops is gone, unless the new one comes with it", () => {
    const theirs = [ID, "mail String @unique", "nick String?", "age Int"];
    const drop = 'ALTER TABLE "users" DROP COLUMN "email"';
    expect(likely(theirs, { scripts: [`${drop};`] })).toEqual([]);
    expect(likely(theirs, { scripts: ["ALTER TABLE users ADD mail text", `${drop};`] })).toEqual([]);
    expect(likely(theirs, { scripts: [`${drop},\nADD COLUMN     "mail" TEXT NOT NULL;`] })).toEqual([
      "users.email=mail",
    ]);
    expect(likely(theirs, { scripts: ["CREATE TABLE users (email text)"] })).toEqual(["users.email=mail"]);
  });
});

describe("when it is asked for", () => {
  const theirs = [ID, 'address String @unique @map("mail")', "nick String?", "age Int"];

  test("the field stays, with the column's new name, and what rests on it", () => {
    const more = "\n  @@unique([email, age])\n";
    const owner = [...theirs.slice(0, 3), "age Int\n\n  @@unique([address, age])"];
    for (const rename of ["users.email=mail", "User.email=address", "users.email=users.mail"]) {
      const { text, stuck, unknown, likely: left } = sync(owner, { renames: [rename], more });
      expect({ stuck, unknown, left }).toEqual({ stuck: [], unknown: [], left: [] });
      expect(text).toBe(user([ID, 'email String @unique @map("mail")', "nick String?", "age Int"], more));
    }
  });

  test.each(["users.email=mial", "users.nick=mail", "people.email=mail", "users=people", "users.email=nick"])(
    "it means something: %s does not",
    (rename) => {
      expect(sync(theirs, { renames: [rename] }).unknown.map(({ text }) => text)).toEqual([rename]);
    },
  );
});
