/** A service's history of any length, in which each migration needs the ones before it, and leaves objects and rows. */
export function growHistory(length: number): Record<string, string> {
  const history: Record<string, string> = {};
  for (let index = 0; index < length; index += 1) {
    const step = STEPS[index % STEPS.length];
    const round = Math.floor(index / STEPS.length);
    if (!step) throw new Error("no step");
    history[`${20250101000000 + index}_${step.slug}`] = step.sql(round);
  }
  return history;
}

const STEPS: readonly { slug: string; sql: (round: number) => string }[] = [
  {
    slug: "create",
    sql: (n) => `CREATE TYPE "Kind${n}" AS ENUM ('a', 'b');
CREATE TABLE "Item${n}" (id serial PRIMARY KEY, kind "Kind${n}" NOT NULL DEFAULT 'a', name text NOT NULL);
INSERT INTO "Item${n}" (name) SELECT 'item ' || i FROM generate_series(1, 20) i;`,
  },
  {
    slug: "refer",
    sql: (n) =>
      `CREATE TABLE "Line${n}" (id integer PRIMARY KEY, item integer NOT NULL REFERENCES "Item${n}"${n === 0 ? "" : `, before integer REFERENCES "Line${n - 1}"`});\nCREATE INDEX ON "Line${n}" (item);`,
  },
  {
    slug: "fill",
    sql: (n) =>
      `INSERT INTO "Line${n}" (id, item) SELECT id * 10, id FROM "Item${n}";\nUPDATE "Item${n}" SET name = upper(name) WHERE id % 2 = 0;`,
  },
  {
    slug: "alter",
    sql: (n) =>
      `ALTER TABLE "Item${n}" ADD COLUMN price numeric(10, 2) NOT NULL DEFAULT 1.5, ALTER COLUMN name TYPE varchar(200);\nALTER TYPE "Kind${n}" ADD VALUE 'c';`,
  },
  {
    slug: "function",
    sql: (n) => `CREATE FUNCTION "total${n}"() RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT sum(price) FROM "Item${n}" WHERE kind <> 'c');
END $$;
CREATE VIEW "Total${n}" AS SELECT "total${n}"() AS total;`,
  },
  {
    slug: "drop",
    sql: (n) =>
      `ALTER TABLE "Line${n}" DROP COLUMN item, ADD COLUMN note text DEFAULT '-';\nDELETE FROM "Item${n}" WHERE id > 10;`,
  },
];
