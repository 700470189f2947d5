import fc from "fast-check";

/** A draw that an operation on the schema is made of: which, and two numbers that choose among what there is. */
export interface Draw {
  kind: keyof typeof OPERATIONS;
  a: number;
  b: number;
}

interface Model {
  next: number;
  tables: Map<string, { columns: string[]; key: string; indexes: string[] }>;
  enums: Map<string, number>;
  functions: string[];
}

/** Any history of a service: scripts of one to three statements each, all valid in their order. */
export function anyHistory(): fc.Arbitrary<Record<string, string>> {
  return fc
    .array(fc.array(anyDraw(), { minLength: 1, maxLength: 3 }), { minLength: 3, maxLength: 14 })
    .map(writeHistory);
}

function anyDraw(): fc.Arbitrary<Draw> {
  return fc.record({
    kind: fc.constantFrom(...(Object.keys(OPERATIONS) as Draw["kind"][])),
    a: fc.nat(99),
    b: fc.nat(99),
  });
}

function writeHistory(scripts: readonly (readonly Draw[])[]): Record<string, string> {
  const model: Model = { next: 0, tables: new Map(), enums: new Map(), functions: [] };
  return Object.fromEntries(
    scripts.map((draws, index) => {
      const statements = draws.map(({ kind, a, b }) => OPERATIONS[kind](model, a, b) ?? createTable(model));
      return [`${20250101000000 + index}_${draws[0]?.kind}`, `${statements.join(";\n")};\n`];
    }),
  );
}

function fresh(model: Model, prefix: string): string {
  model.next += 1;
  return `"${prefix}${model.next} ü"`;
}

function pick<T>(from: Iterable<T>, chance: number): T | undefined {
  const all = [...from];
  return all[chance % Math.max(1, all.length)];
}

function createTable(model: Model): string {
  const name = fresh(model, "T");
  model.tables.set(name, { columns: [], key: "id", indexes: [] });
  return `CREATE TABLE ${name} (id serial PRIMARY KEY)`;
}

/** Each writes one statement and notes what it does; undefined where there is nothing to do it to. */
const OPERATIONS = {
  createTable,
  dropTable: (model: Model, a: number) => {
    const name = pick(model.tables.keys(), a);
    if (name === undefined) return undefined;
    model.tables.delete(name);
    return `DROP TABLE ${name} CASCADE`;
  },
  renameTable: (model: Model, a: number) => {
    const name = pick(model.tables.keys(), a);
    const table = name === undefined ? undefined : model.tables.get(name);
    if (name === undefined || !table) return undefined;
    const to = fresh(model, "R");
    model.tables.delete(name);
    model.tables.set(to, table);
    return `ALTER TABLE ${name} RENAME TO ${to}`;
  },
  addColumn: (model: Model, a: number, b: number) => {
    const name = pick(model.tables.keys(), a);
    if (name === undefined) return undefined;
    const types = [
      "integer DEFAULT 7",
      "text NOT NULL DEFAULT 'x;y'",
      "numeric(10,2)",
      "timestamptz",
      "jsonb DEFAULT '{}'",
      "integer[]",
      ...model.enums.keys(),
    ];
    const column = fresh(model, "c");
    model.tables.get(name)?.columns.push(column);
    return `ALTER TABLE ${name} ADD COLUMN ${column} ${pick(types, b)}`;
  },
  dropColumn: (model: Model, a: number, b: number) => {
    const name = pick(model.tables.keys(), a);
    const table = name === undefined ? undefined : model.tables.get(name);
    const column = pick(table?.columns ?? [], b);
    if (!table || column === undefined) return undefined;
    table.columns = table.columns.filter((one) => one !== column);
    return `ALTER TABLE ${name} DROP COLUMN ${column} CASCADE`;
  },
  refer: (model: Model, a: number, b: number) => {
    const [name, other] = [pick(model.tables.keys(), a), pick(model.tables.keys(), b)];
    if (name === undefined || other === undefined) return undefined;
    const column = fresh(model, "ref");
    model.tables.get(name)?.columns.push(column);
    return `ALTER TABLE ${name} ADD COLUMN ${column} integer REFERENCES ${other} (id) ON DELETE SET NULL`;
  },
  createIndex: (model: Model, a: number) => {
    const name = pick(model.tables.keys(), a);
    if (name === undefined) return undefined;
    return `CREATE ${a % 2 ? "UNIQUE " : ""}INDEX ${fresh(model, "i")} ON ${name} (id)${a % 3 ? "" : " WHERE id > 10"}`;
  },
  createEnum: (model: Model) => {
    const name = fresh(model, "E");
    model.enums.set(name, 1);
    return `CREATE TYPE ${name} AS ENUM ('v0')`;
  },
  addValue: (model: Model, a: number) => {
    const name = pick(model.enums.keys(), a);
    if (name === undefined) return undefined;
    const count = model.enums.get(name) ?? 0;
    model.enums.set(name, count + 1);
    return `ALTER TYPE ${name} ADD VALUE 'v${count}' BEFORE 'v0'`;
  },
  createFunction: (model: Model, a: number) => {
    const name = fresh(model, "f");
    model.functions.push(name);
    return `CREATE FUNCTION ${name}(n integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RETURN n + ${a}; -- it's; fine\nEND $$`;
  },
  replaceFunction: (model: Model, a: number, b: number) => {
    const name = pick(model.functions, a);
    return (
      name &&
      `CREATE OR REPLACE FUNCTION ${name}(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n * ${b}'`
    );
  },
  dropFunction: (model: Model, a: number) => {
    const name = pick(model.functions, a);
    model.functions = model.functions.filter((one) => one !== name);
    return name && `DROP FUNCTION ${name}(integer)`;
  },
  insert: (model: Model, a: number, b: number) => {
    const name = pick(model.tables.keys(), a);
    return name && `INSERT INTO ${name} SELECT FROM generate_series(1, ${b})`;
  },
  comment: (model: Model, a: number, b: number) => {
    const name = pick(model.tables.keys(), a);
    return name && `COMMENT ON TABLE ${name} IS 'it''s; number ${b} /* -- 漢'`;
  },
} satisfies Record<string, (model: Model, a: number, b: number) => string | undefined>;
