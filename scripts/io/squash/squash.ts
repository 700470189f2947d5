import { fail, SchemataError } from "../../core/errors.ts";
import { renderSearchPathSql } from "../../core/extensions.ts";
import type { ParsedStatement } from "../../core/parse.ts";
import { unqualify } from "../../core/revision.ts";
import type { Service } from "../../core/service.ts";
import { findMore, joinScripts, renderRemovals, renderSquash, type Source } from "../../core/squash.ts";
import { nameStatement } from "../../core/statementName.ts";
import { loadSqlParser } from "../parser.ts";
import { explainEngine, openShadowEngine, readSchemaFile } from "../revision/engine.ts";
import { readForOneTransaction } from "../shadow/oneTransaction.ts";
import { inScratch, type Shadow, withShadow } from "../shadow/shadow.ts";
import { findDown, readMigrations } from "../workspace.ts";
import { renderDropAll } from "./dropAll.ts";
import type { PreparedSquash, SquashRequest } from "./prepare.ts";
import {
  chooseDown,
  type Made,
  type ProvenDown,
  proveEqual,
  readMade,
  renderSquashDown,
  startOver,
} from "./prove.ts";
import { writeSquash } from "./write.ts";

/** One migration that makes what several have made. */
export interface Squash {
  /** The whole of migration.sql. */
  up: string;
  down: ProvenDown;
  /** The whole of down.sql. */
  downFile: string;
  /** `generated`: from what there is in the end. `joined`: the scripts one after the other. */
  way: "generated" | "joined";
  /** Why it was not generated. */
  because: string | undefined;
}

/** Makes the squashed migration, proves it on the shadow database and, unless it is a dry run, writes it. */
export async function runSquash(
  prepared: PreparedSquash,
  { dryRun, ...request }: SquashRequest & { dryRun: boolean },
): Promise<Squash> {
  const { service, settings } = request;
  const { sources, names, name } = prepared;
  const last = sources.at(-1)?.name ?? "";
  const upTo = last === names.at(-1) ? new Map<string, string>() : new Map([[service.name, last]]);
  return withShadow({ ...request, chosen: [service], upTo }, async (shadow) => {
    requireUnchanged(service, names);
    const squash = await inScratch(shadow.client, () => makeSquash(shadow, service, prepared));
    if (!dryRun) {
      const replaced = sources.map((source) => source.name);
      const files = { up: squash.up, down: squash.downFile };
      writeSquash({ root: settings.root, service, name, replaced, ...files });
    }
    return squash;
  });
}

function requireUnchanged(service: Service, names: readonly string[]): void {
  const now = readMigrations(service).map(({ name }) => name);
  if (now.join("\n") === names.join("\n")) return;
  fail({
    fact: `${service.name}: the migrations on disk are not those that were decided upon`,
    why: "another command has added, renamed or squashed some meanwhile; nothing was done",
    fix: `schemata squash --app ${service.name}`,
  });
}

async function makeSquash(
  shadow: Shadow,
  service: Service,
  { sources, head, name }: PreparedSquash,
): Promise<Squash> {
  const { client } = shadow;
  const { parseSql } = await loadSqlParser();
  const parsed = sources.map((source) => ({ source, script: parseSql(source.text) }));
  const statements = parsed.flatMap(({ script }) => (script.ok ? script.statements : []));
  const made = await readMade(client, service.schema);
  const engine = await askEngine(shadow, service);
  const dropAll = await renderDropAll(client, service.schema);
  const removals = renderRemovals(statements, service.schema);
  await startOver(client, service.schema, { removals, dropAll });
  const { sql, way, because } = await chooseUp(shadow, {
    service,
    made,
    sources,
    generated: engine?.up,
    reason: explainJoining(parsed, made),
  });
  const up = renderSquash(head, sql);
  const candidates = [engine?.down, await joinDowns(service, sources), dropAll].filter(
    (one) => one !== undefined,
  );
  const down = await chooseDown(client, { service, up, candidates });
  return { up, down, downFile: renderSquashDown(name, up, down), way, because };
}

interface Choice {
  service: Service;
  made: Made;
  sources: readonly Source[];
  generated: string | undefined;
  /** Why what the engine generates would not do. */
  reason: string | undefined;
}

async function chooseUp(
  { client }: Shadow,
  { service, made, sources, generated, reason }: Choice,
): Promise<Pick<Squash, "way" | "because"> & { sql: string }> {
  let because = reason ?? "Prisma's engine could not generate it";
  if (generated !== undefined && reason === undefined) {
    const differences = await proveEqual(client, { service, sql: generated, made });
    if (differences.length === 0) return { sql: generated, way: "generated", because: undefined };
    because = `what Prisma's engine generates is not the same: ${differences[0]}`;
  }
  const scripts: { name: string; sql: string }[] = [];
  for (const source of sources)
    scripts.push({ name: source.name, sql: await readForOneTransaction(service, source) });
  const sql = joinScripts(scripts);
  const differences = await proveEqual(client, { service, sql, made });
  if (differences.length === 0) return { sql, way: "joined", because };
  return fail({
    fact: `${service.name}: the ${sources.length} migrations up to ${sources.at(-1)?.name} do not do in one transaction what they do one by one`,
    why: `${differences.slice(0, 5).join("\n")}\n(${because}.)\nIt was tried on the shadow database; no file was touched.`,
    fix: `squash less: schemata squash --app ${service.name} --to <an earlier one>`,
  });
}

/** What no comparison of schemas would bring back: rows, functions and the like, or whatever cannot be read. */
function explainJoining(
  parsed: readonly { source: Source; script: { ok: true; statements: ParsedStatement[] } | { ok: false } }[],
  made: Made,
): string | undefined {
  for (const { source, script } of parsed) {
    if (!script.ok) return `${source.name} cannot be parsed`;
    const more = findMore(script.statements);
    if (more) return `${source.name} holds ${nameStatement(source.text.slice(more.start, more.end))}`;
  }
  const filled = [...made.rows].find(([, count]) => count !== "0");
  return filled ? `"${filled[0]}" holds rows` : undefined;
}

/** What Prisma's engine makes of the schema as the history leaves it, up and down. */
async function askEngine(
  shadow: Shadow,
  service: Service,
): Promise<{ up: string; down: string } | undefined> {
  const { client } = shadow;
  await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [service.schema]);
  try {
    await using engine = await openShadowEngine(shadow, service, readSchemaFile(service));
    const up = await explainEngine(service, () => engine.diff("empty", "database"));
    const down = await explainEngine(service, () => engine.diff("database", "empty"));
    // The schemas are there before their migrations.
    const plain = up.replaceAll(/^-- CreateSchema\nCREATE SCHEMA IF NOT EXISTS [^\n]*;\n+/gm, "");
    return { up: unqualify(plain, service.schema), down: unqualify(down, service.schema) };
  } catch (error) {
    // A schema file that is not valid is no reason not to join the scripts.
    if (error instanceof SchemataError) return undefined;
    throw error;
  }
}

/** The reversals one after the other, the newest first; `undefined` where one is missing. */
async function joinDowns(service: Service, sources: readonly Source[]): Promise<string | undefined> {
  const scripts: { name: string; sql: string }[] = [];
  for (const source of sources.toReversed()) {
    const down = findDown(service, source);
    if (!down) return undefined;
    scripts.push({ name: source.name, sql: await readForOneTransaction(service, down) });
  }
  return joinScripts(scripts);
}
