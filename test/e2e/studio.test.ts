import { expect, test } from "vitest";
import { withPage } from "../support/browser.ts";
import { withClient } from "../support/catalog.ts";
import { spawnCli } from "../support/cli.ts";
import { createServiceDatabase } from "../support/serviceDatabase.ts";
import { CHECKOUT } from "../support/workspace.ts";

test("the address that studio prints shows the service's rows in a browser", async () => {
  const databaseUrl = await createServiceDatabase(["auth", "billing"]);
  await withClient(databaseUrl, (client) =>
    client.query(
      "INSERT INTO auth.users (email, display_name, password_hash) VALUES ('ada@example.com', 'Ada Lovelace', 'x')",
    ),
  );
  const { process: studio } = await spawnCli(["studio", "--app", "auth"], { root: CHECKOUT, databaseUrl });
  try {
    let printed = "";
    studio.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await expect.poll(() => printed, { timeout: 60_000 }).toContain("view=table");
    const address = /http:\S+/.exec(printed)?.[0] ?? "";
    await withPage(async (page) => {
      await page.goto(`${address}&table=users`);
      await page.getByText("ada@example.com").first().waitFor({ timeout: 60_000 });
      const text = (await page.locator("body").allInnerTexts()).join("\n");
      expect(text).toContain("Ada Lovelace");
      expect(text).toContain("sessions");
      expect(text).not.toContain("invoices");
    });
  } finally {
    studio.kill("SIGTERM");
    await studio;
  }
}, 180_000);
