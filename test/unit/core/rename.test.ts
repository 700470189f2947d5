import { describe, expect, test } from "vitest";
import { parseModels } from "../../../scripts/core/models.ts";
import {
  guessRenames,
  parseRename,
  type Rename,
  renderRename,
  renderRenames,
  resolveRenames,
  reverseRenames,
} from "../../../scripts/core/rename.ts";
import { describeDataEffects, renameTables, type Tables } from "../../../scripts/core/tables.ts";

const tables = (of: Record<string, Record<string, string>>): Tables =>
  new Map(
    Object.entries(of).map(([table, columns]) => [
      table,
      new Map(
        Object.entries(columns).map(([name, type]) => [
          name,
          { type: type.replace("!", ""), required: type.endsWith("!") },
        ]),
      ),
    ]),
  );

describe("models", () => {
  test("are read with the names of the database, comments and other schemas left out", () => {
    const text = `model User {
  id    Int    @id // @map("no")
  /// @@map("no") either
  name  String @default("a // b { @@map(\\"no\\") }") @map("full_name")
  posts Post[]
  role  Role   @map(name: "the role")
  @@map("us\\"ers")
  @@schema("auth")
}
model Post { // @@map("no")\r
  id Int @id
  author User @relation(fields: [id], references: [id], map: "no")
  @@schema("auth")
}
model Other {
  id Int
  @@schema("billing")
}
enum Role {
  A
}
`;
    expect(parseModels(text, "auth")).toEqual([
      {
        model: "User",
        table: 'us"ers',
        fields: [
          { field: "id", column: "id" },
          { field: "name", column: "full_name" },
          { field: "role", column: "the role" },
        ],
      },
      { model: "Post", table: "Post", fields: [{ field: "id", column: "id" }] },
    ]);
  });
});

describe("a request", () => {
  test.each([
    ["users=accounts", { table: "users", column: undefined, to: "accounts" }],
    ["users.name=full_name", { table: "users", column: "name", to: "full_name" }],
    ["users.name=users.full_name", { table: "users", column: "name", to: "full_name" }],
    ['"a.b"."c=d"="e""f"', { table: "a.b", column: "c=d", to: 'e"f' }],
  ])("%s", (text, request) => {
    expect(parseRename(text)).toEqual({ ...request, text });
  });

  test.each(["users", "=x", "a=", "a.b.c=d", "a=b=c", ""])("%j is none", (text) => {
    expect(parseRename(text)).toBeUndefined();
  });

  test("is what a rename is written as", () => {
    const rename: Rename = { kind: "column", table: "a.b", from: "c", to: 'd"' };
    expect(parseRename(renderRename(rename))).toMatchObject({ table: "a.b", column: "c", to: 'd"' });
  });
});

describe("what requests mean", () => {
  const models = parseModels(
    'model Account {\n id Int\n fullName String @map("full_name")\n @@map("accounts")\n}\n',
    "auth",
  );
  const ground = {
    ...{ service: "auth", schemaFile: "schema.prisma", models },
    tables: tables({ users: { id: "integer", name: "text" } }),
  };
  const resolve = (...texts: string[]) =>
    resolveRenames(
      texts.flatMap((text) => parseRename(text) ?? []),
      ground,
    );

  test.each([["users.name=full_name"], ["accounts.name=fullName"], ["Account.name=full_name"]])(
    "%s, beside a rename of its table",
    (column) => {
      expect(resolve(column, "users=Account")).toEqual({
        renames: [
          { kind: "table", from: "users", to: "accounts" },
          { kind: "column", table: "accounts", from: "name", to: "full_name" },
        ],
      });
    },
  );

  test("nothing that would collide", () => {
    const taken = { ...ground, tables: tables({ users: { id: "integer" }, accounts: { id: "integer" } }) };
    const requests = [{ table: "users", column: undefined, to: "accounts", text: "users=accounts" }];
    expect(resolveRenames(requests, taken)).toMatchObject({
      problem: { why: 'the table "accounts" exists already', status: 2 },
    });
  });
});

test("statements quote every name, and are reversed from the last to the first", () => {
  const renames: Rename[] = [
    { kind: "table", from: "a", to: 'b"' },
    { kind: "column", table: 'b"', from: "c", to: "d" },
  ];
  expect(renderRenames(renames)).toBe(
    '-- RenameTable\nALTER TABLE "a" RENAME TO "b""";\n\n-- RenameColumn\nALTER TABLE "b""" RENAME COLUMN "c" TO "d";\n',
  );
  expect(renderRenames(reverseRenames(renames))).toBe(
    '-- RenameColumn\nALTER TABLE "b""" RENAME COLUMN "d" TO "c";\n\n-- RenameTable\nALTER TABLE "b""" RENAME TO "a";\n',
  );
});

describe("a guess", () => {
  test("needs the same type in the same table, and prefers the name that is nearest", () => {
    const before = tables({ users: { id: "integer", name: "text", born: "date" } });
    const after = tables({ users: { id: "integer", names: "text", title: "text", age: "integer" } });
    expect(guessRenames(before, after)).toEqual([
      { kind: "column", table: "users", from: "name", to: "names" },
    ]);
  });

  test("takes each new column once", () => {
    const before = tables({ t: { a: "text", b: "text" } });
    expect(guessRenames(before, tables({ t: { c: "text" } }))).toHaveLength(1);
  });

  test("of a table needs half of its columns", () => {
    const before = tables({
      users: { id: "integer", name: "text" },
      logs: { id: "integer", at: "date", what: "text" },
    });
    const after = tables({ people: { id: "integer", name: "text", age: "integer" }, other: { x: "text" } });
    expect(guessRenames(before, after)).toEqual([{ kind: "table", from: "users", to: "people" }]);
  });
});

test("effects on data are told by tables and columns, and a rename has none", () => {
  const before = tables({ users: { id: "integer!", name: "text!", nick: "text" }, old: { x: "text" } });
  const renamed = renameTables(before, [
    { kind: "table", from: "users", to: "accounts" },
    { kind: "column", table: "accounts", from: "nick", to: "alias" },
  ]);
  const after = tables({ accounts: { id: "bigint!", alias: "text", age: "integer" }, fresh: { y: "text" } });
  expect(describeDataEffects(renamed, after)).toEqual({
    lost: [
      'whatever of "id" in "accounts" does not fit integer (it is bigint)',
      'the column "age" of "accounts" with its values',
      'the table "fresh" with all its rows',
    ],
    gone: [
      'the values of "name" in "accounts", which migration.sql drops',
      'the rows of "old", which migration.sql drops',
    ],
    blocked: ['"accounts" to be empty: "name" is required and has no default'],
  });
});
