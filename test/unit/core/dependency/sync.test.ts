import { describe, expect, test } from "vitest";
import { renderLineDifference } from "../../../../scripts/core/dependency/difference.ts";
import { readSource, type SchemaSource } from "../../../../scripts/core/dependency/repeated.ts";
import { findStale } from "../../../../scripts/core/dependency/stale.ts";
import { syncSchemaFile } from "../../../../scripts/core/dependency/sync.ts";

const BILLING = `// Who pays, and for what. {
datasource db {
  provider = "postgresql"
  schemas  = ["billing", "auth"]
}

/// Of auth: who pays. }
model User {
  id       String    @id @db.Uuid // theirs {
  email    String    @unique
  // how to call them
  nickname String?   @map("nick_name") @db.VarChar(64)
  role     Role      @default(MEMBER)
  invoices Invoice[] // ours

  @@index([nickname])
  @@map("users")
  @@schema("auth")
}

model   Invoice {
  id Int @id
      userId String @map("user_id") @db.Uuid
  user   User @relation(fields: [userId], references: [id], map: "x}")
  @@schema("billing")
}

enum Role {
  /// all
  MEMBER
  ADMIN  @map("admin")

  @@map("role")
  @@schema("auth")
}
`;

const USERS = `
model User {
  id       String    @id @default(dbgenerated("gen_random_uuid()")) @db.Uuid
  email    String    @unique
  nickname String?   @map("nick_name") @db.VarChar(64)
  role     Role      @default(MEMBER)
  age      Int       @default(0)
  sessions Session[]

  @@map("users")
  @@schema("auth")
}

model Session {
  id     Int    @id
  userId String @db.Uuid
  user   User   @relation(fields: [userId], references: [id])

  @@schema("auth")
}

enum Role {
  MEMBER
  ADMIN  @map("admin")

  @@map("role")
  @@schema("auth")
}
`;

function source(name: string, text: string, schemas: [string, ...string[]] = [name]): SchemaSource {
  const service = { name, schema: schemas[0], schemas, schemaFile: `services/${name}/schema.prisma` };
  const file = /^datasource /m.test(text)
    ? text
    : `datasource db {\n  provider = "postgresql"\n  schemas  = ${JSON.stringify(schemas)}\n}\n${text}`;
  return readSource(service, file);
}

function sync(auth: string, billing = BILLING) {
  const mine = source("billing", billing, ["billing", "auth"]);
  const sources = [mine, source("auth", auth)];
  const result = syncSchemaFile(mine, sources);
  const found = findStale(mine, { sources, owned: ["auth", "billing"] });
  const again = syncSchemaFile(source("billing", result.text, ["billing", "auth"]), sources);
  // Once synced, nothing is left to do.
  if (result.stuck.length === 0) expect(again).toMatchObject({ text: result.text, changes: [], stuck: [] });
  expect(found.map(({ message }) => message)).toEqual(result.changes);
  return {
    ...result,
    difference: renderLineDifference(billing, result.text, 0),
    found: found.map(({ line, column, rule, message }) => `${line}:${column} ${rule} ${message}`),
  };
}

test("what is so is left alone: fewer fields, other comments, other order, no defaults", () => {
  expect(sync(USERS)).toMatchObject({ text: BILLING, changes: [], stuck: [], found: [] });
});

describe("fields", () => {
  test("a type that changed, with the run of fields aligned anew", () => {
    const { difference, found } = sync(
      USERS.replace("email    String    @unique", 'email    Unsupported("citext")    @unique'),
    );
    expect(found).toEqual([
      '10:3 stale-model User.email is String @db.Text here, and Unsupported("citext") in services/auth/schema.prisma',
    ]);
    expect(difference).toMatchInlineSnapshot(`
      "…
      -   id       String    @id @db.Uuid // theirs {
      -   email    String    @unique
      +   id       String                @id @db.Uuid // theirs {
      +   email    Unsupported("citext") @unique
      …
      -   nickname String?   @map("nick_name") @db.VarChar(64)
      -   role     Role      @default(MEMBER)
      +   nickname String?               @map("nick_name") @db.VarChar(64)
      +   role     Role                  @default(MEMBER)"
    `);
  });

  test("a native type, optionality and a name in the database, whatever the datasource is called", () => {
    const auth = USERS.replace("VarChar(64)", "VarChar( 100 )")
      .replace("nick_name", "alias")
      .replace("email    String ", "email    String?");
    expect(sync(auth).difference).toMatchInlineSnapshot(`
      "…
      -   email    String    @unique
      +   email    String?   @unique
      …
      -   nickname String?   @map("nick_name") @db.VarChar(64)
      +   nickname String?   @map("alias") @db.VarChar( 100 )"
    `);
    const ours = BILLING.replace("datasource db", "datasource pg").replaceAll("@db.", "@pg.");
    expect(sync(USERS, ours).changes).toEqual([]);
    expect(sync(auth, ours).text).toBe(
      sync(auth).text.replace("datasource db", "datasource pg").replaceAll("@db.", "@pg."),
    );
  });

  test("a field that is gone, with its index and its documentation", () => {
    const { difference, found } = sync(USERS.replace(/ {2}nickname.*\n/, ""));
    expect(found).toEqual([
      '12:3 stale-model User.nickname is the column "nick_name", which User in services/auth/schema.prisma does not have',
    ]);
    expect(difference).toMatchInlineSnapshot(`
      "…
      -   nickname String?   @map("nick_name") @db.VarChar(64)
      …
      -   @@index([nickname])"
    `);
  });

  test("one that became an enum brings the enum along", () => {
    const auth = `${USERS.replace("email    String ", "email    Kind ")}\nenum Kind {\n  A @map("a b")\n\n  @@schema("auth")\n}\n`;
    const { difference } = sync(auth, BILLING.replaceAll("Invoice ", "Invoice ").trimEnd());
    expect(difference).toMatchInlineSnapshot(`
      "…
      -   email    String    @unique
      +   email    Kind      @unique
      …
      +   @@schema("auth")
      + }
      +
      + enum Kind {
      +   A @map("a b")
      +"
    `);
  });

  test("one that a relation refers to is not taken away", () => {
    const { stuck } = sync(USERS.replace("model User {\n  id ", "model User {\n  uuid "));
    expect(stuck.map(({ message }) => message)).toEqual(["Invoice.user refers to User.id, which is gone"]);
  });
});

describe("what is unique", () => {
  test("is no more: the attribute goes, alone", () => {
    const { difference, found } = sync(USERS.replace("email    String    @unique", "email    String"));
    expect(found).toEqual([
      "10:22 stale-model User says that email is unique, which User in services/auth/schema.prisma does not",
    ]);
    expect(difference).toMatchInlineSnapshot(`
      "…
      -   email    String    @unique
      +   email    String"
    `);
  });

  test("an id of another field comes along, where no key is left", () => {
    const billing = BILLING.replace("  email    String    @unique\n", "")
      .replace(/model {3}Invoice[\s\S]*?\n\}\n/, "")
      .replace("  invoices Invoice[] // ours\n", "");
    const auth = USERS.replace('@id @default(dbgenerated("gen_random_uuid()"))', "")
      .replace("  email    String    @unique\n", '  tenant   Int @map("tenant_id")\n')
      .replace('  @@map("users")', '  @@id([tenant, id])\n  @@map("users")');
    expect(sync(auth, billing).difference).toMatchInlineSnapshot(`
      "…
      -   id       String    @id @db.Uuid // theirs {
      +   tenant Int @map("tenant_id")
      +   id       String @db.Uuid // theirs {
      …
      +   @@id([tenant, id])"
    `);
    const single = USERS.replace('@id @default(dbgenerated("gen_random_uuid()"))', "").replace(
      "  email    String    @unique\n",
      "  number   BigInt @id @default(autoincrement())\n",
    );
    expect(sync(single, billing).difference).toMatchInlineSnapshot(`
      "…
      -   id       String    @id @db.Uuid // theirs {
      +   number BigInt @id @default(autoincrement())
      +   id       String @db.Uuid // theirs {"
    `);
  });

  test("a key that a relation rests on is not taken away", () => {
    const { stuck } = sync(
      USERS.replace('@id @default(dbgenerated("gen_random_uuid()"))', "").replace(
        "age      Int ",
        "age      Int @id ",
      ),
    );
    expect(stuck.map(({ message }) => message)).toEqual([
      "Invoice.user refers to User.id, which is not unique any more",
    ]);
  });
});

describe("names in the database", () => {
  test("of a table that was renamed", () => {
    expect(sync(USERS.replace('@@map("users")', '@@map("people")')).difference).toMatchInlineSnapshot(`
      "…
      -   @@map("users")
      +   @@map("people")"
    `);
    expect(sync(USERS.replace('  @@map("users")\n', "")).difference).toMatchInlineSnapshot(`
      "…
      -   @@map("users")"
    `);
  });

  test("of one that had none", () => {
    const billing = BILLING.replace('  @@map("users")\n', "");
    expect(sync(USERS.replace('"users"', '"pe\\"op}le"'), billing).difference).toMatchInlineSnapshot(`
      "…
      +   @@map("pe\\"op}le")"
    `);
  });

  test("decide, so that a service may have a model of the same name", () => {
    const billing = BILLING.replace("model User {", "model Payer {")
      .replace("user   User", "user   Payer")
      .concat('\nmodel User {\n  id Int @id\n\n  @@schema("billing")\n}\n');
    expect(sync(USERS, billing).changes).toEqual([]);
    expect(
      sync(USERS.replace("email    String ", "email    Int "), billing).difference,
    ).toMatchInlineSnapshot(`
      "…
      -   email    String    @unique
      +   email    Int       @unique"
    `);
  });
});

describe("enums", () => {
  test("values come and go, in the owner's place", () => {
    const { difference, found } = sync(
      USERS.replace("  MEMBER\n  ADMIN", '  GUEST @map("a guest")\n  MEMBER\n  OWNER\n').replace(
        'OWNER\n  @map("admin")',
        "OWNER",
      ),
    );
    expect(found).toEqual([
      expect.stringContaining('Role has the value "admin", which'),
      expect.stringContaining('Role lacks the value "a guest", which'),
      expect.stringContaining('Role lacks the value "OWNER", which'),
    ]);
    expect(difference).toMatchInlineSnapshot(`
      "…
      +   GUEST  @map("a guest")
      …
      -   ADMIN  @map("admin")
      +   OWNER"
    `);
  });

  test("a default that names a lost value becomes the owner's", () => {
    const auth = USERS.replace("MEMBER\n  ADMIN", "GUEST\n  ADMIN").replace("(MEMBER)", "(GUEST)");
    expect(sync(auth).difference).toMatchInlineSnapshot(`
      "…
      -   role     Role      @default(MEMBER)
      +   role     Role      @default(GUEST)
      …
      -   /// all
      -   MEMBER
      -   ADMIN  @map("admin")
      +   GUEST
      +   ADMIN @map("admin")"
    `);
  });
});

describe("a model that is gone", () => {
  const without = USERS.replace(/model User[\s\S]*?\n\}\n/, "");

  test("stays while fields are of its type, which are named", () => {
    const { stuck, found } = sync(without);
    expect(stuck).toEqual([
      { start: BILLING.indexOf("user   User"), message: "Invoice.user is of the type User, which is gone" },
    ]);
    expect(found).toEqual([
      "8:1 stale-model User repeats the table auth.users, which services/auth/schema.prisma does not have; of that type: Invoice.user",
    ]);
  });

  test("goes otherwise, with what is right above it", () => {
    const billing = BILLING.replace(/.*@relation.*\n/, "").replace(/.*invoices.*\n/, "");
    expect(sync(without, billing).text).toBe(billing.replace(/\/\/\/ Of auth[\s\S]*?\n\}\n\n/, ""));
  });
});

test("a schema that nobody owns, where it is listed", () => {
  const mine = source("billing", BILLING.replace('"auth"]', '"auth", "stray"]'), [
    "billing",
    "auth",
    "stray",
  ]);
  expect(
    findStale(mine, { sources: [mine, source("auth", USERS)], owned: ["billing", "auth"] }),
  ).toMatchObject([{ rule: "unowned-schema", severity: "warning", line: 4, column: 34 }]);
});

test("Windows line ends and a run that was not aligned stay as they are", () => {
  const billing = BILLING.replace("  email    String    @unique", "  email String @unique").replaceAll(
    "\n",
    "\r\n",
  );
  const { text } = sync(USERS.replace("email    String ", "email    Int "), billing);
  expect(text).toBe(billing.replace("email String @unique", "email Int @unique"));
});
