import { existsSync, writeFileSync } from "node:fs";
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
  const { workspace, service, schema = service, databaseUrl } = options;
  const engine = join(await toolFolder(), "schema-engine.js");
  if (!existsSync(engine)) throw new Error(`${engine} was not built: stock Prisma has no engine to start`);
  const folder = join(workspace.root, "services", service);
  const url = new URL(databaseUrl);
  url.searchParams.set("schema", schema);
  const config = join(folder, "stock.config.mjs");
  writeFileSync(
    config,
    `export default { schema: "schema.prisma", migrations: { path: "migrations" }, datasource: { url: ${JSON.stringify(url.href)} } };\n`,
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

/** Runs `prisma migrate deploy` and throws unless it succeeds. */
export async function deployWithPrisma(options: PrismaOptions): Promise<string> {
  const { status, output } = await runPrisma(["migrate", "deploy"], options);
  if (status !== 0) throw new Error(`prisma migrate deploy exited ${status}:\n${output}`);
  return output;
}
