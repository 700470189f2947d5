import { expect, test } from "vitest";
import { mergeModels } from "../../../scripts/core/baseline/mergeModels.ts";

const BEFORE = `model User {
  id    Int     @id
  email String  @unique
  name  String? @default("a // b")

  @@index([name])
  @@schema("auth")
}

enum Role {
  USER

  @@schema("auth")
}

model Old {
  id Int @id
}
`;

const WRITTEN = `// The top.
datasource db {
  provider = "postgresql"
}

/// Who may log in.
model User {
  id Int @id // by hand
  email String @unique
  name String? @default("a // b") // shown
  // for the list
  @@index([name])
  @@schema("auth")
}

enum Role {
  USER // anybody

  @@schema("auth")
}

model Old {
  id Int @id
}
`;

test("what did not change stays as it was written", () => {
  expect(mergeModels(WRITTEN, { before: BEFORE, now: BEFORE })).toBe(WRITTEN);
});

test("fields, attributes and blocks come, go and change in their places", () => {
  const now = BEFORE.replace('  name  String? @default("a // b")\n', "  age   Int     @default(0)\n")
    .replace("email String ", "email String?")
    .replace("  @@index([name])\n", "  @@index([age])\n")
    .replace("  USER\n", "  OWNER\n  USER\n")
    .replace(/model Old[\s\S]*/, "model New {\n  id Int @id\n}\n");
  expect(mergeModels(WRITTEN, { before: BEFORE, now })).toMatchInlineSnapshot(`
    "// The top.
    datasource db {
      provider = "postgresql"
    }

    /// Who may log in.
    model User {
      id Int @id // by hand
      email String? @unique
      age   Int     @default(0)
      @@index([age])
      // for the list
      @@schema("auth")
    }

    enum Role {
      OWNER
      USER // anybody

      @@schema("auth")
    }

    model New {
      id Int @id
    }
    "
  `);
});
