import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CatalogDifference } from "../../core/catalog.ts";
import { renderDifference } from "../../core/catalogView.ts";
import { compareDrift } from "../../core/check/drift.ts";
import { renderDownFile } from "../../core/downFile.ts";
import { fail, SchemataError } from "../../core/errors.ts";
import { unqualify } from "../../core/revision.ts";
import type { Service } from "../../core/service.ts";
import { breakConnection, closeConnection } from "../postgres/connect.ts";
import { explainEngine, openShadowEngine } from "../revision/engine.ts";
import { openShadowDatabase, type ShadowPlace, type ShadowSurroundings } from "../shadow/place.ts";
import { proveDown } from "../shadow/prove.ts";
import { replayHistories } from "../shadow/replay.ts";
import { inScratch } from "../shadow/shadow.ts";
import { PATHS } from "../workspace.ts";
import { type Existing, readPlainCatalog } from "./read.ts";
import type { BaselineTarget } from "./target.ts";

/** The name that Prisma's documentation gives to a first migration of this kind. */
export const BASELINE = "0_init";

/** A baseline that is not written yet. */
export interface BaselineDraft {
  schemaFile: string;
  up: string;
  /** The whole of down.sql. */
  down: string;
  proven: boolean;
  /** What down.sql does not do, a phrase each. */
  flaws: string[];
  /** `prisma`: Prisma's own script. `catalog`: that would lose something, so the server's own definitions. */
  by: "prisma" | "catalog";
  /** What Prisma's own script would not make as it is, a phrase each; or why it fails. */
  lost: string[];
  /** What this one does not make as it is, a phrase each. */
  missing: string[];
  /** Whether the schema file says the same as the migration; otherwise the next revision would change something. */
  unexpressed: string;
}

export interface DraftRequest extends ShadowSurroundings {
  services: readonly Service[];
  target: BaselineTarget;
  existing: Existing;
}

/** Writes 0_init and proves on the shadow database that it makes what exists. */
export async function draftBaseline(request: DraftRequest): Promise<BaselineDraft> {
  const place = await openShadowDatabase(request);
  const interrupt = () => breakConnection(place.client);
  request.signal.addEventListener("abort", interrupt, { once: true });
  const stage = makeStage(request);
  try {
    requireSameMajor(place, request.existing);
    return await draftOn(place, { ...request, stage });
  } finally {
    request.signal.removeEventListener("abort", interrupt);
    rmSync(stage.dir, { recursive: true, force: true });
    await closeConnection(place.client);
  }
}

/** A copy of the service, elsewhere, that the usual replay can work with. */
function makeStage({ settings, target, existing }: DraftRequest): Service {
  const dir = join(settings.root, ".schemata", `baseline-${randomBytes(6).toString("hex")}`);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, PATHS.schemaFile), existing.schemaFile);
  return { ...target.service, dir };
}

/** Only servers of one major show the same objects in the same words. */
export function requireSameMajor({ version }: ShadowPlace, existing: Pick<Existing, "version">): void {
  const [ours, theirs] = [version, existing.version].map((one) => Math.floor(one / 10_000));
  if (ours === theirs) return;
  fail({
    fact: `The shadow database runs on PostgreSQL ${ours}, and the shared one on ${theirs}`,
    why: "versions show the same objects in different words, so nothing could be proven",
    fix: `set SHADOW_DATABASE_URL to an empty database on a server of version ${theirs}`,
  });
}

interface Staged extends DraftRequest {
  stage: Service;
}

async function draftOn(place: ShadowPlace, request: Staged): Promise<BaselineDraft> {
  const { stage, existing } = request;
  await bring(place, request, []);
  const prisma = await inScratch(place.client, async () => {
    await using engine = await openShadowEngine(place, stage, existing.schemaFile);
    return await explainEngine(stage, async () => ({
      up: await engine.diff("database", "schema"),
      down: unqualify(await engine.diff("schema", "database"), stage.schema),
    }));
  });
  const first = await tryScripts(place, request, prisma);
  if (!("failure" in first) && first.missing.length === 0) return { ...first, by: "prisma", lost: [] };
  const lost = "failure" in first ? [`everything, since it fails (${first.failure.message})`] : first.missing;
  const second = await tryScripts(place, request, existing.definitions);
  if (!("failure" in second)) return { ...second, by: "catalog", lost };
  throw second.failure;
}

/** Replays the scripts as the stage's only migration, and compares what comes of it. */
async function tryScripts(
  place: ShadowPlace,
  request: Staged,
  { up, down }: { up: string; down: string },
): Promise<Omit<BaselineDraft, "by" | "lost"> | { failure: SchemataError }> {
  const { stage, existing } = request;
  const { schema } = stage;
  try {
    const catalog = await bring(place, request, [[BASELINE, up]], async () => {
      const made = await inScratch(place.client, () => readPlainCatalog(place.client, schema));
      return made.catalog;
    });
    const unexpressed = await inScratch(place.client, async () => {
      await using engine = await openShadowEngine(place, stage, existing.schemaFile);
      return await explainEngine(stage, () => engine.summarise("database", "schema"));
    });
    const missing = compareDrift(existing.catalog, catalog ?? {}).map((one) => describeMissing(one, schema));
    const reversal = await proveReversal(place, request, { up, down });
    return { schemaFile: existing.schemaFile, up, ...reversal, missing, unexpressed: unexpressed.trim() };
  } catch (error) {
    if (error instanceof SchemataError) return { failure: error };
    throw error;
  }
}

/** What of an existing schema is not made, or not as it is. */
export function describeMissing(difference: CatalogDifference, schema: string): string {
  const phrase = renderDifference(difference, schema);
  return difference.change === "added"
    ? phrase.replace(", which is left behind", ", which does not exist")
    : phrase;
}

async function proveReversal(
  place: ShadowPlace,
  request: Staged,
  { up, down }: { up: string; down: string },
): Promise<Pick<BaselineDraft, "down" | "proven" | "flaws">> {
  await bring(place, request, []);
  const { schema } = request.stage;
  const { failure, differences } = await inScratch(place.client, () =>
    proveDown(place.client, { schema, up, down, between: async () => {} }),
  );
  const proven = failure === undefined;
  const failed = proven ? [] : [`failed on the shadow database: ${(failure as Error).message}`];
  const kept = differences.map((one) => renderDifference(one, schema));
  const notes = [
    ...failed.map((what) => `NOT PROVEN: it ${what}`),
    "Loses: everything in the schema.",
    ...kept.map((what) => `Does not restore: ${what}.`),
  ];
  return {
    proven,
    flaws: [...failed, ...kept.map((what) => `does not restore ${what}`)],
    down: renderDownFile({ migration: BASELINE, sql: down, notes, provenWith: proven ? up : undefined }),
  };
}

/** Gives the stage these migrations and brings it to head in the shadow database. */
async function bring<T>(
  place: ShadowPlace,
  { stage, services, settings, note, signal }: Staged,
  migrations: readonly (readonly [name: string, up: string])[],
  look?: () => Promise<T>,
): Promise<T | undefined> {
  const folder = join(stage.dir, PATHS.migrations);
  rmSync(folder, { recursive: true, force: true });
  for (const [name, up] of migrations) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, PATHS.up), up);
  }
  const all = [...services.filter(({ name }) => name !== stage.name), stage];
  await replayHistories(place, { settings, note, signal, services: all, chosen: [stage] });
  return look?.();
}
