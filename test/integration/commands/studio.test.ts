import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { appRole } from "../../../scripts/core/roles.ts";
import { withClient } from "../../support/catalog.ts";
import { runCli, spawnCli } from "../../support/cli.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { makeWorkspace } from "../../support/workspace.ts";

interface Answer {
  current_user: string;
  search_path: string;
}

/** Asks the Studio that the tool starts on a service, as its page does. */
async function askStudio(root: string, databaseUrl: string, service: string): Promise<Answer> {
  const { process: studio } = await spawnCli(["studio", "--app", service], { root, databaseUrl });
  try {
    let printed = "";
    studio.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await expect.poll(() => printed, { timeout: 90_000 }).toContain("view=table");
    const [address] = /http:\/\/localhost:\d+/.exec(printed) ?? [];
    const sql = "SELECT current_user, current_setting('search_path') AS search_path";
    const response = await fetch(`${address}/bff`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ procedure: "query", query: { sql, parameters: [] } }),
    });
    const [, [answer]] = (await response.json()) as [unknown, [Answer]];
    return answer;
  } finally {
    studio.kill("SIGTERM");
    await studio;
  }
}

test("Studio on one service acts as its app role, and as the login where there is none", async () => {
  const service = `We ird\\_${randomBytes(4).toString("hex")}`;
  const { root } = makeWorkspace({ shop: { schema: service } });
  const databaseUrl = await createDatabase(await testServer());
  await withClient(databaseUrl, (client) => client.query(`CREATE SCHEMA "${service}"`));
  expect(await askStudio(root, databaseUrl, "shop")).toMatchObject({ current_user: "postgres" });
  expect((await runCli(["provision"], { root, databaseUrl })).status).toBe(0);
  expect(await askStudio(root, databaseUrl, "shop")).toEqual({
    current_user: appRole(service),
    search_path: `"${service}"`,
  });
}, 240_000);
