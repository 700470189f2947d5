import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { addModel } from "../../core/dependency/addModel.ts";
import { isSame, ownOf, readSource, type SchemaSource } from "../../core/dependency/repeated.ts";
import { type Sync, syncSchemaFile } from "../../core/dependency/sync.ts";
import { EXIT, fail, SchemataError } from "../../core/errors.ts";
import { locate } from "../../core/locate.ts";
import type { RenameRequest } from "../../core/rename.ts";
import { quoteForShell } from "../../core/revisionView.ts";
import { parseSchemaFile } from "../../core/schemaFile.ts";
import { nearestName, type Service } from "../../core/service.ts";
import { replaceFile, sweepHalves } from "../replaceFile.ts";
import { explainEngine, readSchemaFile } from "../revision/engine.ts";
import { PATHS } from "../workspace.ts";
import { readSources } from "./sources.ts";

export interface SyncRequest {
  service: Service;
  /** All services of the workspace. */
  services: readonly Service[];
  /** Models to repeat, as `auth.User`. */
  models: readonly string[];
  /** Columns that their owner has renamed. */
  renames: readonly RenameRequest[];
  /** Chooses among what looks like renames, as `--rename` takes them. */
  confirm(likely: readonly string[]): Promise<RenameRequest[]>;
  dryRun: boolean;
}

/** What became of a schema file. */
export interface Synced {
  changes: string[];
  before: string;
  after: string;
  /** Columns that went and look as if they were renamed, as `--rename` takes them. */
  likely: string[];
}

/** Brings what a service's schema file repeats of others in line with theirs, and adds models; writes it whole or not at all. */
export async function syncService(request: SyncRequest): Promise<Synced> {
  const { service, services, models, renames, confirm, dryRun } = request;
  const sources = readSources(services);
  const before = readSchemaFile(service);
  let source = readSource(service, before);
  if (!dryRun) sweepHalves(realpathSync(join(service.dir, PATHS.schemaFile)));
  const changes: string[] = [];
  for (const model of models) {
    const found = findModel(model, { source, sources });
    if (source.definitions.some((one) => isSame(one, found.original))) continue;
    source = readAgain(service, addModel(source, found));
    changes.push(`${found.original.name} of ${found.owner.service.name} is repeated now`);
  }
  let sync = syncSchemaFile(source, sources, renames);
  refuseUnknown(service, sync);
  const confirmed = sync.likely.length > 0 ? await confirm(sync.likely) : [];
  if (confirmed.length > 0) sync = syncSchemaFile(source, sources, [...renames, ...confirmed]);
  refuseStuck(service, source, sync);
  const { likely } = sync;
  changes.unshift(...sync.changes);
  if (sync.text === before) return { changes, before, after: before, likely };
  await requireValid(service, sync.text);
  if (!dryRun) replaceSchemaFile(service, { before, after: sync.text });
  return { changes, before, after: sync.text, likely };
}

/** An added model may have listed a schema. */
function readAgain(service: Service, text: string): SchemaSource {
  const parsed = parseSchemaFile(text, { service: service.name, file: service.schemaFile });
  return readSource({ ...service, ...("schemas" in parsed && parsed) }, text);
}

function findModel(wanted: string, { source, sources }: { source: SchemaSource; sources: SchemaSource[] }) {
  const { service } = source;
  const dot = wanted.indexOf(".");
  const others = sources.filter((one) => one.service.name !== service.name);
  const owner = others.find((one) => one.service.name === wanted.slice(0, dot));
  const known = (owner ? [owner] : others).flatMap((one) =>
    ownOf(one).flatMap(({ kind, name }) => (kind === "model" ? [`${one.service.name}.${name}`] : [])),
  );
  const original =
    owner && ownOf(owner).find(({ kind, name }) => kind === "model" && name === wanted.slice(dot + 1));
  if (owner && original) return { owner, original };
  const nearest = nearestName(wanted, known);
  return fail({
    fact: `${service.name}: no other service has a model ${wanted}`,
    why: known.length === 0 ? "there is none to repeat" : `there are ${known.slice(0, 10).join(", ")}`,
    fix: nearest === undefined ? "name one as <service>.<model>" : `did you mean model=${nearest}?`,
    status: EXIT.usage,
  });
}

function refuseUnknown({ name, schemaFile }: Service, { unknown: [first], likely }: Sync): void {
  if (!first) return;
  const nearest = nearestName(first.text, likely);
  fail({
    fact: `${name}: --rename ${first.text} means nothing to ${schemaFile}`,
    why: "it takes the table and the column of a repeated model that its owner no longer has, and one of the owner's that is not repeated yet",
    fix:
      nearest === undefined
        ? `make sync app=${name} dry_run=1 shows what is gone`
        : `did you mean rename=${quoteForShell(nearest)}?`,
    status: EXIT.usage,
  });
}

function refuseStuck(
  { name, schemaFile }: Service,
  { text }: SchemaSource,
  { stuck, changes, likely }: Sync,
): void {
  const [first] = stuck;
  if (!first) return;
  const lines = stuck.map(({ start, message }) => `${schemaFile}:${locate(text, start).line}: ${message}`);
  fail({
    fact: `${name}: ${schemaFile} cannot be synced without giving up something of its own`,
    why: [...lines, ...changes].join("\n"),
    fix: `${likely.map((one) => `if it was renamed: make sync app=${name} rename=${quoteForShell(one)}; else `).join("")}take those fields out of ${schemaFile}, or have them refer to something else; then make sync app=${name} and make revision app=${name} m="…"`,
    details: { file: schemaFile, line: locate(text, first.start).line },
  });
}

/** Prisma's own parser has the last word before anything is written. */
async function requireValid(service: Service, content: string): Promise<void> {
  const { openEngine } = await import("../../../prisma/engine/open.ts");
  const validate = () =>
    explainEngine(service, async () => {
      await using engine = await openEngine({ schemaFiles: [{ path: service.schemaFile, content }] });
      await engine.validate();
    });
  await validate().catch((error: unknown) => {
    if (!(error instanceof SchemataError)) throw error;
    fail({
      fact: `${service.name}: with the owners' models as they are, ${service.schemaFile} would not be valid; nothing was written`,
      why: error.why,
      fix: `correct what of its own stands against them in ${service.schemaFile}, then make sync app=${service.name}`,
      cause: error,
    });
  });
}

/** In one step, so that nobody ever reads half a file; a byte order mark and the file's mode stay. */
function replaceSchemaFile(
  { name, dir, schemaFile }: Service,
  { before, after }: { before: string; after: string },
): void {
  const file = realpathSync(join(dir, PATHS.schemaFile));
  try {
    const present = readFileSync(file, "utf8");
    const mark = present.startsWith("\uFEFF") ? "\uFEFF" : "";
    if (present !== mark + before) {
      fail({ fact: `${name}: ${schemaFile} changed meanwhile`, fix: "run the command again" });
    }
    replaceFile(file, mark + after);
  } catch (error) {
    if (error instanceof SchemataError) throw error;
    fail({
      fact: `${name}: ${schemaFile} cannot be written: ${(error as Error).message}`,
      fix: `chmod u+rwX services/${name} ${schemaFile}`,
      cause: error,
    });
  }
}
