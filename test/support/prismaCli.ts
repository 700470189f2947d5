import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { bareEnvironment, toolFolder } from "./cli.ts";
import { CHECKOUT, type TestWorkspace } from "./workspace.ts";

export interface PrismaOptions {
  workspace: TestWorkspace;
  service: string;
  /** The Postgres schema, where it is not called like the service. */
  schema?: string;
  databaseUrl: string;
}

export interface PrismaResult {
  status: number | undefined;
  /** Standard output and standard error, as a user sees them. */
  output: string;
}

/**
 * Runs the stock Prisma CLI on one service, to its end: a plain configuration of its own, nothing of ours but the
 * schema engine, whose WebAssembly the CLI starts through the door of the built tool.
 */
export async function runPrisma(args: readonly string[], options: PrismaOptions): Promise<PrismaResult> {
  const { workspace, service } = options;
  const engine = await engineProgram();
  const folder = join(workspace.root, "services", service);
  const url = JSON.stringify(prismaUrl(options));
  const config = join(folder, "stock.config.mjs");
  writeFileSync(
    config,
    `export default { schema: "schema.prisma", migrations: { path: "migrations" }, datasource: { url: ${url} } };\n`,
  );
  const program = join(CHECKOUT, "node_modules", "prisma", "build", "index.js");
  const result = await execa(process.execPath, [program, ...args, "--config", config], {
    cwd: folder,
    env: {
      ...bareEnvironment(),
      PRISMA_SCHEMA_ENGINE_BINARY: engine,
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
      CHECKPOINT_DISABLE: "1",
      NO_COLOR: "1",
      CI: "1",
    },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    all: true,
  });
  return { status: result.exitCode, output: result.all };
}

async function engineProgram(): Promise<string> {
  const engine = join(await toolFolder(), "schema-engine.js");
  if (!existsSync(engine)) throw new Error(`${engine} was not built: stock Prisma has no engine to start`);
  return engine;
}

/** A service's database as Prisma's own URLs name it. */
function prismaUrl({ service, schema = service, databaseUrl }: PrismaOptions): string {
  const url = new URL(databaseUrl);
  url.searchParams.set("schema", schema);
  return url.href;
}

/**
 * What `prisma migrate deploy` makes the stock engine do, without the CLI and its second and a half: one process, one
 * `applyMigrations`. Returns the engine's own words, or the names of what it has applied.
 */
export async function applyWithEngine(options: PrismaOptions): Promise<PrismaResult> {
  const folder = join(options.workspace.root, "services", options.service);
  const baseDir = join(folder, "migrations");
  const names = readdirSync(baseDir).filter((name) => !name.endsWith(".toml"));
  const migrationsList = {
    baseDir,
    lockfile: { path: "migration_lock.toml", content: 'provider = "postgresql"\n' },
    shadowDbInitScript: "",
    migrationDirectories: names.sort().map((path) => ({
      path,
      migrationFile: {
        path: "migration.sql",
        // The CLI, too, decodes a script as UTF-8, replaces what is none, and keeps a byte order mark.
        content: { tag: "ok", value: readFileSync(join(baseDir, path, "migration.sql"), "utf8") },
      },
    })),
  };
  const params = { migrationsList, filters: { externalTables: [], externalEnums: [] } };
  const datasource = JSON.stringify({ url: prismaUrl(options) });
  const { stdout, stderr } = await execa(
    process.execPath,
    [await engineProgram(), "--datamodels", join(folder, "schema.prisma"), "--datasource", datasource],
    {
      cwd: folder,
      env: bareEnvironment(),
      extendEnv: false,
      reject: false,
      input: `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "applyMigrations", params })}\n`,
    },
  );
  const answer = JSON.parse(stdout || `{"error":${JSON.stringify(stderr)}}`);
  const { error } = answer;
  if (error) return { status: 1, output: [error.data?.error_code, error.data?.message ?? error].join("\n") };
  return { status: 0, output: answer.result.appliedMigrationNames.join("\n") };
}

/** Runs `prisma migrate deploy` and throws unless it succeeds. */
export async function deployWithPrisma(options: PrismaOptions): Promise<string> {
  const { status, output } = await runPrisma(["migrate", "deploy"], options);
  if (status !== 0) throw new Error(`prisma migrate deploy exited ${status}:\n${output}`);
  return output;
}
