import { expect, test } from "vitest";
import { withClient } from "../support/catalog.ts";
import { EVERYDAY } from "../support/histories/everyday.ts";
import { readCurrent, readOutcome, upgradeWithOurs } from "../support/interchange.ts";
import { createDatabase, MAJORS, testServer } from "../support/postgres.ts";
import { applyWithEngine } from "../support/prismaCli.ts";
import { makeWorkspace } from "../support/workspace.ts";

test.each(MAJORS)(
  "on PostgreSQL %i stock Prisma and we leave the same and accept each other's work",
  async (major) => {
    const server = await testServer(major);
    const [stockUrl, ourUrl] = await Promise.all([createDatabase(server), createDatabase(server)]);
    const workspace = makeWorkspace({ shop: { migrations: EVERYDAY } });
    const applied = await applyWithEngine({ workspace, service: "shop", databaseUrl: stockUrl });
    expect(applied).toEqual({ status: 0, output: Object.keys(EVERYDAY).join("\n") });
    expect(await upgradeWithOurs("shop", { workspace, databaseUrl: ourUrl })).toEqual(Object.keys(EVERYDAY));

    const [stock, ours] = await Promise.all(
      [stockUrl, ourUrl].map((url) => readOutcome(url, ["shop", "archive"])),
    );
    expect(ours).toEqual(stock);
    const { rows } = await withClient(ourUrl, (client) => client.query("SHOW server_version"));
    expect(rows[0].server_version).toMatch(new RegExp(`^${major}\\.`));

    expect(await readCurrent("shop", { workspace, databaseUrl: stockUrl })).toMatchObject({
      pending: [],
      edited: [],
    });
    workspace.writeMigration("shop", "z_one_more", 'CREATE TABLE "More" ();');
    expect(await applyWithEngine({ workspace, service: "shop", databaseUrl: ourUrl })).toEqual({
      status: 0,
      output: "z_one_more",
    });
    expect(await upgradeWithOurs("shop", { workspace, databaseUrl: stockUrl })).toEqual(["z_one_more"]);
  },
);
