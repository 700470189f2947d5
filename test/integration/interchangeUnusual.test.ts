import { beforeAll, describe, expect, test } from "vitest";
import { withClient } from "../support/catalog.ts";
import { type CliResult, runCli } from "../support/cli.ts";
import { UNUSUAL, type UnusualCase } from "../support/histories/unusual.ts";
import { readOutcome, type ServiceReport } from "../support/interchange.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { applyWithEngine, type PrismaResult } from "../support/prismaCli.ts";
import { makeWorkspace, type TestWorkspace } from "../support/workspace.ts";

const CASES = Object.entries(UNUSUAL);

/** One workspace, a service for each case: a single run of ours applies them all, each failure its own. */
describe("scripts at the edge of what a transaction, a session or a file can hold", () => {
  let workspace: TestWorkspace;
  let stockUrl: string;
  let ourUrl: string;
  let run: CliResult;
  let reports: ServiceReport[];
  const stock = new Map<string, PrismaResult>();

  beforeAll(async () => {
    const server = await testServer();
    [stockUrl, ourUrl] = await Promise.all([createDatabase(server), createDatabase(server)]);
    workspace = makeWorkspace(
      Object.fromEntries(CASES.map(([name, { migrations }]) => [name, { migrations }])),
    );
    run = await runCli(["upgrade-head", "--json"], { root: workspace.root, databaseUrl: ourUrl });
    reports = run.json<{ services: ServiceReport[] }>().services;
    await deployAll(workspace, stockUrl, stock);
  });

  test.each(CASES)("stock Prisma's own fate with %s is as recorded", (name, { stockFails, migrations }) => {
    const { status, output } = stock.get(name) ?? {};
    expect(output).toMatch(stockFails ?? Object.keys(migrations).join("\n"));
    expect(status).toBe(stockFails ? 1 : 0);
  });

  test.each(CASES.filter(([, { ours }]) => ours === "same"))(
    "%s: we leave what stock leaves",
    async (name) => {
      expect(reportOf(name)).toMatchObject({ status: "upgraded", error: null });
      const [theirs, ours] = await Promise.all([stockUrl, ourUrl].map((url) => readOutcome(url, [name])));
      expect(ours).toEqual(theirs);
    },
  );

  test.each(CASES.filter(([, { ours }]) => isProof(ours)))(
    "%s: we apply it all, and it takes effect",
    async (name, { ours, migrations }) => {
      expect(reportOf(name)).toMatchObject({
        status: "upgraded",
        error: null,
        applied: Object.keys(migrations),
      });
      expect(await readLedger(ourUrl, name)).toMatchObject(
        Object.keys(migrations).map((migration) => ({ migration, state: "finished" })),
      );
      if (!isProof(ours)) throw new Error("no proof");
      const { rows } = await withClient(ourUrl, async (client) => {
        await client.query(`SET search_path = "${name}"`);
        return client.query<{ it: boolean }>(ours.proof);
      });
      expect(rows).toEqual([{ it: true }]);
    },
  );

  test.each(CASES.filter(([, { ours }]) => isRefusal(ours)))(
    "%s: we say what is wrong and leave nothing of it",
    async (name, { ours, migrations }) => {
      if (!isRefusal(ours)) throw new Error("no refusal");
      const report = reportOf(name);
      expect(report).toMatchObject({ status: "failed" });
      expect(report?.error).toMatch(ours.refuses);
      expect(report?.error).toMatch(new RegExp(`^${name}: [^]*\\n  Fix: `));
      const applied = report?.applied ?? [];
      expect(applied).toEqual(Object.keys(migrations).slice(0, applied.length));
      expect((await readLedger(ourUrl, name)).map(({ migration, state }) => [migration, state])).toEqual(
        applied.map((migration) => [migration, "finished"]),
      );
      const { relations } = (await readOutcome(ourUrl, [name])).catalog;
      expect(Object.keys(relations)).not.toContain(`${name}.b`);
    },
  );

  test("what failed is applied by the next run once it is mended, and nothing else", async () => {
    const broken = CASES.filter(([, { ours }]) => isRefusal(ours)).map(([name]) => name);
    for (const name of broken) {
      const last = Object.keys(UNUSUAL[name]?.migrations ?? {}).at(-1);
      workspace.writeMigration(name, last ?? "", "CREATE TABLE mended ();");
    }
    const again = await runCli(["upgrade-head", "--json"], { root: workspace.root, databaseUrl: ourUrl });
    expect(again.status, again.stderr).toBe(0);
    const upgraded = again
      .json<{ services: ServiceReport[] }>()
      .services.filter(({ status }) => status === "upgraded");
    expect(upgraded.map(({ service }) => service).sort()).toEqual(broken.sort());
  });

  test("the run as a whole fails, without a stack trace", () => {
    expect(run.status).toBe(1);
    expect(run.stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
    expect(run.stderr).not.toMatch("defect of the tool");
  });

  function reportOf(name: string): ServiceReport | undefined {
    return reports.find(({ service }) => service === name);
  }
});

async function deployAll(workspace: TestWorkspace, databaseUrl: string, results: Map<string, PrismaResult>) {
  const waiting = CASES.map(([name]) => name);
  const worker = async () => {
    for (let service = waiting.shift(); service; service = waiting.shift()) {
      results.set(service, await applyWithEngine({ workspace, service, databaseUrl }));
    }
  };
  await Promise.all([worker(), worker()]);
}

function isProof(ours: UnusualCase["ours"]): ours is { proof: string } {
  return typeof ours === "object" && "proof" in ours;
}

function isRefusal(ours: UnusualCase["ours"]): ours is { refuses: RegExp } {
  return typeof ours === "object" && "refuses" in ours;
}
