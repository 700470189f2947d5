import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { SchemataError } from "../../../../scripts/core/errors.ts";
import { type Revision, reviseService } from "../../../../scripts/io/revision/revise.ts";
import { readServices } from "../../../../scripts/io/workspace.ts";
import { createDatabase, testServer } from "../../../support/postgres.ts";
import { makeChance } from "../../../support/random.ts";
import { changeSchema, growSchema, renderSchema } from "../../../support/randomSchema.ts";
import { listMigrations, writeModels } from "../../../support/revision.ts";
import { makeWorkspace, type TestWorkspace } from "../../../support/workspace.ts";

const AGREEMENTS = ".schemata/agreements";

interface Shop {
  workspace: TestWorkspace;
  databaseUrl: string;
}

async function openShop(): Promise<Shop> {
  return {
    workspace: makeWorkspace({ shop: {} }),
    databaseUrl: await createDatabase(await testServer()),
  };
}

async function revise({ workspace, databaseUrl }: Shop, message?: string): Promise<Revision | undefined> {
  const services = readServices(workspace.root);
  const [service] = services;
  if (!service) throw new Error("there is no service");
  return reviseService({
    settings: {
      root: workspace.root,
      ...{ databaseUrl, databaseFrom: "environment", dbPort: 1, shadowDatabaseUrl: undefined },
    },
    note: () => {},
    signal: new AbortController().signal,
    ...{ service, services, renames: [], message },
    confirm: async () => [],
  });
}

function forget({ workspace }: Shop): void {
  if (existsSync(join(workspace.root, AGREEMENTS))) workspace.remove(AGREEMENTS);
}

/** The same revision with what earlier ones found and without. */
async function reviseBoth(
  shop: Shop,
): Promise<[Revision | string | undefined, Revision | string | undefined]> {
  const told = (error: unknown) => {
    if (error instanceof SchemataError) return `${error.message}\n${error.why}`;
    throw error;
  };
  const known = await revise(shop).catch(told);
  forget(shop);
  return [known, await revise(shop).catch(told)];
}

test("what earlier revisions found makes the next ones no other", { timeout: 120_000 }, async () => {
  const property = fc.asyncProperty(fc.integer(), async (seed) => {
    const shop = await openShop();
    const chance = makeChance(seed);
    let schema = growSchema(chance, 10);
    for (let step = 0; step < 5; step++) {
      shop.workspace.write("services/shop/schema.prisma", renderSchema(schema, "shop"));
      const [known, afresh] = await reviseBoth(shop);
      expect(known).toEqual(afresh);
      // Sometimes it is thought better of, sometimes edited before it is applied.
      if (chance.below(4) > 0 && typeof afresh === "object") await revise(shop, `step ${step}`);
      const last = listMigrations(shop.workspace, "shop").at(-1);
      if (last && chance.below(4) === 0)
        shop.workspace.writeMigration("shop", last, `CREATE TABLE "by hand" (id int);\n`);
      schema = changeSchema(schema, chance);
    }
  });
  await fc.assert(property, { numRuns: 8, endOnFailure: true });
});

describe("an agreement", () => {
  const MODELS =
    'model A {\n  id Int @id\n  @@schema("shop")\n}\nmodel B {\n  id Int @id\n  @@schema("shop")\n}\n';
  let shop: Shop;
  const files = () => readdirSync(join(shop.workspace.root, AGREEMENTS));

  beforeEach(async () => {
    shop = await openShop();
    writeModels(shop.workspace, "shop", MODELS);
    await revise(shop, "init");
  });

  test("is kept for the history before and after, and spares the engine where nothing has changed", async () => {
    expect(files()).toHaveLength(2);
    expect(await revise(shop)).toBeUndefined();
    expect(files()).toHaveLength(2);
    expect(await revise(shop)).toBeUndefined();
  });

  test.each(["", "{", "null", "[]", '{"text":1,"except":[]}', '{"text":"model","except":[1]}'])(
    "that holds %j is none",
    async (content) => {
      for (const name of files()) writeFileSync(join(shop.workspace.root, AGREEMENTS, name), content);
      expect(await revise(shop)).toBeUndefined();
    },
  );

  test("that cannot be kept is no failure", async () => {
    forget(shop);
    shop.workspace.write(AGREEMENTS, "no folder");
    writeModels(shop.workspace, "shop", MODELS.replace("}\n", "  more Int?\n}\n"));
    expect((await revise(shop, "more"))?.sql).toContain('ADD COLUMN     "more" INTEGER');
  });

  test("does not hold for a migration that was edited since", async () => {
    const [name = ""] = listMigrations(shop.workspace, "shop");
    shop.workspace.writeMigration(
      "shop",
      name,
      'CREATE TABLE "A" (id integer, CONSTRAINT "A_pkey" PRIMARY KEY (id));\n',
    );
    expect((await revise(shop))?.sql).toContain('CREATE TABLE "B"');
  });

  test("leaves to the whole schema file what is wrong beside a change", async () => {
    writeModels(
      shop.workspace,
      "shop",
      `${MODELS}model C {\n  id Int @id\n  @@map("A")\n  @@schema("shop")\n}\n`,
    );
    const failure = await revise(shop).then(
      () => undefined,
      (error: SchemataError) => error,
    );
    expect(failure?.message).toBe("shop: services/shop/schema.prisma is not valid");
    expect(failure?.why).toContain("-->  services/shop/schema.prisma:16\n");
  });

  test("goes in time, so that a workspace does not fill", { timeout: 60_000 }, async () => {
    for (let column = 0; column < 26; column++) {
      writeModels(shop.workspace, "shop", MODELS.replace("}\n", `  c${column} Int?\n}\n`));
      await revise(shop, `c${column}`);
    }
    expect(files().length).toBeLessThan(24);
  });
});
