import { cpSync, existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import pg from "pg";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { bareEnvironment, runCli, spawnCli, toolFolder } from "../../support/cli.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { CHECKOUT, makeWorkspace, type TestWorkspace } from "../../support/workspace.ts";

// Each call of the stock CLI costs seconds on a busy machine.
vi.setConfig({ testTimeout: 240_000 });

const ONE_LINE = readFileSync(join(CHECKOUT, "services/auth/prisma.config.ts"), "utf8");
const USERS = `model User {\n  id Int @id\n  email String @unique\n  @@map("users")\n  @@schema("auth")\n}\n`;
const INIT_AUTH = `CREATE TABLE "users" ("id" INTEGER NOT NULL, "email" TEXT NOT NULL, CONSTRAINT "users_pkey" PRIMARY KEY ("id"));\nCREATE UNIQUE INDEX "users_email_key" ON "users"("email");`;

/** A workspace like a clone of this one: its services' configurations find ours beside them, built. */
async function cloneWorkspace(services: Parameters<typeof makeWorkspace>[0]): Promise<TestWorkspace> {
  const workspace = makeWorkspace(services);
  for (const folder of ["prisma", "scripts"]) {
    cpSync(join(CHECKOUT, folder), join(workspace.root, folder), { recursive: true });
  }
  symlinkSync(await toolFolder(), join(workspace.root, "dist"), "junction");
  for (const name of Object.keys(services)) workspace.write(`services/${name}/prisma.config.ts`, ONE_LINE);
  return workspace;
}

/** Plain `prisma …` in a service's folder, with nothing set in the environment. */
function plainPrisma(workspace: TestWorkspace, service: string, ...args: string[]) {
  return execa(process.execPath, [join(workspace.root, "node_modules/prisma/build/index.js"), ...args], {
    cwd: join(workspace.root, "services", service),
    env: { ...bareEnvironment(), NO_COLOR: "1" },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    all: true,
  });
}

test("the configuration is one line", () => {
  expect(ONE_LINE.trimEnd().split("\n")).toHaveLength(1);
  expect(readFileSync(join(CHECKOUT, "services/billing/prisma.config.ts"), "utf8")).toBe(ONE_LINE);
});

describe("in a service's folder, with no environment", () => {
  let workspace: TestWorkspace;
  beforeAll(async () => {
    const generator = `generator client {\n  provider = "prisma-client"\n  output = "./src/generated"\n}\n`;
    workspace = await cloneWorkspace({
      auth: { models: generator + USERS, migrations: { "20250101000000_init": INIT_AUTH } },
    });
    workspace.write(".env", `DATABASE_URL=${await createDatabase(await testServer())}\n`);
  });

  test("validate, generate, deploy and status work", async () => {
    expect((await plainPrisma(workspace, "auth", "validate")).all).toContain("is valid");
    expect((await plainPrisma(workspace, "auth", "generate")).all).toContain("Generated Prisma Client");
    expect(existsSync(join(workspace.root, "services/auth/src/generated/client.ts"))).toBe(true);
    expect((await plainPrisma(workspace, "auth", "migrate", "status")).all).toContain("not yet been applied");
    expect((await plainPrisma(workspace, "auth", "migrate", "deploy")).exitCode).toBe(0);
    expect((await plainPrisma(workspace, "auth", "migrate", "status")).all).toContain("up to date");
  });

  test("a workspace that is not built says so", async () => {
    const unbuilt = makeWorkspace({ auth: { models: USERS } });
    for (const folder of ["prisma", "scripts"])
      cpSync(join(CHECKOUT, folder), join(unbuilt.root, folder), { recursive: true });
    unbuilt.write("services/auth/prisma.config.ts", ONE_LINE);
    const { exitCode, all } = await plainPrisma(unbuilt, "auth", "validate");
    expect(exitCode).toBe(1);
    expect(all).toContain("The schema engine is not built");
    expect(all).toContain("Fix: make build");
  });
});

describe("a service that refers to another's table", () => {
  test("deploys and compares with the owner's migrations as they are, and a reset spares the owner", async () => {
    const invoices = `model Invoice {\n  id Int @id\n  userId Int\n  user User @relation(fields: [userId], references: [id])\n  @@schema("billing")\n}\n`;
    const workspace = await cloneWorkspace({
      auth: {
        models: USERS,
        migrations: {
          "20250101000000_init": `${INIT_AUTH} -- no newline at the end`,
          "20250102000000_mood": "CREATE TYPE mood AS ENUM ('a')",
          "20250103000000_mood": "ALTER TYPE mood ADD VALUE 'b';",
          "20250104000000_use":
            "CREATE TABLE moods (m mood DEFAULT 'b'); SELECT set_config('search_path', '', false);",
          "20250105000000_index": "CREATE INDEX CONCURRENTLY moods_m ON moods (m);",
        },
      },
      billing: {
        alsoSchemas: ["auth"],
        models: invoices + USERS.replace("@unique\n", "@unique\n  invoices Invoice[]\n"),
        migrations: {
          "20250101000000_init": `CREATE TABLE "Invoice" ("id" INTEGER NOT NULL, "userId" INTEGER NOT NULL, CONSTRAINT "Invoice_pkey" PRIMARY KEY ("id"));\nALTER TABLE "Invoice" ADD CONSTRAINT "Invoice_userId_fkey" FOREIGN KEY ("userId") REFERENCES "auth"."users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;`,
        },
      },
    });
    const url = await createDatabase(await testServer());
    workspace.write(".env", `DATABASE_URL=${url}\n`);
    const owner = await plainPrisma(workspace, "auth", "migrate", "deploy");
    expect([owner.exitCode, owner.all]).toEqual([0, expect.stringContaining("successfully applied")]);
    const status = await plainPrisma(workspace, "billing", "migrate", "status");
    expect(status.all).toContain("not yet been applied");
    expect((await plainPrisma(workspace, "billing", "migrate", "deploy")).all).toContain(
      "successfully applied",
    );
    const args = [
      "migrate",
      "diff",
      "--from-migrations",
      "migrations",
      "--to-schema",
      "schema.prisma",
      "--exit-code",
    ];
    const same = await plainPrisma(workspace, "billing", ...args);
    expect([same.exitCode, same.all]).toEqual([0, expect.stringContaining("No difference")]);

    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(
        `INSERT INTO auth.users VALUES (1, 'kept'); INSERT INTO billing."Invoice" VALUES (1, 1)`,
      );
      expect((await plainPrisma(workspace, "billing", "migrate", "reset", "--force")).exitCode).toBe(0);
      const pushed = await plainPrisma(workspace, "billing", "db", "push", "--accept-data-loss");
      expect([pushed.exitCode, pushed.all]).toEqual([0, expect.stringContaining("already in sync")]);
      const pulled = await plainPrisma(workspace, "billing", "db", "pull", "--print");
      expect(pulled.all).toMatch(/model Invoice[\s\S]*user +User +@relation/);
      expect(pulled.all).not.toContain("mood");
      expect((await client.query("SELECT to_regclass('auth.moods')::text AS found")).rows).toEqual([
        { found: "auth.moods" },
      ]);
      expect((await client.query("SELECT email FROM auth.users")).rows).toEqual([{ email: "kept" }]);
      expect((await client.query(`SELECT * FROM billing."Invoice"`)).rows).toEqual([]);
      expect((await client.query("SELECT count(*)::int AS n FROM auth._prisma_migrations")).rows).toEqual([
        { n: 5 },
      ]);
    } finally {
      await client.end();
    }
  });
});

describe("the tool's own verbs", () => {
  test("run the stock CLI on services without a configuration, in any workspace", async () => {
    const { root } = makeWorkspace({
      "odd one": {
        schema: 'a"b; c',
        models: "",
        migrations: { "20250101000000_init": "CREATE TABLE t (id integer);" },
      },
    });
    const databaseUrl = await createDatabase(await testServer());
    const deploy = await runCli(["deploy", "--app", "odd one"], { root, databaseUrl });
    expect([deploy.status, deploy.stdout]).toEqual([0, expect.stringContaining("successfully applied")]);
    const status = await runCli(["prisma", "--app", "odd one", "--", "migrate", "status"], {
      root,
      databaseUrl,
    });
    expect([status.status, status.stdout]).toEqual([0, expect.stringContaining("up to date")]);
    const diff = await runCli(
      [
        "prisma",
        "--app",
        "odd one",
        "--",
        "migrate",
        "diff",
        "--from-empty",
        "--to-config-datasource",
        "--exit-code",
      ],
      { root, databaseUrl },
    );
    expect([diff.status, diff.stdout]).toEqual([2, expect.stringContaining("[+] Added tables")]);
  });

  test("want to know which service, and suggest the nearest", async () => {
    const { root } = makeWorkspace({ auth: { models: USERS }, billing: {} });
    for (const verb of ["dev", "deploy", "prisma"]) {
      const missing = await runCli([verb], { root });
      expect([missing.status, missing.stderr]).toEqual([
        2,
        expect.stringContaining("this workspace has auth, billing"),
      ]);
    }
    const unknown = await runCli(["deploy", "--app", "biling"], { root });
    expect([unknown.status, unknown.stderr]).toEqual([
      2,
      expect.stringContaining("did you mean app=billing?"),
    ]);
  });

  test("generate writes a client; a schema file that does not parse shows Prisma's message, file and line", async () => {
    const workspace = makeWorkspace({
      auth: { models: `generator client {\n  provider = "prisma-client"\n  output = "./made"\n}\n${USERS}` },
    });
    const { root } = workspace;
    const made = await runCli(["generate"], { root });
    expect([made.status, made.stderr]).toEqual([0, expect.stringContaining("auth: Generated Prisma Client")]);
    expect(existsSync(join(root, "services/auth/made/client.ts"))).toBe(true);
    workspace.write(
      "services/auth/schema.prisma",
      `datasource db {\n  provider = "postgresql"\n  schemas = ["auth"]\n}\nmodel A {\n  id Intt @id\n  @@schema("auth")\n}\n`,
    );
    const failed = await runCli(["generate", "--app", "auth"], { root });
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain("auth: prisma generate failed");
    expect(failed.stderr).toMatch(/Type "Intt"[\s\S]*schema\.prisma:6/);
  });

  test("studio prints each service's address, answers there, and ends with us", async () => {
    const { root } = makeWorkspace({ auth: { models: USERS }, pay: { schema: "Pay & co" } });
    const databaseUrl = await createDatabase(await testServer());
    const { process: studio } = await spawnCli(["studio"], { root, databaseUrl });
    let printed = "";
    studio.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await expect.poll(() => printed, { timeout: 30_000 }).toContain("view=table\npay ");
    const lines = printed.split("\n");
    const [, address = ""] =
      /^auth {2}(http:\/\/localhost:\d+)\/#schema=auth&view=table$/m.exec(printed) ?? [];
    expect(lines).toContain(`pay  ${address}/#schema=Pay%20%26%20co&view=table`);
    expect(await (await fetch(address)).text()).toContain("__STUDIO_CONFIG__");
    studio.kill("SIGTERM");
    const { exitCode } = await studio;
    expect(exitCode).toBe(130);
    await expect(fetch(address)).rejects.toThrow();
  });
});
