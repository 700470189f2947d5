import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "../../../prisma/engine/open.ts";
import { mergeModels } from "../../core/baseline/mergeModels.ts";
import { type Failure, fail } from "../../core/errors.ts";
import { compareHistory } from "../../core/history.ts";
import { refuse, type ServiceFacts } from "../../core/plan.ts";
import { renderRename } from "../../core/rename.ts";
import type { Service } from "../../core/service.ts";
import type { HeldRights } from "../../core/takenRights.ts";
import { readWritten } from "../baseline/definitions.ts";
import { requireSameMajor } from "../baseline/draft.ts";
import { readSchema } from "../baseline/read.ts";
import { type Client, withConnection } from "../postgres/connect.ts";
import { ensureServer } from "../server/server.ts";
import { runAs } from "../shadow/prove.ts";
import { inScratch, type Shadow, withShadow } from "../shadow/shadow.ts";
import { gatherFacts, settleUnfinished } from "../upgrade/gather.ts";
import { PATHS } from "../workspace.ts";
import { joinScripts } from "./draft.ts";
import { explainEngine, openShadowEngine, readSchemaFile } from "./engine.ts";
import { readHeldRights } from "./heldRights.ts";
import { finishRevision, type Revision, type RevisionRequest } from "./revise.ts";
import { draftTakeOver, type LiveSchema, type TakeOver } from "./takeOver.ts";
import { type TakenRights, takeRights } from "./takeRights.ts";

/** What a live database is asked for; it is not changed. */
export interface TakeOverRequest extends RevisionRequest {
  /** Go on although the migration does not make all that was changed. */
  incomplete: boolean;
}

/** A revision that was taken from a database. */
export interface TakenRevision extends Revision {
  missing: string[];
  /**
   * `right`: the schema file says the same already. `updated`: it said what the head says, and says the same now.
   * `behind`: the same, but nothing was to be written. `other`: it says something else, and was left alone.
   */
  schemaFile: "right" | "updated" | "behind" | "other";
}

/** What came of it; without a revision there was nothing that a migration could say. */
export interface Taken {
  revision?: TakenRevision;
  /** What there is to say beside, where there is no revision that says it: sentences. */
  warnings: string[];
}

/** How long to wait for somebody in the middle of a migration, before it counts as failed. */
const SETTLE_MS = 5_000;

/** Makes a migration of what was changed by hand in the database. */
export async function reviseFromDatabase(request: TakeOverRequest): Promise<Taken> {
  const { service, settings, note, signal } = request;
  await ensureServer(settings, note, signal);
  const live = await withConnection(settings.databaseUrl, (client) => readAtHead(client, request));
  return withShadow({ ...request, chosen: [service] }, async (shadow) => {
    requireSameMajor(shadow, live);
    const drafted = await draftAsked(shadow, live, request);
    const rights = await takeRights(shadow, { service, live: live.rights, sql: drafted?.sql ?? "" });
    const draft = joinRights(drafted, rights);
    if (!draft) return { warnings: rights.warnings };
    if (draft.missing.length > 0 && !request.incomplete) refuseIncomplete(service, draft);
    const schemaFile = await planSchemaFile(shadow, service, {
      sql: draft.sql,
      introspected: live.schemaFile,
    });
    const revision = finishRevision(draft, request);
    const isUpdated = schemaFile.text !== undefined && revision.migration !== undefined;
    if (isUpdated) writeFileSync(join(service.dir, PATHS.schemaFile), schemaFile.text ?? "");
    const state = isUpdated ? "updated" : schemaFile.state;
    return { revision: { ...revision, missing: draft.missing, schemaFile: state }, warnings: [] };
  });
}

/** Rights come after what they are on, and are taken back before that. */
function joinRights(draft: TakeOver | undefined, { up, down, warnings }: TakenRights): TakeOver | undefined {
  if (!draft && up === "") return undefined;
  const { sql, down: back, ...rest } = draft ?? { ...UNCHANGED, warnings: [] };
  return {
    ...rest,
    sql: joinScripts(sql, up),
    down: joinScripts(down, back),
    warnings: [...rest.warnings, ...warnings],
  };
}

const UNCHANGED = { sql: "", down: "", notes: [], proven: true, notRestored: [], guesses: [], missing: [] };

async function draftAsked(
  shadow: Shadow,
  live: LiveSchema,
  { service, renames, confirm }: Pick<TakeOverRequest, "service" | "renames" | "confirm">,
): Promise<TakeOver | undefined> {
  const draft = await draftTakeOver(shadow, { service, live, renames });
  const confirmed = draft && draft.guesses.length > 0 ? await confirm(draft.guesses) : [];
  if (confirmed.length === 0) return draft;
  return draftTakeOver(shadow, { service, live, renames: [...renames, ...confirmed] });
}

async function readAtHead(
  client: Client,
  { service, settings }: Pick<TakeOverRequest, "service" | "settings">,
): Promise<LiveSchema & { version: number; rights: HeldRights }> {
  const [facts] = await settleUnfinished(client, await gatherFacts(client, [service]), SETTLE_MS);
  if (!facts) throw new Error(`nothing was read of ${service.name}`);
  const refusal = refuseTakeOver(facts);
  if (refusal) fail(refusal);
  return inScratch(client, async () => {
    const text = readSchemaFile(service);
    const read = await readSchema(client, { url: settings.databaseUrl, service, text });
    // By the names that written definitions have, too.
    const written = await readWritten(client, service.schema);
    return { ...read, written, rights: await readHeldRights(client, service.schema) };
  });
}

/** Only at head can what was changed by hand be told from what is yet to come. */
function refuseTakeOver(facts: ServiceFacts): Failure | undefined {
  const { service, migrations, ledger } = facts;
  const standing = compareHistory(migrations, ledger);
  const refusal = refuse(facts, standing);
  if (refusal) return refusal;
  const { name } = service;
  if (standing.head === null)
    return {
      fact: `${name}: there are no migrations yet, and nothing in the schema "${service.schema}"`,
      why: "what was changed by hand is what the migrations do not make",
      fix: `make revision app=${name} m="init"`,
    };
  const [first] = standing.pending;
  if (first === undefined) return undefined;
  return {
    fact: `${name}: the database is not at head: ${first} ${standing.pending.length > 1 ? `and ${standing.pending.length - 1} more are` : "is"} pending`,
    why: "what was changed by hand cannot be told from what is yet to come",
    fix: `make upgrade-head app=${name}, then again; where a migration makes what was already made by hand: make stamp app=${name} to=${first}`,
  };
}

function refuseIncomplete({ name }: Service, { missing, guesses }: TakeOver): never {
  const renames = guesses.map((guess) => `if it was a rename: --rename ${renderRename(guess)}\n`).join("");
  fail({
    fact: `${name}: the migration would not make all that was changed:\n${missing.map((what) => `  ${what}`).join("\n")}`,
    why: "no statement for it could be worked out; nothing was written",
    fix: `${renames}run it again with --incomplete, add the rest to its migration.sql by hand, then make stamp app=${name} to=head`,
  });
}

/**
 * Whether the schema file says what the migration leads to, or what the head was, or something else; and, where it is
 * behind, what it should say.
 */
async function planSchemaFile(
  shadow: Shadow,
  service: Service,
  { sql, introspected }: { sql: string; introspected: string },
): Promise<{ state: Exclude<TakenRevision["schemaFile"], "updated">; text?: string }> {
  const text = readSchemaFile(service);
  const onState = <T>(up: string, content: string, ask: (engine: Engine) => Promise<T>) =>
    inScratch(shadow.client, async () => {
      await runAs(shadow.client, service.schema, up);
      await using engine = await openShadowEngine(shadow, service, content);
      return await explainEngine(service, () => ask(engine));
    });
  const fits = async (up: string, content: string) =>
    (await onState(up, content, (engine) => engine.summarise("database", "schema"))).trim() === "";
  if (await fits(sql, text)) return { state: "right" };
  if (!(await fits("", text))) return { state: "other" };
  const { files } = await onState("", text, (engine) => engine.introspect());
  const merged = mergeModels(text, { before: files[0]?.content ?? text, now: introspected });
  // What people wrote is worth keeping, what the models say even more.
  const isRight = await fits(sql, merged).catch(() => false);
  return { state: "behind", text: isRight ? merged : introspected };
}
