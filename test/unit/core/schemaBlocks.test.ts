import { describe, expect, test } from "vitest";
import { parseExternals } from "../../../scripts/core/externals.ts";
import { columnOf, fieldsOf, parseModels, readDefinitions } from "../../../scripts/core/models.ts";
import {
  blockLines,
  findArgument,
  findAttribute,
  readBlocks,
  readName,
} from "../../../scripts/core/schemaBlocks.ts";
import { applyEdits, wholeLines } from "../../../scripts/core/schemaText.ts";

const HOSTILE = `\uFEFF// model Ghost { id Int }
datasource db {
  provider = "postgresql" // }
  schemas  = [
    "billing", // own }
    "auth"
  ]
}

/* enum Gone {
  A
} */
/// model Fake {
model model {
  enum    Int     @id @map("a}b") // }
  type    String? @db.VarChar( 64 ) @default("{ \\"}\\" // no comment")
  "stray"
  other   Unsupported("circle(\\"x\\")")?
  many    User[]  @relation("r}")
  at      DateTime @default(dbgenerated("now() + '1 day'::interval"))
  @@unique([
    enum, // first
    type
  ], map: "u{")
  @@schema("billing")
}
model User {
  id Int
  tenant Int @map(name: "tenant_id")
  modelId Int
  model model @relation("r}", fields: [modelId], references: [enum])
  @@id([tenant,
        id])
  // @@map("not_this")
  @@map("users")
  @@schema("auth")
}
enum Role { /// {
  ADMIN  @map("admin") // the first
  MEMBER
  @@schema("auth")
}
`;

function blockNamed(text: string, name: string) {
  const block = readBlocks(text).find((one) => one.name === name);
  if (!block) throw new Error(`no block ${name}`);
  return block;
}

describe.each([
  ["as written", HOSTILE],
  ["with Windows line ends", HOSTILE.replaceAll("\n", "\r\n")],
])("a schema file full of braces, %s", (_, text) => {
  test("has the blocks that Prisma sees, none in comments", () => {
    expect(readBlocks(text).map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "datasource db",
      "model model",
      "model User",
      "enum Role",
    ]);
    const { start, end } = blockNamed(text, "User");
    expect(text.slice(start, end)).toMatch(/^model User \{[\s\S]*@@schema\("auth"\)\r?\n\}$/);
  });

  test("fields with types, arity and columns, keywords among their names", () => {
    const block = blockNamed(text, "model");
    expect(
      fieldsOf(block).map((field) => `${field.name} ${field.type}${field.arity} ${columnOf(field)}`),
    ).toEqual([
      "enum Int a}b",
      "type String? type",
      'other Unsupported("circle(\\"x\\")")? other',
      "many User[] many",
      "at DateTime at",
    ]);
  });

  test("attributes over several lines, arguments without blanks and comments", () => {
    const block = blockNamed(text, "model");
    expect(findAttribute(block, "unique")?.arguments.map(({ name, value }) => [name, value])).toEqual([
      [undefined, "[enum,type]"],
      ["map", '"u{"'],
    ]);
    const [, type] = fieldsOf(block);
    expect(findAttribute(type ?? {}, "db.VarChar")?.arguments[0]?.value).toBe("64");
    expect(findArgument(findAttribute(type ?? {}, "default"), "value")?.value).toBe(
      '"{ \\"}\\" // no comment"',
    );
    expect(readName(findAttribute(blockNamed(text, "User"), "map"))).toBe("users");
  });

  test("the value of a property has its place", () => {
    const schemas = blockNamed(text, "db").members.find(({ name }) => name === "schemas");
    const { start = 0, end = 0 } = schemas?.value ?? {};
    expect(text.slice(start, end).replaceAll(/\s+/g, " ")).toBe('[ "billing", // own } "auth" ]');
  });

  test("what is external, and what models are called", () => {
    expect(parseExternals(text, "billing")).toEqual({ tables: ["auth.users"], enums: ["auth.Role"] });
    expect(parseModels(text, "billing")).toEqual([
      {
        model: "model",
        table: "model",
        fields: [
          { field: "enum", column: "a}b" },
          { field: "type", column: "type" },
          { field: "other", column: "other" },
          { field: "at", column: "at" },
        ],
      },
    ]);
    expect(readDefinitions(text, "billing").map(({ name, schema }) => `${schema}.${name}`)).toEqual([
      "billing.model",
      "auth.User",
      "auth.Role",
    ]);
  });
});

test("edits leave the rest byte for byte, in whatever order they are given", () => {
  expect(
    applyEdits("one two three", [
      { start: 8, end: 13, text: "3" },
      { start: 0, end: 3, text: "1" },
      { start: 4, end: 4, text: "+" },
    ]),
  ).toBe("1 +two 3");
});

test("whole lines take their line break with them, at the file's end too", () => {
  expect(wholeLines("a\r\nbcd\r\ne", { start: 4, end: 5 })).toEqual({ start: 3, end: 8 });
  expect(wholeLines("abc", { start: 0, end: 1 })).toEqual({ start: 0, end: 3 });
  expect(wholeLines("a\nb", { start: 2, end: 3 })).toEqual({ start: 2, end: 3 });
});

test("a block that never closes ends with the file", () => {
  expect(readBlocks("model A {\n  id Int @id\n")).toMatchObject([
    { name: "A", end: 23, members: [{ name: "id" }] },
  ]);
});

test("the comments right above a block belong to it, others do not", () => {
  const text = "model A {\n}\n\n// apart\n\n/// Who {\n/* pays\n } */\nmodel B {\n}\n\nmodel C {} // }\n";
  const [, b, c] = readBlocks(text);
  const cut = (span: { start: number; end: number }) => text.slice(span.start, span.end);
  expect(cut(blockLines(text, b ?? { start: 0, end: 0 }))).toBe("/// Who {\n/* pays\n } */\nmodel B {\n}\n");
  expect(cut(blockLines(text, c ?? { start: 0, end: 0 }))).toBe("model C {} // }\n");
});
