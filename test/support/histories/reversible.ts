import type { Chance } from "../random.ts";
import type { Reversible } from "../reversible.ts";

/** What a history has made so far, as far as later migrations need to know. */
interface Made {
  tables: { name: string; columns: string[] }[];
  /** Enums that no table uses, with their values. */
  enums: { name: string; values: string[] }[];
  count: number;
}

type Change = Omit<Reversible, "name">;

/** A random history each of whose migrations has an exact reversal, written as a person would write it. */
export function growReversible(chance: Chance, length: number): Reversible[] {
  const made: Made = { tables: [], enums: [], count: 0 };
  return Array.from({ length }, (_, index) => {
    made.count = index;
    const change = made.tables.length === 0 ? createTable(made, chance) : chance.pick(CHANGES)(made, chance);
    return { name: `2025${String(1001 + index)}000000_step_${index}`, ...change };
  });
}

const TYPES = [
  "integer",
  "text DEFAULT 'it''s; --'",
  "numeric(10, 2) NOT NULL DEFAULT 0",
  "timestamptz DEFAULT now()",
  "jsonb",
  "text[]",
];

function createTable(made: Made, chance: Chance): Change {
  const name = `t${made.count}`;
  const parent = made.tables.length > 0 && chance.below(2) === 0 ? chance.pick(made.tables).name : undefined;
  made.tables.push({ name, columns: ["label"] });
  return {
    up: `CREATE TABLE ${name} (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label text${parent ? `, up integer REFERENCES ${parent}` : ""});`,
    down: `DROP TABLE ${name};`,
  };
}

function addColumn(made: Made, chance: Chance): Change {
  const table = chance.pick(made.tables);
  const name = `c${made.count}`;
  table.columns.push(name);
  return {
    up: `-- a column; "quoted"\nALTER TABLE ${table.name} ADD COLUMN ${name} ${chance.pick(TYPES)};`,
    down: `-- Its values are lost.\nALTER TABLE ${table.name} DROP COLUMN ${name};`,
  };
}

function createIndex(made: Made, chance: Chance): Change {
  const table = chance.pick(made.tables);
  const how = chance.below(3) === 0 ? " CONCURRENTLY" : "";
  return {
    up: `CREATE INDEX${how} i${made.count} ON ${table.name} (label);`,
    down: `DROP INDEX${how} i${made.count};`,
  };
}

/** Stock Prisma, which runs the way up too, takes a concurrent statement only alone. */
function stepByStep(made: Made, chance: Chance): Change {
  const table = chance.pick(made.tables);
  const name = `s${made.count}`;
  table.columns.push(name);
  return {
    up: `ALTER TABLE ${table.name} ADD COLUMN ${name} text;\nCREATE INDEX ${name}_i ON ${table.name} (${name});\nCOMMENT ON COLUMN ${table.name}.${name} IS 'step; by step';`,
    down: `COMMENT ON COLUMN ${table.name}.${name} IS NULL;\nDROP INDEX CONCURRENTLY ${name}_i;\nALTER TABLE ${table.name} DROP COLUMN ${name};`,
  };
}

function createEnum(made: Made): Change {
  const name = `e${made.count}`;
  made.enums.push({ name, values: ["a", "b"] });
  return { up: `CREATE TYPE ${name} AS ENUM ('a', 'b');`, down: `DROP TYPE ${name};` };
}

function addValue(made: Made, chance: Chance): Change {
  if (made.enums.length === 0) return createEnum(made);
  const type = chance.pick(made.enums);
  const before = type.values.map((value) => `'${value}'`).join(", ");
  const value = `v${made.count}`;
  type.values.push(value);
  return {
    up: `ALTER TYPE ${type.name} ADD VALUE '${value}';`,
    down: `DROP TYPE ${type.name};\nCREATE TYPE ${type.name} AS ENUM (${before});`,
  };
}

function addCheck(made: Made, chance: Chance): Change {
  const { name } = chance.pick(made.tables);
  return {
    up: `ALTER TABLE ${name} ADD CONSTRAINT k${made.count} CHECK (label <> '${made.count}');`,
    down: `ALTER TABLE ${name} DROP CONSTRAINT k${made.count};`,
  };
}

function renameColumn(made: Made, chance: Chance): Change {
  const table = chance.pick(made.tables);
  const at = chance.below(table.columns.length);
  const before = table.columns[at] ?? "label";
  if (before === "label") return addColumn(made, chance);
  const after = `r${made.count}`;
  table.columns[at] = after;
  return {
    up: `ALTER TABLE ${table.name} RENAME COLUMN ${before} TO ${after};`,
    down: `BEGIN;\nALTER TABLE ${table.name} RENAME COLUMN ${after} TO ${before};\nCOMMIT;`,
  };
}

function createView(made: Made, chance: Chance): Change {
  const { name } = chance.pick(made.tables);
  return {
    up: `CREATE VIEW w${made.count} AS SELECT id, label FROM ${name};`,
    down: `DROP VIEW w${made.count};`,
  };
}

function createTrigger(made: Made, chance: Chance): Change {
  const { name } = chance.pick(made.tables);
  const own = `f${made.count}`;
  return {
    up: `CREATE FUNCTION ${own}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.label := 'a;b'; RETURN NEW; END $$;\nCREATE TRIGGER ${own} BEFORE INSERT ON ${name} FOR EACH ROW EXECUTE FUNCTION ${own}();`,
    down: `DROP TRIGGER ${own} ON ${name};\nDROP FUNCTION ${own}();`,
  };
}

const CHANGES = [
  createTable,
  addColumn,
  createIndex,
  stepByStep,
  createEnum,
  addValue,
  addCheck,
  renameColumn,
  createView,
  createTrigger,
] as const;
