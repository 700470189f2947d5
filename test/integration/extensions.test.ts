import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import pg from "pg";
import { expect, test, vi } from "vitest";
import { pinnedAdapter } from "../../prisma/client.ts";
import { quoteIdent } from "../../scripts/core/sql.ts";
import { runCli } from "../support/cli.ts";
import { createDatabase, MAJORS, testServer } from "../support/postgres.ts";
import { applyWithEngine, runPrisma } from "../support/prismaCli.ts";
import { makeWorkspace, type TestWorkspace } from "../support/workspace.ts";

vi.setConfig({ testTimeout: 240_000 });

/** Roles belong to the whole server that test files share, so names are made for one test. */
const unique = (name: string) => `${name}_${randomBytes(4).toString("hex")}`;

function schemaFile(
  service: string,
  { schema = service, extensions = "citext, pgcrypto", fields = "" } = {},
) {
  return `datasource db {
  provider   = "postgresql"
  schemas    = ["${schema}"]
  extensions = [${extensions}]
}

generator client {
  provider        = "prisma-client"
  output          = "./src/generated"
  previewFeatures = ["postgresqlExtensions"]
}

model User {
  id   Int    @id
  name String @unique @db.Citext
${fields}
  @@schema("${schema}")
}
`;
}

const INIT = `CREATE TABLE "User" ("id" INTEGER NOT NULL, "name" CITEXT NOT NULL, CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "User_name_key" ON "User"("name");\n`;

function makeSite(schema?: string): { service: string; workspace: TestWorkspace } {
  const service = unique("ext");
  const workspace = makeWorkspace({ [service]: {} });
  workspace.write(`services/${service}/schema.prisma`, schemaFile(service, schema ? { schema } : {}));
  workspace.writeMigration(service, "20250101000000_init", INIT);
  workspace.write(`services/${service}/migrations/migration_lock.toml`, 'provider = "postgresql"\n');
  workspace.write(`services/${service}/migrations/20250101000000_init/down.sql`, 'DROP TABLE "User";\n');
  return { service, workspace };
}

async function query(url: string, ...statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

async function well(root: string, databaseUrl: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runCli(args, { root, databaseUrl });
  expect(status, stdout + stderr).toBe(0);
  return stdout + stderr;
}

const PLACES =
  "SELECT extname AS name, nspname AS schema FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql' ORDER BY 1";

test.each(MAJORS)("an administrator who is no superuser provisions them on PostgreSQL %i", async (major) => {
  const { service, workspace } = makeSite();
  const url = new URL(await createDatabase(await testServer(major)));
  const admin = unique("admin");
  await query(
    url.href,
    `CREATE USER ${admin} PASSWORD 'not-shown' CREATEROLE`,
    `GRANT CREATE ON DATABASE ${quoteIdent(url.pathname.slice(1))} TO ${admin}`,
  );
  [url.username, url.password] = [admin, "not-shown"];
  const refused = await runCli(["upgrade-head"], { root: workspace.root, databaseUrl: url.href });
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain(`${service}: this database lacks the extension "citext", "pgcrypto"`);
  expect(refused.stderr).toContain("Fix: make provision");
  for (let time = 0; time < 2; time += 1) await well(workspace.root, url.href, "provision");
  expect(await query(url.href, PLACES)).toEqual([
    { name: "citext", schema: "extensions" },
    { name: "pgcrypto", schema: "extensions" },
  ]);
  await well(workspace.root, url.href, "upgrade-head", "--require-roles");
  await expect(
    query(url.href, `SET ROLE ${service}_owner`, "CREATE TABLE extensions.mine (id int)"),
  ).rejects.toThrow("permission denied");
});

test("they are in every search path, and no difference anywhere", async () => {
  const { service, workspace } = makeSite();
  const databaseUrl = await createDatabase(await testServer());
  await well(workspace.root, databaseUrl, "provision");
  const stock = { workspace, service, databaseUrl };
  expect(await applyWithEngine(stock)).toMatchObject({ status: 0 });
  expect(await well(workspace.root, databaseUrl, "check")).toContain("no findings");
  expect(await well(workspace.root, databaseUrl, "revision", "--app", service, "-m", "none")).toContain(
    "nothing to revise",
  );
  const diff = ["migrate", "diff", "--from-migrations", "migrations", "--exit-code"];
  for (const to of [["--to-schema", "schema.prisma"], ["--to-config-datasource"]]) {
    expect((await runPrisma([...diff, ...to], stock)).output).toContain("No difference");
  }

  const file = `services/${service}/schema.prisma`;
  workspace.write(
    file,
    schemaFile(service, {
      fields: '  key String @default(dbgenerated("gen_random_uuid()")) @db.Uuid\n  nick String? @db.Citext',
    }),
  );
  const script = await runPrisma([...diff.slice(0, -1), "--to-schema", "schema.prisma", "--script"], stock);
  expect(script.output).toContain('"nick" CITEXT');
  expect(script.output).not.toContain("CREATE EXTENSION");
  await well(workspace.root, databaseUrl, "revision", "--app", service, "-m", "nick");
  const shown = await well(workspace.root, databaseUrl, "show", "--app", service, "head");
  expect(shown).toContain('"nick" CITEXT');
  expect(shown).not.toContain("EXTENSION");
  await well(workspace.root, databaseUrl, "upgrade-head");
  await well(workspace.root, databaseUrl, "downgrade", "--app", service, "--yes");
  await well(workspace.root, databaseUrl, "upgrade-head");
  expect(await well(workspace.root, databaseUrl, "check")).toContain("no findings");
  expect(await well(workspace.root, databaseUrl, "guard")).toContain("no finding");

  const from = pathToFileURL(join(workspace.root, "services", service, "src", "client.ts")).href;
  const adapter = await pinnedAdapter({ schema: service, url: databaseUrl, from }).connect();
  try {
    const sql = `SELECT 'A'::citext = 'a'::citext AS same, length(gen_salt('md5')) > 0 AS salt, current_user AS role`;
    const { rows } = await adapter.queryRaw({ sql, args: [], argTypes: [] });
    expect(rows).toEqual([[true, true, `${service}_app`]]);
  } finally {
    await adapter.dispose();
  }
});

test("one that lives elsewhere stays there, is found and makes no drift", async () => {
  const { service, workspace } = makeSite();
  const databaseUrl = await createDatabase(await testServer());
  await query(databaseUrl, "CREATE EXTENSION citext SCHEMA public");
  expect(await well(workspace.root, databaseUrl, "provision")).toContain(
    'The extension "citext" stays in the schema "public"',
  );
  await well(workspace.root, databaseUrl, "upgrade-head", "--require-roles");
  expect(await query(databaseUrl, PLACES)).toEqual([
    { name: "citext", schema: "public" },
    { name: "pgcrypto", schema: "extensions" },
  ]);
  expect(await well(workspace.root, databaseUrl, "check")).toContain("no findings");
  workspace.writeMigration(service, "20250102000000_more", 'ALTER TABLE "User" ADD COLUMN "nick" CITEXT;');
  expect(await applyWithEngine({ workspace, service, databaseUrl })).toMatchObject({ status: 0 });
});

test("a service in public, whose extensions are there too, goes on as before", async () => {
  const { service, workspace } = makeSite("public");
  workspace.writeMigration(
    service,
    "20250101000000_init",
    `-- CreateExtension\nCREATE EXTENSION IF NOT EXISTS "citext";\nCREATE EXTENSION "pgcrypto";\n${INIT}`,
  );
  const databaseUrl = await createDatabase(await testServer());
  const done = await well(workspace.root, databaseUrl, "upgrade-head");
  expect(done).toContain("no owner role in this database");
  expect(await query(databaseUrl, PLACES)).toEqual([
    { name: "citext", schema: "public" },
    { name: "pgcrypto", schema: "public" },
  ]);
  const stock = { workspace, service, schema: "public", databaseUrl };
  expect((await runPrisma(["migrate", "status"], stock)).output).toContain("up to date");
  expect(await well(workspace.root, databaseUrl, "revision", "--app", service, "-m", "none")).toContain(
    "nothing to revise",
  );
  const other = await createDatabase(await testServer());
  expect(await applyWithEngine({ ...stock, databaseUrl: other })).toMatchObject({ status: 0 });
  expect(await query(other, PLACES)).toEqual(await query(databaseUrl, PLACES));
  const { stdout } = await runCli(["check"], { root: workspace.root, databaseUrl });
  expect(stdout).not.toContain("drift-");
});
