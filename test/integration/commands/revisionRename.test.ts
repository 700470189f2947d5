import { beforeEach, describe, expect, test } from "vitest";
import { readCatalog, withClient } from "../../support/catalog.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { runPrisma } from "../../support/prismaCli.ts";
import {
  type Bench,
  listMigrations,
  readMigrationFile,
  revise,
  runOn,
  writeModels,
} from "../../support/revision.ts";
import { makeWorkspace } from "../../support/workspace.ts";

const MODELS = `model User {
  id    Int    @id @default(autoincrement())
  email String @unique
  name  String
  posts Post[]
  @@index([name])
  @@map("users")
  @@schema("auth")
}
model Post {
  id     Int  @id
  userId Int  @map("user_id")
  user   User @relation(fields: [userId], references: [id])
  @@map("posts")
  @@schema("auth")
}
`;

let bench: Bench;

beforeEach(async () => {
  bench = {
    workspace: makeWorkspace({ auth: { models: MODELS } }),
    databaseUrl: await createDatabase(await testServer()),
  };
  await revise(bench, "auth", ["-m", "init"]);
});

async function upgrade(): Promise<void> {
  const { status, stderr } = await runOn(bench, ["upgrade-head"]);
  if (status !== 0) throw new Error(stderr);
}

describe("a rename", () => {
  test("of a table and of columns keeps rows, agrees with stock Prisma, and is undone", async () => {
    const { workspace, databaseUrl } = bench;
    await upgrade();
    const before = await readCatalog(databaseUrl, ["auth"]);
    await withClient(databaseUrl, (client) =>
      client.query(
        "INSERT INTO auth.users (email, name) VALUES ('a@b', 'Ann'); INSERT INTO auth.posts VALUES (1, 1)",
      ),
    );
    const models = MODELS.replace('@@map("users")', '@@map("accounts")')
      .replace("name  String", 'fullName String @map("full_name")\n  age Int?')
      .replace("[name]", "[fullName]")
      .replace('userId Int  @map("user_id")', 'userId Int @map("author_id")');
    writeModels(workspace, "auth", models);
    const { sql, down, proven, warnings, notRestored } = await revise(bench, "auth", [
      ...["-m", "accounts", "--rename", "users=User", "--rename", "users.name=fullName"],
      ...["--rename", "posts.user_id=author_id"],
    ]);
    expect(sql).toMatchInlineSnapshot(`
      "-- RenameTable
      ALTER TABLE "users" RENAME TO "accounts";

      -- RenameColumn
      ALTER TABLE "accounts" RENAME COLUMN "name" TO "full_name";

      -- RenameColumn
      ALTER TABLE "posts" RENAME COLUMN "user_id" TO "author_id";

      -- AlterTable
      ALTER TABLE "accounts" ADD COLUMN     "age" INTEGER;
      ALTER TABLE "accounts" RENAME CONSTRAINT "users_pkey" TO "accounts_pkey";

      -- RenameForeignKey
      ALTER TABLE "posts" RENAME CONSTRAINT "posts_user_id_fkey" TO "posts_author_id_fkey";

      -- RenameIndex
      ALTER INDEX "users_email_key" RENAME TO "accounts_email_key";

      -- RenameIndex
      ALTER INDEX "users_name_idx" RENAME TO "accounts_full_name_idx";
      "
    `);
    expect(down).toMatchInlineSnapshot(`
      "-- AlterTable
      ALTER TABLE "accounts" DROP COLUMN "age";
      ALTER TABLE "accounts" RENAME CONSTRAINT "accounts_pkey" TO "users_pkey";

      -- RenameForeignKey
      ALTER TABLE "posts" RENAME CONSTRAINT "posts_author_id_fkey" TO "posts_user_id_fkey";

      -- RenameIndex
      ALTER INDEX "accounts_email_key" RENAME TO "users_email_key";

      -- RenameIndex
      ALTER INDEX "accounts_full_name_idx" RENAME TO "users_name_idx";

      -- RenameColumn
      ALTER TABLE "posts" RENAME COLUMN "author_id" TO "user_id";

      -- RenameColumn
      ALTER TABLE "accounts" RENAME COLUMN "full_name" TO "name";

      -- RenameTable
      ALTER TABLE "accounts" RENAME TO "users";
      "
    `);
    expect({ proven, warnings, notRestored }).toEqual({ proven: true, warnings: [], notRestored: [] });
    await upgrade();
    const rows = await withClient(databaseUrl, (client) =>
      client.query(
        "SELECT full_name, author_id FROM auth.accounts a JOIN auth.posts p ON p.author_id = a.id",
      ),
    );
    expect(rows.rows).toEqual([{ full_name: "Ann", author_id: 1 }]);
    const dev = await runPrisma(["migrate", "dev"], { workspace, service: "auth", databaseUrl });
    expect(dev.output).toContain("Already in sync");
    await withClient(databaseUrl, async (client) => {
      await client.query("SET search_path = auth");
      await client.query(down);
    });
    expect(await readCatalog(databaseUrl, ["auth"])).toEqual(before);
  });

  test("that is forgotten is spoken of, and nothing is guessed without a terminal", async () => {
    writeModels(
      bench.workspace,
      "auth",
      MODELS.replace("name  String", "title  String").replace("[name]", "[title]"),
    );
    const result = await runOn(bench, ["revision", "--app", "auth", "-m", "title"]);
    expect(result.stderr).toContain(
      "a drop and an add look like a rename; to keep the data: --rename users.name=title",
    );
    const [, name = ""] = listMigrations(bench.workspace, "auth");
    expect(readMigrationFile(bench.workspace, "auth", name)).toContain('DROP COLUMN "name"');
  });

  test("of a table that is forgotten, too", async () => {
    writeModels(bench.workspace, "auth", MODELS.replace('@@map("users")', '@@map("people")'));
    const { renames, sql } = await revise(bench, "auth", ["--sql"]);
    expect(renames).toEqual(["users=people"]);
    expect(sql).toContain('DROP TABLE "users"');
  });

  test.each([
    ["userz=User", 'there is no table "userz"', 'did you mean "users"?'],
    ["users=Accounts", 'services/auth/schema.prisma has no model or table "Accounts"', ""],
    ["users=posts", 'services/auth/schema.prisma still has the table "users"', ""],
    ["users.nome=full_name", 'the table "users" has no column "nome"', 'did you mean "name"?'],
    ["users.name=fullname", 'services/auth/schema.prisma has no "fullname" in the table "users"', ""],
    ["users.name=email", 'services/auth/schema.prisma still has "name" in the table "users"', ""],
  ])("of what does not exist is refused: %s", async (rename, why, fix) => {
    const { status, stderr } = await runOn(bench, [
      "revision",
      "--app",
      "auth",
      "-m",
      "x",
      "--rename",
      rename,
    ]);
    expect(stderr).toContain(`auth: --rename "${rename}" cannot be\n  Why: ${why}`);
    expect(stderr).toContain(fix);
    expect(status).toBe(2);
    expect(listMigrations(bench.workspace, "auth")).toHaveLength(1);
  });
});
