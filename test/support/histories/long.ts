/** As many migrations as asked for, each a small change that builds on the one before; for a service with schema `long`. */
export function longHistory(count: number): Record<string, string> {
  const history: Record<string, string> = {};
  for (let n = 0; n < count; n++) {
    history[`2025${String(n).padStart(10, "0")}_change_${n}`] = change(n);
  }
  return history;
}

function change(n: number): string {
  const table = `"Table_${n - (n % 8)}"`;
  switch (n % 8) {
    case 0:
      return `CREATE TABLE ${table} ("id" integer PRIMARY KEY, "name" text NOT NULL);`;
    case 1:
      return `ALTER TABLE ${table} ADD COLUMN "size" bigint DEFAULT ${n};`;
    case 2:
      return `CREATE UNIQUE INDEX "index_${n}" ON ${table} ("name");`;
    case 3:
      return `CREATE TYPE "Kind_${n}" AS ENUM ('a', 'b');\nALTER TABLE ${table} ADD COLUMN "kind" "Kind_${n}";`;
    case 4:
      return `ALTER TYPE "Kind_${n - 1}" ADD VALUE 'c';`;
    case 5:
      return `INSERT INTO ${table} ("id", "name", "kind") VALUES (1, 'one', 'c');`;
    case 6:
      return `CREATE FUNCTION f_${n}() RETURNS integer LANGUAGE sql AS $$ SELECT ${n}; $$;`;
    default:
      return `ALTER TABLE ${table} RENAME COLUMN "size" TO "weight";`;
  }
}

/** One script of about a megabyte, with long literals, long lists and many statements; for a service with schema `large`. */
export function largeScript(): string {
  const rows = Array.from({ length: 4000 }, (_, n) => `(${n}, 'row ${n}; it''s ${"long ".repeat(20)}')`);
  const statements = Array.from(
    { length: 1500 },
    (_, n) => `COMMENT ON COLUMN "Big"."note" IS 'comment ${n}; -- no';`,
  );
  return [
    'CREATE TABLE "Big" ("id" integer PRIMARY KEY, "note" text);',
    `INSERT INTO "Big" VALUES\n${rows.join(",\n")};`,
    `/* ${"padding ; ' ".repeat(25_000)} */`,
    ...statements,
    `CREATE FUNCTION big() RETURNS text LANGUAGE sql AS $$ SELECT '${"x;".repeat(75_000)}' $$;`,
  ].join("\n");
}
