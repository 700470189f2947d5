import type { Chance } from "./random.ts";

interface Relation {
  name: string;
  from: string;
  to: string;
  kind: "many" | "one" | "joined";
  rest: string;
}

interface Model {
  name: string;
  map: string | undefined;
  id: string;
  /** Type and attributes by field. */
  fields: Map<string, string>;
  indexes: Set<string>;
}

/** A schema file as it may grow, to be rendered and changed. */
export interface RandomSchema {
  enums: Map<string, string[]>;
  models: Map<string, Model>;
  relations: Relation[];
  /** How many names have been given. */
  names: number;
}

const IDS = ["Int @id @default(autoincrement())", "String @id @default(uuid())", "BigInt @id"];
const FIELDS = [
  ...["String", "String?", "Int", "Int @default(7)", "Boolean @default(true)", "Json?"],
  ...[
    "Decimal @db.Decimal(10, 2)",
    "DateTime @default(now()) @db.Timestamptz(3)",
    "String[]",
    "String? @unique",
  ],
  ...["Bytes?", "String @db.VarChar(30)", 'String @default(dbgenerated("gen_random_uuid()")) @db.Uuid'],
];

/** A schema file after so many steps of growth. */
export function growSchema(chance: Chance, steps: number): RandomSchema {
  const schema: RandomSchema = { enums: new Map(), models: new Map(), relations: [], names: 0 };
  addModel(schema, chance);
  for (let step = 0; step < steps; step++) chance.pick(GROWTH)(schema, chance);
  return schema;
}

/** The same schema file after one more change; the one that is given stays. */
export function changeSchema(schema: RandomSchema, chance: Chance): RandomSchema {
  const copy = structuredClone(schema);
  chance.pick(CHANGES)(copy, chance);
  return copy;
}

type Step = (schema: RandomSchema, chance: Chance) => void;

const newName = (schema: RandomSchema, prefix: string) => `${prefix}${schema.names++}`;

const addModel: Step = (schema, chance) => {
  const name = newName(schema, "Model");
  const map = chance.below(3) === 0 ? `t_${name.toLowerCase()}` : undefined;
  schema.models.set(name, { name, map, id: chance.pick(IDS), fields: new Map(), indexes: new Set() });
};
const addField: Step = (schema, chance) => {
  const name = newName(schema, "f");
  const map = chance.below(4) === 0 ? ` @map("${newName(schema, "column ")}")` : "";
  chance.pick([...schema.models.values()]).fields.set(name, chance.pick(FIELDS) + map);
};
const addEnum: Step = (schema, chance) => {
  const name = newName(schema, "Kind");
  schema.enums.set(name, ["A", "B"]);
  const field = `${name}${chance.pick([" @default(A)", "?", "[]"])}`;
  chance.pick([...schema.models.values()]).fields.set(newName(schema, "f"), field);
};
const addIndex: Step = (schema, chance) => {
  const model = chance.pick([...schema.models.values()]);
  const field = [...model.fields].find(
    ([, type]) => /^(String|Int)/.test(type) && !/@unique|\[\]/.test(type),
  )?.[0];
  if (field) model.indexes.add(`${chance.pick(["@@index", "@@unique"])}([${field}])`);
};
const addRelation: Step = (schema, chance) => {
  const models = [...schema.models.keys()];
  const [from, to] = [chance.pick(models), chance.pick(models)];
  const kind = chance.pick(["many", "many", "many", "one", "joined"] as const);
  const rest = chance.pick(["", ", onDelete: Cascade", ", onUpdate: NoAction"]);
  if (from !== to || kind !== "joined")
    schema.relations.push({ name: newName(schema, "r"), from, to, kind, rest });
};

const GROWTH: readonly Step[] = [
  addModel,
  addField,
  addField,
  addField,
  addEnum,
  addIndex,
  addRelation,
  addRelation,
];

const dropModel: Step = (schema, chance) => {
  if (schema.models.size < 2) return;
  const name = chance.pick([...schema.models.keys()]);
  schema.models.delete(name);
  schema.relations = schema.relations.filter(({ from, to }) => from !== name && to !== name);
};
const dropField: Step = (schema, chance) => {
  const model = chance.pick([...schema.models.values()]);
  const [field] = [...model.fields.keys()];
  if (field === undefined) return;
  model.fields.delete(field);
  for (const index of model.indexes) if (index.includes(`[${field}]`)) model.indexes.delete(index);
};
const dropRelation: Step = (schema, chance) => {
  if (schema.relations.length > 0) schema.relations.splice(chance.below(schema.relations.length), 1);
};
const changeRelation: Step = (schema, chance) => {
  const relation = schema.relations[0];
  if (relation) relation.rest = chance.pick([", onDelete: SetDefault", ', map: "other_fkey"', ""]);
};
const changeField: Step = (schema, chance) => {
  const model = chance.pick([...schema.models.values()]);
  const [field] = [...model.fields.keys()].filter(
    (name) => ![...model.indexes].some((one) => one.includes(name)),
  );
  if (field !== undefined) model.fields.set(field, chance.pick(FIELDS));
};
const changeId: Step = (schema, chance) => {
  chance.pick([...schema.models.values()]).id = chance.pick(IDS);
};
const changeEnum: Step = (schema, chance) => {
  const name = [...schema.enums.keys()][0];
  if (name) schema.enums.set(name, chance.pick([["A", "B", "C"], ["A"], ["A", "C"]]));
};
const changeMap: Step = (schema, chance) => {
  const model = chance.pick([...schema.models.values()]);
  model.map = model.map === undefined ? newName(schema, "t_") : undefined;
};
const nothing: Step = () => {};

const CHANGES: readonly Step[] = [
  ...GROWTH,
  ...[
    dropModel,
    dropField,
    dropRelation,
    changeRelation,
    changeField,
    changeId,
    changeEnum,
    changeMap,
    nothing,
  ],
];

/** The text of a schema file whose service owns that schema. */
export function renderSchema({ enums, models, relations }: RandomSchema, own: string): string {
  const settings = `datasource db {\n  provider = "postgresql"\n  schemas  = ["${own}"]\n}\n`;
  const types = [...enums].map(
    ([name, values]) =>
      `enum ${name} {\n${values.map((value) => `  ${value}\n`).join("")}\n  @@schema("${own}")\n}\n`,
  );
  const tables = [...models.values()].map((model) => {
    const { name, id, map, fields, indexes } = model;
    const lines = [
      `id ${id}`,
      ...[...fields].map(([field, type]) => `${field} ${type}`),
      ...relations.flatMap((relation) => renderRelation(relation, name, models)),
      ...indexes,
      ...(map === undefined ? [] : [`@@map("${map}")`]),
      `@@schema("${own}")`,
    ];
    return `// The model { of } ${name}\nmodel ${name} {\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;
  });
  return [settings, ...types, ...tables].join("\n");
}

function renderRelation(
  { name, from, to, kind, rest }: Relation,
  model: string,
  models: ReadonlyMap<string, Model>,
): string[] {
  const ends: string[] = [];
  if (kind === "joined") {
    if (model === from) ends.push(`${name} ${to}[] @relation("${name}")`);
    if (model === to) ends.push(`${name}Back ${from}[] @relation("${name}")`);
    return ends;
  }
  const [type = ""] = models.get(to)?.id.split(" ") ?? [];
  if (model === from)
    ends.push(
      `${name} ${to}? @relation("${name}", fields: [${name}Id], references: [id]${rest})`,
      `${name}Id ${type}?${kind === "one" ? " @unique" : ""}`,
    );
  if (model === to) ends.push(`${name}Back ${from}${kind === "one" ? "?" : "[]"} @relation("${name}")`);
  return ends;
}
