import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDownTarget } from "../../scripts/core/downgrade.ts";
import { compareHistory } from "../../scripts/core/history.ts";
import { requireSound, type Service } from "../../scripts/core/service.ts";
import { parseTarget } from "../../scripts/core/target.ts";
import { prepareDowngrade } from "../../scripts/io/downgrade/prepare.ts";
import { withConnection } from "../../scripts/io/postgres/connect.ts";
import { gatherFacts } from "../../scripts/io/upgrade/gather.ts";
import { prepareUpgrade, runUpgrade } from "../../scripts/io/upgrade/upgrade.ts";
import { readServices } from "../../scripts/io/workspace.ts";
import { readCatalog } from "../support/catalog.ts";
import { growReversible } from "../support/histories/reversible.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { applyWithEngine, runPrisma } from "../support/prismaCli.ts";
import { makeChance } from "../support/random.ts";
import { makeReversibleWorkspace } from "../support/reversible.ts";

const LENGTH = 12;
const OPTIONS = { jobs: 1, lockWait: 10_000, lockTimeout: 5_000, retries: 3 };

/** A move in a history: up or down to a point, by number, by name or to an end, by us or by stock Prisma. */
const MOVE = fc.record({ to: fc.nat(LENGTH), how: fc.constantFrom("steps", "name", "stock") });

test("a random walk up and down is, at every step, where a straight upgrade leads", {
  timeout: 600_000,
}, async () => {
  const server = await testServer();
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(MOVE, { minLength: 4, maxLength: 8 }), async (seed, moves) => {
      const history = growReversible(makeChance(seed), LENGTH);
      const names = history.map(({ name }) => name);
      const workspace = makeReversibleWorkspace({ auth: history });
      const [service] = readServices(workspace.root).map(requireSound);
      if (!service) throw new Error("no service");
      const straight = await straightCatalogs(service, { url: await createDatabase(server), names });
      const url = await createDatabase(server);
      let at = 0;
      for (const { to, how } of moves) {
        if (how === "stock") {
          const { status, output } = await applyWithEngine({ workspace, service: "auth", databaseUrl: url });
          expect(status, output).toBe(0);
          at = LENGTH;
        } else {
          await go(service, { url, from: at, to, names, how });
          at = to;
        }
        const where = `SEED ${seed}, at ${at} after ${JSON.stringify(moves)}`;
        expect(await catalogOf(url), where).toEqual(straight[at]);
        expect(await appliedIn(service, url), where).toEqual(names.slice(0, at));
      }
      if (at === 0) return;
      const { output } = await runPrisma(["migrate", "status"], {
        workspace,
        service: "auth",
        databaseUrl: url,
      });
      expect(names.filter((name) => output.includes(name))).toEqual(names.slice(at));
    }),
    { numRuns: 12 },
  );
});

async function go(
  service: Service,
  {
    url,
    from,
    to,
    names,
    how,
  }: { url: string; from: number; to: number; names: string[]; how: "steps" | "name" },
): Promise<void> {
  const name = to === 0 ? "base" : (names[to - 1] ?? "");
  const shared = { url, services: [service], lockWait: OPTIONS.lockWait };
  const prepared =
    to >= from && to > 0
      ? await prepareUpgrade({
          ...shared,
          chosen: [service],
          target: parseTarget(how === "steps" ? `+${to - from}` : name),
          withDependencies: false,
          requireRoles: false,
          onDatabaseCreated: () => {},
        })
      : await prepareDowngrade({
          ...shared,
          service,
          target: parseDownTarget(how === "steps" ? `-${from - to}` : name),
        });
  const [plan] = prepared.run.plans;
  expect(plan?.refusal).toBeUndefined();
  const [outcome] = await runUpgrade(prepared, OPTIONS, {
    signal: new AbortController().signal,
    emit: () => {},
  });
  expect(outcome?.failure, outcome?.failure?.why).toBeUndefined();
  expect(outcome?.applied).toEqual(to >= from ? names.slice(from, to) : names.slice(to, from).reverse());
}

async function straightCatalogs(
  service: Service,
  { url, names }: { url: string; names: string[] },
): Promise<unknown[]> {
  const catalogs = [];
  for (let at = 0; at <= LENGTH; at += 1) {
    if (at > 0) await go(service, { url, from: at - 1, to: at, names, how: "steps" });
    catalogs.push(await catalogOf(url));
  }
  return catalogs;
}

/** Without the schema itself and the ledger, which the first upgrade makes and a downgrade leaves. */
async function catalogOf(url: string): Promise<unknown> {
  const { schemas: _schemas, ...catalog } = await readCatalog(url, ["auth"]);
  return Object.fromEntries(
    Object.entries(catalog).map(([kind, objects]) => [
      kind,
      Object.fromEntries(Object.entries(objects).filter(([name]) => !name.includes("_prisma_migrations"))),
    ]),
  );
}

async function appliedIn(service: Service, url: string): Promise<string[]> {
  const [facts] = await withConnection(url, (client) => gatherFacts(client, [service]));
  const { applied, failed } = compareHistory(facts?.migrations ?? [], facts?.ledger ?? []);
  expect(failed).toEqual([]);
  return applied;
}
