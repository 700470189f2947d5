import { renderChange } from "../../core/baseline/change.ts";
import type { WrittenSchema } from "../../core/baseline/written.ts";
import type { CatalogLike } from "../../core/catalog.ts";
import { compareDrift } from "../../core/check/drift.ts";
import { SchemataError } from "../../core/errors.ts";
import { renderSearchPathSql } from "../../core/extensions.ts";
import { type RenameRequest, renderRenames, reverseRenames } from "../../core/rename.ts";
import type { Service } from "../../core/service.ts";
import { readWritten } from "../baseline/definitions.ts";
import { describeMissing } from "../baseline/draft.ts";
import { readPlainCatalog } from "../baseline/read.ts";
import { readTables } from "../postgres/tables.ts";
import { runAs } from "../shadow/prove.ts";
import { inScratch, type Shadow } from "../shadow/shadow.ts";
import { type Draft, draftRevision, joinScripts, planRenames } from "./draft.ts";
import { failUp, proveDraft } from "./proof.ts";

/** What a live schema holds. */
export interface LiveSchema {
  written: WrittenSchema;
  catalog: CatalogLike;
  /** A schema file with what Prisma sees there. */
  schemaFile: string;
}

/** A migration that makes of a history's head what a live schema is. */
export interface TakeOver extends Draft {
  /** What it does not make as it is there, a phrase each. */
  missing: string[];
}

interface Request {
  service: Service;
  live: LiveSchema;
  renames: readonly RenameRequest[];
}

interface Scripts {
  sql: string;
  down: string;
}

/**
 * Works out what was changed by hand, on the shadow database at head; `undefined`: nothing. Prisma's own script comes
 * first, then what that leaves open, from the catalog; where Prisma's does not run, or is not enough, all of it from
 * the catalog.
 */
export async function draftTakeOver(shadow: Shadow, request: Request): Promise<TakeOver | undefined> {
  const { service, live, renames } = request;
  const { schema } = service;
  const atHead = await inScratch(shadow.client, () => readPlainCatalog(shadow.client, schema));
  if (compareDrift(live.catalog, atHead.catalog).length === 0) return undefined;
  const first = await orFailure(async () => {
    const { draft } = await draftRevision(shadow, { service, renames, text: live.schemaFile });
    return finish(shadow, request, draft ?? { sql: "", down: "", warnings: [] });
  });
  if (!(first instanceof SchemataError) && first.missing.length === 0 && first.proven) return first;
  const second = await orFailure(async () =>
    finish(shadow, request, await startWithRenames(shadow, request)),
  );
  if (second instanceof SchemataError) {
    if (first instanceof SchemataError) throw explain(service, second);
    return first;
  }
  if (first instanceof SchemataError || second.missing.length < first.missing.length) return second;
  return second.missing.length === first.missing.length && second.proven && !first.proven ? second : first;
}

function explain({ name }: Service, { why, details, cause }: SchemataError): SchemataError {
  return new SchemataError({
    fact: `${name}: no migration could be made of what was changed by hand`,
    why: `on the shadow database it failed: ${why}`,
    fix: `write it by hand: make revision app=${name} m="…" empty=1, then record it where it was made: make stamp app=${name} to=head`,
    cause,
    details,
  });
}

async function orFailure<T>(work: () => Promise<T>): Promise<T | SchemataError> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SchemataError) return error;
    throw error;
  }
}

async function startWithRenames(
  { client }: Shadow,
  { service, live, renames: requests }: Request,
): Promise<Scripts & Pick<Draft, "warnings">> {
  const before = await inScratch(client, () => readTables(client, service.schema));
  const renames = planRenames(service, { requests, before, text: live.schemaFile });
  return { sql: renderRenames(renames), down: renderRenames(reverseRenames(renames)), warnings: [] };
}

/** Adds to scripts what they leave open, and proves the whole. */
async function finish(
  shadow: Shadow,
  { service, live, renames: requests }: Request,
  start: Scripts & Pick<Draft, "warnings">,
): Promise<TakeOver> {
  const { client } = shadow;
  const { schema } = service;
  const { sql, down, missing, before } = await inScratch(client, async () => {
    await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [schema]);
    const before = await readTables(client, schema);
    await runUp(shadow, service, start.sql);
    const made = await readWritten(client, schema);
    const rest = renderChange(made, live.written);
    await runUp(shadow, service, rest);
    const { catalog } = await readPlainCatalog(client, schema);
    return {
      before,
      missing: compareDrift(live.catalog, catalog).map((one) => describeMissing(one, schema)),
      sql: joinScripts(start.sql, rest),
      down: joinScripts(renderChange(live.written, made), start.down),
    };
  });
  const renames = planRenames(service, { requests, before, text: live.schemaFile });
  const proof = await proveDraft(shadow, { service, sql, down, before, renames });
  return { sql, down, warnings: start.warnings, missing, ...proof };
}

async function runUp({ client }: Shadow, service: Service, sql: string): Promise<void> {
  if (sql === "") return;
  try {
    await runAs(client, service.schema, sql);
  } catch (error) {
    failUp(service, error);
  }
}
