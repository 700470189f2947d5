import { type Bench, runOn } from "./revision.ts";
import { expectDecent } from "./upgrade.ts";
import { makeWorkspace, type TestWorkspace } from "./workspace.ts";

/** What `transfer --json` answers. */
export interface TransferAnswer {
  table: string;
  types: string[];
  done: boolean;
  from: { service: string; migration: string };
  to: { service: string; migration: string };
  files: { path: string; content: string }[];
  warnings: string[];
}

/** Transfers, and throws with the tool's own words unless it succeeds. */
export async function transfer(
  bench: Bench,
  table: string,
  to: string,
  ...args: string[]
): Promise<TransferAnswer> {
  const result = await runOn(bench, ["transfer", "--table", table, "--to", to, "--json", ...args]);
  expectDecent(result);
  if (result.status !== 0) throw new Error(`transfer exited ${result.status}:\n${result.stderr}`);
  return result.json<TransferAnswer>();
}

const AUTH = `enum Kind {
  PRIVATE
  WORK

  @@map("kind")
  @@schema("auth")
}

model User {
  id      Int      @id @default(autoincrement())
  email   String   @unique
  profile Profile?

  @@map("users")
  @@schema("auth")
}

// What people say of themselves.
model Profile {
  id       Int       @id @default(autoincrement())
  userId   Int       @unique @map("user_id")
  kind     Kind      @default(PRIVATE)
  bio      String    @default("…")
  parentId Int?      @map("parent_id")
  user     User      @relation(fields: [userId], references: [id], onDelete: Cascade)
  parent   Profile?  @relation("tree", fields: [parentId], references: [id])
  children Profile[] @relation("tree")
  badges   Badge[]

  @@index([bio])
  @@map("profile")
  @@schema("auth")
}

model Badge {
  id        Int     @id @default(autoincrement())
  profileId Int     @map("profile_id")
  profile   Profile @relation(fields: [profileId], references: [id])

  @@map("badge")
  @@schema("auth")
}
`;
const BILLING = `model Invoice {
  id Int @id

  @@map("invoice")
  @@schema("billing")
}
`;
const INIT = `CREATE TYPE "kind" AS ENUM ('PRIVATE', 'WORK');
CREATE TABLE "users" ("id" SERIAL NOT NULL, "email" TEXT NOT NULL, CONSTRAINT "users_pkey" PRIMARY KEY ("id"));
CREATE TABLE "profile" (
    "id" SERIAL NOT NULL,
    "user_id" INTEGER NOT NULL,
    "kind" "kind" NOT NULL DEFAULT 'PRIVATE',
    "bio" TEXT NOT NULL DEFAULT '…',
    "parent_id" INTEGER,
    CONSTRAINT "profile_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "badge" ("id" SERIAL NOT NULL, "profile_id" INTEGER NOT NULL, CONSTRAINT "badge_pkey" PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "users_email_key" ON "users"("email");
CREATE UNIQUE INDEX "profile_user_id_key" ON "profile"("user_id");
CREATE INDEX "profile_bio_idx" ON "profile"("bio");
ALTER TABLE "profile" ADD CONSTRAINT "profile_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "profile" ADD CONSTRAINT "profile_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "profile"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "badge" ADD CONSTRAINT "badge_profile_id_fkey" FOREIGN KEY ("profile_id") REFERENCES "profile"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
COMMENT ON TABLE "profile" IS 'one''s own words';
COMMENT ON COLUMN "profile"."bio" IS 'at most a page';
CREATE STATISTICS "profile_stats" ON "kind", "bio" FROM "profile";
ALTER TABLE "profile" REPLICA IDENTITY USING INDEX "profile_user_id_key";
ALTER TABLE "profile" ALTER COLUMN "bio" SET STATISTICS 500;
`;

export const FIRST = { auth: "20250101000000_init", billing: "20250101000001_init" };

/** Two services; the table auth.profile has an enum, a sequence, defaults, comments and foreign keys in both directions. */
export function makeTransferWorkspace(): TestWorkspace {
  const workspace = makeWorkspace({
    auth: { models: AUTH, migrations: { [FIRST.auth]: INIT } },
    billing: {
      models: BILLING,
      migrations: {
        [FIRST.billing]:
          'CREATE TABLE "invoice" ("id" INTEGER NOT NULL, CONSTRAINT "invoice_pkey" PRIMARY KEY ("id"));\n',
      },
    },
  });
  const down = (service: keyof typeof FIRST) => `services/${service}/migrations/${FIRST[service]}/down.sql`;
  workspace.write(down("auth"), 'DROP TABLE "badge", "profile", "users";\nDROP TYPE "kind";\n');
  workspace.write(down("billing"), 'DROP TABLE "invoice";\n');
  return workspace;
}

export const ROWS = `INSERT INTO auth.users (email) VALUES ('a'), ('b');
INSERT INTO auth.profile (user_id, kind, bio, parent_id) VALUES (1, 'WORK', 'x', NULL), (2, DEFAULT, DEFAULT, 1);
INSERT INTO auth.badge (profile_id) VALUES (1);`;
