import { runCli } from "./cli.ts";
import { createDatabase, testServer } from "./postgres.ts";
import { CHECKOUT } from "./workspace.ts";

/** A database with this workspace's services at head and their roles, as an operator makes one. */
export async function createServiceDatabase(services: readonly string[]): Promise<string> {
  const databaseUrl = await createDatabase(await testServer());
  const apps = services.flatMap((service) => ["--app", service]);
  for (const args of [
    ["provision", ...apps],
    ["upgrade-head", "--require-roles", ...apps],
  ]) {
    const { status, stderr } = await runCli(args, { root: CHECKOUT, databaseUrl });
    if (status !== 0) throw new Error(stderr);
  }
  return databaseUrl;
}
