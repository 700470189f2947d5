import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { ownerRole } from "../../../scripts/core/roles.ts";
import { withClient } from "../../support/catalog.ts";
import { runCli } from "../../support/cli.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { applyWithEngine, runPrisma } from "../../support/prismaCli.ts";
import { makeWorkspace } from "../../support/workspace.ts";

it("stock Prisma's tables belong to the service's owner role, also after migrate reset", async () => {
  const service = `stock_${randomBytes(4).toString("hex")}`;
  const workspace = makeWorkspace({
    [service]: { migrations: { "20250101000000_init": "CREATE TABLE t (id int);" } },
  });
  const databaseUrl = await createDatabase(await testServer());
  expect((await runCli(["provision"], { root: workspace.root, databaseUrl })).status).toBe(0);
  const owners = () =>
    withClient(databaseUrl, async (client) => {
      const tables = await client.query(
        "SELECT tablename AS name, tableowner AS owner FROM pg_tables WHERE schemaname = $1 ORDER BY 1",
        [service],
      );
      return tables.rows;
    });
  const owner = ownerRole(service);
  const stock = { workspace, service, databaseUrl };

  await applyWithEngine(stock);
  expect(await owners()).toEqual([
    { name: "_prisma_migrations", owner },
    { name: "t", owner },
  ]);
  workspace.writeMigration(service, "20250102000000_more", "CREATE TABLE u (id int);");
  const ours = await runCli(["upgrade-head", "--require-roles", "--json"], {
    root: workspace.root,
    databaseUrl,
  });
  expect(ours.json()).toMatchObject({ services: [{ applied: ["20250102000000_more"] }] });

  const reset = await runPrisma(["migrate", "reset", "--force"], stock);
  expect(reset.output).toContain("Database reset successful");
  expect(await owners()).toEqual([
    { name: "_prisma_migrations", owner },
    { name: "t", owner },
    { name: "u", owner },
  ]);
});
