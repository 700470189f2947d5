import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { withClient } from "../support/catalog.ts";
import { runCli, spawnCli } from "../support/cli.ts";
import { growReversible } from "../support/histories/reversible.ts";
import { readCurrent, readOutcome } from "../support/interchange.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { makeChance } from "../support/random.ts";
import { makeReversibleWorkspace } from "../support/reversible.ts";

const LENGTH = 24;
const KILLS = 16;

const chance = makeChance();

test(`a downgrade that is killed, whenever, is at a point of the history and goes on (SEED=${chance.seed})`, {
  timeout: 600_000,
}, async () => {
  const history = growReversible(chance, LENGTH).map(({ name, up, down }) => ({
    name,
    up,
    // Long enough to be met in the middle.
    down: /concurrently/i.test(down ?? "") ? `${down}` : `${down}\nSELECT pg_sleep(0.02);`,
  }));
  const names = history.map(({ name }) => name);
  const workspace = makeReversibleWorkspace({ auth: history });
  const databaseUrl = await createDatabase(await testServer());
  const run = async (...args: string[]) => {
    const { status, stderr } = await runCli(args, { root: workspace.root, databaseUrl });
    expect(status, `SEED=${chance.seed} ${args.join(" ")}: ${stderr}`).toBe(0);
  };
  const where = { workspace, databaseUrl };
  /** What a straight upgrade to each point leaves. */
  const catalogs: unknown[] = [];
  for (const name of ["", ...names]) {
    if (name !== "") await run("upgrade", "--app", "auth", name);
    catalogs.push(await catalogOf(databaseUrl));
  }
  const points = new Set<number>();
  let longest = 1_500;
  for (let killed = 0; killed < KILLS; killed += 1) {
    await run("upgrade-head", "--app", "auth");
    const { process } = await spawnCli(["downgrade", "--app", "auth", "base", "--yes"], {
      root: workspace.root,
      databaseUrl,
    });
    const started = performance.now();
    await Promise.race([process, sleep(chance.next() * longest)]);
    process.kill("SIGKILL");
    const { exitCode } = await process;
    if (exitCode === 0) longest = performance.now() - started;
    await untilAlone(databaseUrl);
    const before = await readCurrent("auth", where);
    if (before.failed.length > 0) await run("repair", "--app", "auth", "--on", "--yes");
    const { current, failed, applied } = await readCurrent("auth", where);
    expect(failed).toEqual([]);
    expect(applied).toBe(current === null ? 0 : names.indexOf(current) + 1);
    expect(await catalogOf(databaseUrl), `SEED=${chance.seed}, at ${current}`).toEqual(catalogs[applied]);
    points.add(applied);
  }
  expect(points.size, "killed in the middle, not always at an end").toBeGreaterThan(2);
  await run("downgrade", "--app", "auth", "base", "--yes");
  expect(await catalogOf(databaseUrl)).toEqual(catalogs[0]);
});

/** What a killed tool has sent, the server may finish. */
async function untilAlone(url: string): Promise<void> {
  const others =
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'schemata%' AND application_name <> 'schemata-test'";
  for (let left = 400; left > 0; left -= 1) {
    const { rowCount } = await withClient(url, (client) => client.query(others));
    if (rowCount === 0) return;
    await sleep(25);
  }
  throw new Error("a killed tool's session goes on and on");
}

async function catalogOf(url: string): Promise<unknown> {
  const { schemas: _schemas, ...catalog } = (await readOutcome(url, ["auth"])).catalog;
  return Object.fromEntries(
    Object.entries(catalog).map(([kind, objects]) => [
      kind,
      Object.fromEntries(Object.entries(objects).filter(([name]) => !name.includes("_prisma_migrations"))),
    ]),
  );
}
