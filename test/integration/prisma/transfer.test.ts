import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { runOn } from "../../support/revision.ts";
import { makeTransferWorkspace, transfer } from "../../support/transfer.ts";

test("the stock CLI replays either history alone, and finds that it leads to the schema file", {
  timeout: 240_000,
}, async () => {
  const bench = { workspace: makeTransferWorkspace(), databaseUrl: await createDatabase(await testServer()) };
  const expectNoDifference = async () => {
    for (const service of ["auth", "billing"]) {
      const args = ["--from-migrations", "migrations", "--to-schema", "schema.prisma", "--exit-code"];
      const { status, stdout, stderr } = await runOn(bench, [
        ...["prisma", "--app", service, "--", "migrate", "diff"],
        ...args,
      ]);
      expect([status, stdout], stderr).toEqual([0, expect.stringContaining("No difference detected")]);
    }
  };
  await transfer(bench, "auth.profile", "billing");
  await expectNoDifference();
  // Nor is it in the way what the new owner does to the table later.
  bench.workspace.writeMigration(
    "billing",
    "20991231000000_more",
    'ALTER TABLE "profile" ADD COLUMN "x" TEXT;\n',
  );
  const file = `${bench.workspace.root}/services/billing/schema.prisma`;
  const text = readFileSync(file, "utf8").replace(/^ {2}bio .*$/m, (line) => `${line}\n  x String?`);
  bench.workspace.write("services/billing/schema.prisma", text);
  await expectNoDifference();
});
