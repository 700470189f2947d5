import type { Dependent } from "../drops.ts";
import { parseExceptions } from "../guard/exceptions.ts";
import type { Finding } from "../guard/finding.ts";
import { locate } from "../locate.ts";
import { columnOf, type Definition, fieldsOf } from "../models.ts";
import type { SchemaChange } from "./changes.ts";
import { columnFields } from "./columns.ts";
import { compareRepeated } from "./compare.ts";
import { fieldsOfType, pairRepeated, type Repeated, type SchemaSource } from "./repeated.ts";
import { BREAK_RULE } from "./rule.ts";
import { nativeOf } from "./sqlTypes.ts";

/** A script whose changes are judged. */
export interface JudgedScript {
  file: string;
  sql: string;
}

export interface BreakGround {
  owner: SchemaSource;
  /** The schema files of the workspace, or at least of those that list the owner's schema. */
  sources: readonly SchemaSource[];
  /** Foreign keys and views of other schemas, as the database has them. */
  dependents: readonly Dependent[];
}

/** Somebody who refers to what changes, and how that is told. */
interface Reference {
  service: string;
  /** Of a workspace's service, to be synced; other schemas are nobody's here. */
  known: boolean;
  severity: Finding["severity"];
  text: string;
}

/** What is found, and what scripts say may be: their exceptions let it pass. */
export interface Breaks {
  findings: Finding[];
  passed: { file: string; rule: string }[];
}

/** What scripts of a service drop, rename or retype although others refer to it; one finding a change. */
export function findBreaks(
  changes: readonly SchemaChange[],
  scripts: readonly JudgedScript[],
  ground: BreakGround,
): Breaks {
  const all = listBreaks(changes, scripts, ground);
  const isAllowed = ({ file }: Finding) =>
    scripts.some((script) => script.file === file && declaresException(script.sql));
  return {
    findings: all.filter((finding) => !isAllowed(finding)),
    passed: all.filter(isAllowed).map(({ file, rule }) => ({ file, rule })),
  };
}

function declaresException(sql: string): boolean {
  return parseExceptions(sql, [BREAK_RULE]).exceptions.length > 0;
}

function listBreaks(
  changes: readonly SchemaChange[],
  scripts: readonly JudgedScript[],
  ground: BreakGround,
): Finding[] {
  const { owner, sources } = ground;
  const depending = sources
    .filter((source) => source !== owner && source.service.schemas.includes(owner.service.schema))
    .map((source) => ({
      source,
      pairs: pairRepeated(source, [...sources, owner]).filter((pair) => pair.owner === owner),
    }));
  return changes.flatMap((change): Finding[] => {
    const repeats = depending.flatMap(({ source, pairs }) =>
      pairs.flatMap((pair) => findRepeats(change, pair, source)),
    );
    const references = [...repeats, ...findDependents(change, ground, repeats)];
    const [first] = references;
    const script = scripts[change.script];
    if (!first || !script) return [];
    const { line, column } = locate(script.sql, change.start);
    return [
      {
        rule: BREAK_RULE,
        severity: references.some(({ severity }) => severity === "error") ? "error" : "warning",
        service: owner.service.name,
        file: script.file,
        line,
        column,
        message: `${describeChange(change)}, to which others refer: ${references.map(({ text }) => text).join("; ")}`,
        fix: advise(change, owner.service.name, references),
      },
    ];
  });
}

function findRepeats(change: SchemaChange, pair: Repeated, source: SchemaSource): Reference[] {
  const { definition } = pair;
  const isTable = definition.kind === "model";
  const { object, name, part } = change;
  const isMeant =
    object === "schema" ||
    (name === definition.inDatabase && isTable !== (object === "type" || object === "value"));
  if (!isMeant || object === "constraint" || object === "index") return [];
  const place = (start: number) => `${source.service.schemaFile}:${locate(source.text, start).line}`;
  const reference = (text: string, start: number): Reference => ({
    service: source.service.name,
    known: true,
    severity: "error",
    text: `${source.service.name} by ${text} (${place(start)})`,
  });
  if (part === undefined) {
    if (change.again && compareRepeated(pair, source).length === 0) return [];
    return [reference(nameUsers(definition, source), definition.block.start)];
  }
  if (object === "value") {
    const value = fieldsOf(definition.block).find((one) => columnOf(one) === part);
    return value && !change.again ? [reference(`${definition.name}.${value.name}`, value.start)] : [];
  }
  const field = columnFields(definition, source).find(({ column }) => column === part);
  if (!field || isHarmless(change, field.field.start, { pair, source, native: field.native })) return [];
  return [reference(`${definition.name}.${field.field.name}`, field.field.start)];
}

/** Whether a column that is dropped or retyped ends as the repeated field says. */
function isHarmless(
  { verb, to, again }: SchemaChange,
  start: number,
  { pair, source, native }: { pair: Repeated; source: SchemaSource; native: string | undefined },
): boolean {
  if (verb !== "retype" && !again) return false;
  const wanted = verb === "retype" && to !== undefined ? nativeOf(to) : undefined;
  if (wanted !== undefined && native !== undefined) return withPrecision(wanted) === withPrecision(native);
  return !compareRepeated(pair, source).some((one) => one.start === start || one.kind === "gone");
}

/** Postgres takes six digits of a second, and Prisma writes three. */
function withPrecision(native: string): string {
  return /^Time[a-z]*$/.test(native) ? `${native}(6)` : native;
}

/** A model with the fields that refer to it. */
function nameUsers({ name }: Definition, source: SchemaSource): string {
  const users = fieldsOfType(source, name).map(({ model, field }) => `${model.name}.${field.name}`);
  return users.length === 0 ? name : `${name} and ${users.join(", ")}`;
}

function findDependents(
  change: SchemaChange,
  { owner, dependents, sources }: BreakGround,
  repeats: readonly Reference[],
): Reference[] {
  return dependents.flatMap((one): Reference[] => {
    if (one.schema === owner.service.schema || !standsOn(one, change)) return [];
    const known = sources.find(({ service }) => service.schema === one.schema)?.service.name;
    // Postgres lets what refers to it follow a rename: a schema file may have to follow too, which was looked at.
    if ((change.verb === "rename" || change.verb === "move") && known !== undefined) return [];
    if (change.verb === "retype" && repeats.some(({ service }) => service === known)) return [];
    const what = one.constraint === null ? "the view" : `the foreign key ${one.constraint} of`;
    const severity = change.verb === "drop" ? "error" : "warning";
    const text = `${what} ${one.schema}.${one.table} in the database`;
    return [{ service: known ?? one.schema, known: known !== undefined, severity, text }];
  });
}

function standsOn({ referenced, columns, index }: Dependent, { object, name, part }: SchemaChange): boolean {
  switch (object) {
    case "schema":
      return true;
    case "table":
      return name === referenced;
    case "column":
      return name === referenced && columns.includes(part ?? "");
    case "constraint":
      return name === referenced && part === index;
    case "index":
      return name === index;
    default:
      return false;
  }
}

function describeChange({ verb, object, name, part, to }: SchemaChange): string {
  const what =
    part === undefined
      ? `the ${object === "type" ? "enum" : object} "${name}"`
      : `the ${object} "${name}"."${part}"`;
  switch (verb) {
    case "drop":
      return `drops ${what}`;
    case "rename":
      return `renames ${what} to "${to}"`;
    case "move":
      return `moves ${what} to the schema "${to}"`;
    case "retype":
      return `changes the type of ${what}${to === undefined ? "" : ` to ${to}`}`;
  }
}

function advise({ verb }: SchemaChange, owner: string, references: readonly Reference[]): string {
  const services = [...new Set(references.filter(({ known }) => known).map(({ service }) => service))];
  const others = [...new Set(references.filter(({ known }) => !known).map(({ service }) => service))];
  const strangers =
    others.length === 0 ? "" : `take what refers to it out of the schema ${others.join(", ")}, then `;
  if (services.length === 0) return `${strangers}make upgrade-head app=${owner}`;
  const revisions = services
    .map((name) => `make revision app=${name} m="…" and make upgrade-head app=${name}`)
    .join(", ");
  if (verb === "drop")
    return `${strangers}first take it out of ${services.map((name) => `services/${name}/schema.prisma`).join(", ")}: ${revisions}; then make upgrade-head app=${owner}`;
  return `${strangers}add the new beside the old, let the others move (make sync app=${services.join(", ")}), and drop the old later; or do both at once: make upgrade-head app=${owner}, then make sync app=${services.join(", make sync app=")}`;
}
