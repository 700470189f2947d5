import { beforeAll, describe, expect, test } from "vitest";
import { EVERYDAY } from "../support/histories/everyday.ts";
import { largeScript, longHistory } from "../support/histories/long.ts";
import { type Outcome, readCurrent, readOutcome, upgradeWithOurs } from "../support/interchange.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { deployWithPrisma, runPrisma } from "../support/prismaCli.ts";
import { makeWorkspace, type TestWorkspace } from "../support/workspace.ts";

/** Schemas that the migrations of a service make, its own first. */
const HISTORIES: Record<string, { schemas: [string, ...string[]]; migrations: Record<string, string> }> = {
  shop: { schemas: ["shop", "archive"], migrations: { ...EVERYDAY } },
  long: { schemas: ["long"], migrations: longHistory(800) },
  large: { schemas: ["large"], migrations: { "20250101000000_large": largeScript() } },
};

describe.each(Object.entries(HISTORIES))("the history %s", (service, { schemas, migrations }) => {
  const names = Object.keys(migrations);
  let workspace: TestWorkspace;
  let stockUrl: string;
  let ourUrl: string;
  let stock: Outcome;
  let ours: Outcome;

  beforeAll(async () => {
    const server = await testServer();
    workspace = makeWorkspace({ [service]: { migrations } });
    [stockUrl, ourUrl] = await Promise.all([createDatabase(server), createDatabase(server)]);
    await deployWithPrisma({ workspace, service, databaseUrl: stockUrl });
    expect(await upgradeWithOurs(service, { workspace, databaseUrl: ourUrl })).toEqual(names);
    [stock, ours] = await Promise.all([readOutcome(stockUrl, schemas), readOutcome(ourUrl, schemas)]);
  });

  test("leaves the same catalog and rows, whoever applies it", () => {
    expect(Object.keys(stock.catalog.relations).length).toBeGreaterThan(1);
    expect(ours.catalog).toEqual(stock.catalog);
    expect(ours.rows).toEqual(stock.rows);
  });

  test("leaves the same ledger, whoever applies it", () => {
    expect(stock.ledger.map(({ migration }) => migration)).toEqual(names);
    expect(ours.ledger).toEqual(stock.ledger);
  });

  test("applied by us, is complete for stock Prisma", async () => {
    const { status, output } = await runPrisma(["migrate", "status"], {
      workspace,
      service,
      databaseUrl: ourUrl,
    });
    expect(output).toMatch("Database schema is up to date!");
    expect(status).toBe(0);
  });

  test("applied by stock Prisma, is complete for us", async () => {
    expect(await readCurrent(service, { workspace, databaseUrl: stockUrl })).toMatchObject({
      applied: names.length,
      current: names.at(-1),
      head: names.at(-1),
      ...{ pending: [], missing: [], edited: [], failed: [], outOfOrder: [] },
    });
    expect(await upgradeWithOurs(service, { workspace, databaseUrl: stockUrl })).toEqual([]);
    expect(await readOutcome(stockUrl, schemas)).toEqual(stock);
  });
});
