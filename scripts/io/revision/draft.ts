import { renderDifference } from "../../core/catalogView.ts";
import { fail } from "../../core/errors.ts";
import { renderSearchPathSql } from "../../core/extensions.ts";
import { parseModels } from "../../core/models.ts";
import {
  guessRenames,
  type Rename,
  type RenameRequest,
  renderRenames,
  resolveRenames,
  reverseRenames,
} from "../../core/rename.ts";
import { unqualify } from "../../core/revision.ts";
import type { Service } from "../../core/service.ts";
import { describeDataEffects, renameTables, type Tables } from "../../core/tables.ts";
import { type Catalog, prepareReadCatalog } from "../postgres/catalog.ts";
import { sqlState } from "../postgres/connect.ts";
import { proveDown } from "../shadow/prove.ts";
import { inScratch, type Shadow } from "../shadow/shadow.ts";
import { explainEngine, openShadowEngine, readSchemaFile } from "./engine.ts";
import { readTables } from "./tables.ts";

/** A migration that is not written yet. */
export interface Draft {
  /** Without depends-on lines. */
  sql: string;
  down: string;
  /** For the head of down.sql. */
  notes: string[];
  proven: boolean;
  /** What the migration destroys, or cannot do to a table that has rows: a sentence each. */
  warnings: string[];
  /** What is not as before after up and down, and what data are lost. */
  notRestored: string[];
  /** Drops and adds that may have been meant as renames. */
  guesses: Rename[];
}

/** Works out the migration from a service's history to its schema file; `undefined` where they agree. */
export async function draftRevision(
  shadow: Shadow,
  {
    service,
    renames: requests,
    text = readSchemaFile(service),
  }: {
    service: Service;
    renames: readonly RenameRequest[];
    /** The schema file's text, where it is another than that on disk. */
    text?: string;
  },
): Promise<Draft | undefined> {
  const { client } = shadow;
  const drafted = await inScratch(client, async () => {
    await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [service.schema]);
    const before = await readTables(client, service.schema);
    const renames = planRenames(service, { requests, before, text });
    const read = prepareReadCatalog(client, [service.schema]);
    let reading = renames.length > 0 ? read() : undefined;
    // Whoever waits for it hears of it.
    reading?.catch(() => {});
    if (renames.length > 0) await client.query(renderRenames(renames));
    await using engine = await openShadowEngine(shadow, service, text, () => {
      // The server reads while the engine compares.
      reading ??= read();
      reading.catch(() => {});
    });
    const revision = await explainEngine(service, () => engine.revise());
    if (!revision && renames.length === 0) return undefined;
    const back = revision ? await explainEngine(service, () => engine.diff("schema", "database")) : "";
    // Opening the engine began it.
    const catalog = { before: await (reading ?? read()), read };
    return { before, catalog, renames, revision, back: unqualify(back, service.schema) };
  });
  if (!drafted) return undefined;
  const { before, catalog, renames, revision, back } = drafted;
  const sql = prependScript(renderRenames(renames), revision?.sql ?? "");
  const down = joinScripts(back, renderRenames(reverseRenames(renames)));
  return {
    sql,
    warnings: revision?.warnings ?? [],
    ...(await proveDraft(shadow, { service, sql, down, before, catalog, renames })),
  };
}

interface Candidate {
  service: Service;
  sql: string;
  down: string;
  before: Tables;
  /** As it is before, and how to read it again; for SQL that was generated here. */
  catalog?: { before: Catalog; read(): Promise<Catalog> };
  renames: readonly Rename[];
}

/** Tries up and down on the shadow database, and tells what they do to objects and data. */
export async function proveDraft(
  { client }: Pick<Shadow, "client">,
  { service, sql, down, before, catalog, renames }: Candidate,
): Promise<Pick<Draft, "down" | "notes" | "proven" | "notRestored" | "guesses">> {
  const renamed = renameTables(before, renames);
  let after: Tables = before;
  const { differences, failure } = await inScratch(client, () =>
    proveDown(client, {
      schema: service.schema,
      up: sql,
      down,
      ...(catalog && { catalog }),
      between: async () => {
        after = await readTables(client, service.schema);
      },
    }).catch((error: unknown) => failUp(service, error)),
  );
  const { lost, gone, blocked } = describeDataEffects(renamed, after);
  const notRestored = [...gone, ...differences.map((one) => renderDifference(one, service.schema))];
  const failed =
    failure instanceof Error ? failure.message : failure === undefined ? undefined : String(failure);
  const notes = [
    ...(failed === undefined ? [] : [`NOT PROVEN: on the shadow database it failed: ${failed}`]),
    ...lost.map((what) => `Loses: ${what}.`),
    ...blocked.map((what) => `Needs: ${what}.`),
    ...notRestored.map((what) => `Does not restore: ${what}.`),
  ];
  return { down, notes, proven: failed === undefined, notRestored, guesses: guessRenames(renamed, after) };
}

/** The renames that were asked for, held against the tables and the models. */
export function planRenames(
  service: Service,
  { requests, before, text }: { requests: readonly RenameRequest[]; before: Tables; text: string },
): Rename[] {
  if (requests.length === 0) return [];
  const resolved = resolveRenames(requests, {
    service: service.name,
    schemaFile: service.schemaFile,
    tables: before,
    models: parseModels(text, service.schema),
  });
  return "problem" in resolved ? fail(resolved.problem) : resolved.renames;
}

/** What a migration that does not run on the shadow database means; other errors are thrown as they are. */
export function failUp(service: Service, error: unknown): never {
  const state = sqlState(error);
  if (state === undefined || !(error instanceof Error)) throw error;
  const { detail, hint } = error as Error & { detail?: string; hint?: string };
  return fail({
    fact: `${service.name}: the migration that leads to ${service.schemaFile} would fail`,
    why: [`${error.message} (SQLSTATE ${state})`, detail, hint].filter(Boolean).join("\n"),
    fix: adviseUp(state, service),
    cause: error,
    details: { sqlState: state, message: error.message },
  });
}

function adviseUp(state: string, { name, schemaFile }: Service): string {
  switch (state) {
    case "55P04":
      return `do it in two steps: revise with the new value alone, then with what uses it in ${schemaFile}`;
    case "2BP01":
      return "first revise the service that still needs it";
    default:
      return `correct ${schemaFile}, or write the migration by hand: make revision app=${name} m="…" empty=1`;
  }
}

/** The engine's warnings stay at the head of the whole. */
function prependScript(first: string, script: string): string {
  const [warnings = ""] = /^\/\*\s+Warnings:\n[\s\S]*?\*\/\n/.exec(script) ?? [];
  return warnings + joinScripts(first, script.slice(warnings.length));
}

/** Two scripts as one, either of which may be empty. */
export function joinScripts(first: string, second: string): string {
  return first === "" || second === "" ? first + second : `${first.trimEnd()}\n\n${second}`;
}
