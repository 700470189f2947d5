import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { openEngine } from "../../prisma/engine/open.ts";
import { createDatabase, testServer } from "./postgres.ts";
import { CHECKOUT } from "./workspace.ts";

/** A database that holds this workspace's services as their schema files describe them, and no ledgers. */
export async function createServiceDatabase(services: readonly string[]): Promise<string> {
  const url = await createDatabase(await testServer());
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const service of services) {
      const path = join(CHECKOUT, "services", service, "schema.prisma");
      await using engine = await openEngine({ schemaFiles: [{ path, content: readFileSync(path, "utf8") }] });
      await client.query(await engine.diff("empty", "schema"));
    }
    return url;
  } finally {
    await client.end();
  }
}
