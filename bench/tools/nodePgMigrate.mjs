// Upgrades every folder under argv[2], each a service and its schema, argv[3] of them at a time, by node-pg-migrate's
// programmatic runner. Its lock is one for the whole database: with it two services could not run at once.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { runner } from "node-pg-migrate";
import { Client } from "pg";

const [, , root, jobs] = process.argv;
const waiting = readdirSync(root).sort();

await Promise.all(
  Array.from({ length: Number(jobs) }, async () => {
    const dbClient = new Client({ connectionString: process.env.DATABASE_URL });
    await dbClient.connect();
    for (let service = waiting.shift(); service !== undefined; service = waiting.shift()) {
      await runner({
        dbClient,
        dir: join(root, service),
        schema: service,
        createSchema: true,
        migrationsTable: "pgmigrations",
        direction: "up",
        noLock: true,
        log: () => {},
      });
    }
    await dbClient.end();
  }),
);
