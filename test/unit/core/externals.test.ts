import { expect, test } from "vitest";
import { parseExternals } from "../../../scripts/core/externals.ts";

const FILE = `
datasource db {
  provider = "postgresql"
  schemas  = ["billing", "auth", "a\\"b"]
}
model Invoice {
  id Int @id
  @@schema("billing")
}
/// A comment with model Fake { in it
model User {
  id   Int    @id @map("user_id")
  // @@map("not_this")
  @@map("users")
  @@schema("auth")
}
model Plain {
  id Int @id
  @@schema( "auth" )
}
enum Role {
  ADMIN @map("admin")
  @@map(name: "role")
  @@schema("auth")
}
model Odd {
  id Int @id
  @@schema("a\\"b")
}
`;

test("models and enums of other schemas are external, by the names that the database knows", () => {
  expect(parseExternals(FILE, "billing")).toEqual({
    tables: ["auth.users", "auth.Plain", 'a"b.Odd'],
    enums: ["auth.role"],
  });
});

test("a file that keeps to its own schema has none", () => {
  expect(parseExternals(`model A {\n  id Int @id\n  @@schema("auth")\n}\n`, "auth")).toEqual({
    tables: [],
    enums: [],
  });
});
