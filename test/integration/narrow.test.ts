import fc from "fast-check";
import pg from "pg";
import { expect, test } from "vitest";
import { pinToSchema } from "../../prisma/database.ts";
import { openEngine } from "../../prisma/engine/open.ts";
import { type NarrowView, narrowSchema } from "../../scripts/core/narrow/narrow.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { makeChance } from "../support/random.ts";
import { changeSchema, growSchema, renderSchema } from "../support/randomSchema.ts";

const OWN = "shop";

/** Up and down as the engine writes them for that schema file, and that part of the database. */
async function compare(url: string, text: string, view?: NarrowView) {
  await using engine = await openEngine({
    url,
    schemaFiles: [{ path: "schema.prisma", content: text }],
    view,
  });
  const revision = await engine.revise();
  return { revision, down: revision && (await engine.diff("schema", "database")) };
}

test("what is left of a schema file leads to the same migration as all of it", {
  timeout: 240_000,
}, async () => {
  const database = await createDatabase(await testServer());
  const url = pinToSchema(database, OWN);
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const counts = { narrowed: 0, unchanged: 0, smaller: 0, whole: 0, invalid: 0 };
  const property = fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 3 }), async (seed, changes) => {
    const chance = makeChance(seed);
    const first = growSchema(chance, 12);
    let second = first;
    for (let change = 0; change < changes; change++) second = changeSchema(second, chance);
    const [since, text] = [renderSchema(first, OWN), renderSchema(second, OWN)];
    await client.query(`DROP SCHEMA IF EXISTS ${OWN} CASCADE; CREATE SCHEMA ${OWN}`);
    await using engine = await openEngine({ schemaFiles: [{ path: "schema.prisma", content: since }] });
    await client.query(`SET search_path TO ${OWN};\n${await engine.diff("empty", "schema")}`);
    // Somebody has changed one table by hand since, and it is known which.
    const [table] =
      chance.below(3) === 0 ? [...first.models.values()].map(({ name, map }) => map ?? name) : [];
    if (table) await client.query(`ALTER TABLE "${table}" ADD COLUMN "by hand" text`);
    const whole = await compare(url, text).catch((error: Error) => error);
    const narrowed = narrowSchema(text, { own: OWN, since, except: table ? [table] : [] });
    if (!narrowed) counts.whole += 1;
    else if (narrowed.view.tables.length + narrowed.view.enums.length === 0) {
      counts.unchanged += 1;
      expect(whole).toEqual({ revision: undefined, down: undefined });
    } else {
      const part = await compare(url, narrowed.text, narrowed.view).catch((error: Error) => error);
      // A schema file that is wrong shows in the part too, or when its script is tried: then the whole is told of.
      if (whole instanceof Error) {
        counts.invalid += 1;
        const sql = `SET search_path TO ${OWN};\n${part instanceof Error ? "" : part.revision?.sql}`;
        if (!(part instanceof Error)) await expect(client.query(sql), `${whole}\n${sql}`).rejects.toThrow();
      } else {
        expect(part).toEqual(whole);
        counts.narrowed += 1;
        if (narrowed.text.length < text.length) counts.smaller += 1;
      }
    }
  });
  try {
    await fc.assert(property, { numRuns: 100, endOnFailure: true });
  } finally {
    await client.end();
  }
  expect(counts.smaller).toBeGreaterThan(30);
});
