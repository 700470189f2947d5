import { describe, expect, test } from "vitest";
import { narrowSchema } from "../../../scripts/core/narrow/narrow.ts";
import { cutIntoPieces } from "../../../scripts/core/narrow/pieces.ts";

const SETTINGS = 'datasource db {\n  provider = "postgresql"\n  schemas  = ["shop"]\n}';
const STATUS = "enum Status {\n  OPEN\n  PAID\n}";
const CUSTOMER =
  'model Customer {\n  id Int @id\n  kind Kind\n  orders Order[]\n  friends Friend[]\n\n  @@map("customers")\n}';
const ORDER =
  "model Order {\n  id Int @id\n  status Status\n  customerId Int\n  customer Customer @relation(fields: [customerId], references: [id])\n  lines Line[]\n}";
const LINE =
  "model Line {\n  id Int @id\n  orderId Int\n  order Order @relation(fields: [orderId], references: [id])\n}";
const FRIEND =
  "model Friend {\n  id Int @id\n  ofId Int\n  of Customer @relation(fields: [ofId], references: [id])\n}";
const KIND = "enum Kind {\n  GOOD\n  BAD\n}";
const ALL = [SETTINGS, STATUS, KIND, CUSTOMER, ORDER, LINE, FRIEND];

const file = (...blocks: readonly string[]) => `${blocks.join("\n\n")}\n`;
const narrow = (text: string, since = file(...ALL), except: string[] = []) =>
  narrowSchema(text, { own: "shop", since, except });
const replace = (from: string, to: string) => file(...ALL).replace(from, to);

describe("a schema file in pieces", () => {
  test("braces in comments and strings are none, and comments are no piece", () => {
    const model = 'model A {\n  id Int @id // }\n  note String @default("}{")\n  /* } */\n}';
    expect(cutIntoPieces(`// a { b }\n/* model B { } */\n${model}\n/// the end {\n`)).toEqual([
      { kind: "model", name: "A", text: model },
    ]);
  });

  test.each([
    ["a brace that is missing", "model A {\n  id Int @id\n"],
    ["one too many", "model A {\n}\n}\n"],
    ["words between blocks", "model A {\n}\nwords\nmodel B {\n}\n"],
    ["words at the end", "model A {\n}\nwords"],
    ["a block without a name", "model {\n}\n"],
    ["two of a name", "model A {\n}\nenum A {\n}\n"],
  ])("%s: not understood", (_, text) => {
    expect(cutIntoPieces(text)).toBeUndefined();
  });
});

describe("what is left", () => {
  test("nothing but settings where nothing has changed", () => {
    expect(narrow(`// A remark.\n${file(...ALL)}`)).toEqual({
      text: `${SETTINGS}\n`,
      view: { tables: [], neighbours: [], enums: [] },
    });
  });

  test("a model, those related to it, and of the next ones their columns", () => {
    const narrowed = narrow(replace("  orderId Int\n", "  orderId Int\n  note String?\n"));
    expect(narrowed?.view).toEqual({
      tables: ["shop.Order", "shop.Line"],
      neighbours: ["shop.customers"],
      enums: ["shop.Status", "shop.Kind"],
    });
    expect(narrowed?.text).toContain("note String?");
    expect(narrowed?.text).toContain("orders Order[]");
    expect(narrowed?.text).not.toContain("Friend");
  });

  test("the models with columns of an enum that has changed", () => {
    const { view } = narrow(replace("  PAID\n", "  PAID\n  LATE\n")) ?? {};
    expect(view).toEqual({
      tables: ["shop.Order"],
      neighbours: ["shop.customers", "shop.Line"],
      enums: ["shop.Status", "shop.Kind"],
    });
  });

  test("a model that has gone, by its table", () => {
    const text = file(...ALL.filter((block) => block !== FRIEND)).replace("  friends Friend[]\n", "");
    expect(narrow(text)?.view.tables).toEqual(["shop.customers", "shop.Order", "shop.Friend"]);
  });

  test("a table that is an exception, whether a model is known or not, with all enums", () => {
    const { view, text } = narrow(file(...ALL), file(...ALL), ["Friend", "other"]) ?? {};
    expect(view).toEqual({
      tables: ["shop.customers", "shop.Friend", "shop.other"],
      neighbours: ["shop.Order"],
      enums: ["shop.Status", "shop.Kind", "shop.Friend", "shop.other"],
    });
    expect(text).toContain("enum Status");
  });
});

describe("all of it stays", () => {
  test.each([
    ["other settings", replace('["shop"]', '["shop", "auth"]')],
    ["a view that has changed", `${file(...ALL)}view V {\n  id Int @unique\n}\n`],
    ["text that is not understood", `${file(...ALL)}what`],
    [
      "lists on both sides, which are a table of their own",
      replace("  lines Line[]\n", "  lines Line[]\n  tags Tag[]\n") +
        "model Tag {\n  id Int @id\n  orders Order[]\n}\n",
    ],
  ])("with %s", (_, text) => {
    expect(narrow(text)).toBeUndefined();
    expect(narrow(file(...ALL), text)).toBeUndefined();
  });

  test("with a schema whose name has a dot, which a view cannot tell apart", () => {
    const text = replace("  orderId Int\n", "  orderId Int\n  note String?\n");
    expect(narrowSchema(text, { own: "a.b", since: file(...ALL), except: [] })).toBeUndefined();
  });
});
