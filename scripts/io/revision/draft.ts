import { fail } from "../../core/errors.ts";
import { renderSearchPathSql } from "../../core/extensions.ts";
import { parseModels } from "../../core/models.ts";
import { type NarrowView, narrowSchema } from "../../core/narrow/narrow.ts";
import {
  type Rename,
  type RenameRequest,
  renderRenames,
  resolveRenames,
  reverseRenames,
} from "../../core/rename.ts";
import { unqualify } from "../../core/revision.ts";
import type { Service } from "../../core/service.ts";
import type { Tables } from "../../core/tables.ts";
import type { Client } from "../postgres/connect.ts";
import { inFlight } from "../postgres/send.ts";
import { readTables } from "../postgres/tables.ts";
import { beginProof, type SchemaWatch, watchSchema } from "../shadow/proveTouched.ts";
import { inScratch, type Shadow } from "../shadow/shadow.ts";
import type { Agreement } from "./agreements.ts";
import { explainEngine, openShadowEngine } from "./engine.ts";
import { type ProvenDraft, proveBegun } from "./proof.ts";

/** A migration that is not written yet. */
export interface Draft extends ProvenDraft {
  /** Without depends-on lines. */
  sql: string;
  down: string;
  /** What the migration destroys, or cannot do to a table that has rows: a sentence each. */
  warnings: string[];
}

export interface DraftRequest {
  service: Service;
  renames: readonly RenameRequest[];
  /** The schema file. */
  text: string;
  /** What is known of the history that the shadow database is at: only what has changed since is compared. */
  since?: Agreement | undefined;
  /** Hears of migration.sql, as the service's own part of it, before it is proven. */
  onScript?: ((sql: string) => void) | undefined;
}

/** A draft, and what it leaves to be compared the next time. */
export interface DraftedRevision {
  /** `undefined` where the history leads to the schema file. */
  draft: Draft | undefined;
  /** The tables and enums that the draft touches: all others are as the schema file says. `undefined`: nobody knows. */
  touched: string[] | undefined;
}

/** Works out the migration from a service's history to its schema file. */
export async function draftRevision(shadow: Shadow, request: DraftRequest): Promise<DraftedRevision> {
  const { service, renames, since, text } = request;
  const narrowed =
    since && renames.length === 0
      ? narrowSchema(text, { own: service.schema, since: since.text, except: since.except })
      : undefined;
  if (!narrowed) return draftOnce(shadow, request);
  const { tables, enums } = narrowed.view;
  if (tables.length === 0 && enums.length === 0) return { draft: undefined, touched: [] };
  try {
    return await draftOnce(shadow, { ...request, text: narrowed.text, view: narrowed.view });
  } catch {
    // What is wrong with the whole file is told of the whole file.
    return draftOnce(shadow, request);
  }
}

async function draftOnce(
  shadow: Shadow,
  request: DraftRequest & { view?: NarrowView },
): Promise<DraftedRevision> {
  const { service, renames: requests, text, view, onScript } = request;
  const { client } = shadow;
  const { schema } = service;
  return inScratch(client, async () => {
    // What is sent after it fails as well, and is waited for.
    inFlight(client.query("SAVEPOINT draft"));
    const renames = requests.length === 0 ? [] : await readRenames(client, { service, requests, text });
    let watch: SchemaWatch | undefined;
    const see = () => {
      watch ??= watchSchema(client, schema);
      return watch;
    };
    if (renames.length > 0) {
      see();
      await client.query(renderRenames(renames));
    }
    await using engine = await openShadowEngine(shadow, service, text, {
      view,
      // The server reads while the engine compares.
      meanwhile: see,
    });
    const revision = await explainEngine(service, () => engine.revise());
    if (!revision && renames.length === 0) return { draft: undefined, touched: [] };
    const sql = prependScript(renderRenames(renames), revision?.sql ?? "");
    onScript?.(sql);
    // The way back is worked out from what the engine has read, while up runs.
    engine.seal();
    inFlight(client.query("ROLLBACK TO SAVEPOINT draft"));
    const proof = await beginProof(client, see(), sql);
    const back = revision ? await explainEngine(service, () => engine.diff("schema", "database")) : "";
    const down = joinScripts(unqualify(back, schema), renderRenames(reverseRenames(renames)));
    const proven = await proveBegun(client, { proof, service, sql, down, renames });
    return { ...proven, draft: { ...proven.draft, sql, down, warnings: revision?.warnings ?? [] } };
  });
}

async function readRenames(
  client: Client,
  { service, requests, text }: { service: Service; requests: readonly RenameRequest[]; text: string },
): Promise<Rename[]> {
  await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [service.schema]);
  return planRenames(service, { requests, before: await readTables(client, service.schema), text });
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

/** The engine's warnings stay at the head of the whole. */
function prependScript(first: string, script: string): string {
  const [warnings = ""] = /^\/\*\s+Warnings:\n[\s\S]*?\*\/\n/.exec(script) ?? [];
  return warnings + joinScripts(first, script.slice(warnings.length));
}

/** Two scripts as one, either of which may be empty. */
export function joinScripts(first: string, second: string): string {
  return first === "" || second === "" ? first + second : `${first.trimEnd()}\n\n${second}`;
}
