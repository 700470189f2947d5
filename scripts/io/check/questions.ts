import type { CatalogLike } from "../../core/catalog.ts";
import { renderDifference } from "../../core/catalogView.ts";
import { DRIFT_KINDS, splitCatalog } from "../../core/check/drift.ts";
import { type CheckFinding, findFailure } from "../../core/check/finding.ts";
import { judgeTrial, type ReversalTrial, type ScriptPair } from "../../core/check/reversal.ts";
import { SchemataError } from "../../core/errors.ts";
import type { Service } from "../../core/service.ts";
import { readCatalog } from "../postgres/catalog.ts";
import { closeConnection } from "../postgres/connect.ts";
import { explainEngine, openShadowEngine, readSchemaFile } from "../revision/engine.ts";
import { openShadowDatabase, type ShadowPlace, type ShadowSurroundings } from "../shadow/place.ts";
import { proveDown } from "../shadow/prove.ts";
import { replayHistories } from "../shadow/replay.ts";
import { inScratch } from "../shadow/shadow.ts";
import type { ReadService } from "./files.ts";
import { digestSources, type Memory, openMemory } from "./memory.ts";

/** What is to be found out about a service on the shadow database. */
export interface Question extends ReadService {
  /** How many of its migrations the shared database holds; absent: nobody asks what they make. */
  applied?: number | undefined;
}

export interface Answer {
  /** Of the schema file, the replay and the reversals. */
  findings: CheckFinding[];
  /** What the migrations that are applied make; absent where it was not asked, or could not be found out. */
  expected?: { fingerprint: string; read(): Promise<CatalogLike> };
}

export interface ShadowAnswers {
  version: number;
  of(service: Service): Answer;
  close(): Promise<void>;
}

interface ShadowDesk extends ShadowSurroundings {
  /** All services of the workspace. */
  services: readonly Service[];
  /** Those of them that can be read. */
  readable: readonly ReadService[];
}

/** A question with what its answers rest on. */
interface Inquiry extends Question {
  answer: Answer;
  sources(migrations: number, ...texts: string[]): string;
  text: string;
}

/**
 * Answers from the memory in the shadow database where nothing has changed, and works out the rest there. The caller
 * closes the connection, over which the remembered catalogs are read.
 */
export async function askShadow(questions: readonly Question[], desk: ShadowDesk): Promise<ShadowAnswers> {
  const place = await openShadowDatabase(desk);
  const interrupt = () => void closeConnection(place.client);
  desk.signal.addEventListener("abort", interrupt, { once: true });
  try {
    const memory = await openMemory(place);
    const inquiries = questions.map((question) => inquire(question, { desk, version: place.version }));
    for (const inquiry of inquiries) await tryReversals(inquiry, { place, memory, desk });
    await lookBehindHead(inquiries, { place, memory, desk });
    await lookAtHead(inquiries, { place, memory, desk });
    for (const inquiry of inquiries) recallCatalog(inquiry, memory);
    return {
      version: place.version,
      of: ({ name }) =>
        inquiries.find(({ service }) => service.name === name)?.answer ?? {
          findings: [],
        },
      close: () => closeConnection(place.client),
    };
  } catch (error) {
    await closeConnection(place.client);
    throw error;
  } finally {
    desk.signal.removeEventListener("abort", interrupt);
  }
}

function inquire(question: Question, { desk, version }: { desk: ShadowDesk; version: number }): Inquiry {
  const { service, migrations } = question;
  const others = findOthers(question, desk.readable);
  return {
    ...question,
    answer: { findings: [] },
    text: readSchemaFile(service),
    sources: (count, ...texts) =>
      digestSources({ version, service, migrations: migrations.slice(0, count), others, texts }),
  };
}

/** The services that one's schema file and migrations name, those that these name, and so on. */
function findOthers(one: ReadService, readable: readonly ReadService[]): ReadService[] {
  const found = new Set([one]);
  for (const { service, dependsOn } of found) {
    for (const other of readable) {
      if (service.schemas.includes(other.service.schema) || dependsOn.has(other.service.name))
        found.add(other);
    }
  }
  found.delete(one);
  return [...found];
}

interface Workplace {
  place: ShadowPlace;
  memory: Memory;
  desk: ShadowDesk;
}

const CATALOG = "catalog";
const REVISION = "revision";
/** What is remembered of a schema file that the migrations lead to. */
const NO_REVISION = "";

function recallCatalog({ service, applied, answer, sources }: Inquiry, memory: Memory): void {
  if (applied === undefined) return;
  const fingerprint = memory.recall(service.schema, CATALOG, sources(applied));
  if (fingerprint === undefined) return;
  answer.expected ??= {
    fingerprint,
    read: async () => JSON.parse(await memory.read(service.schema, CATALOG)) as CatalogLike,
  };
}

/** Reads what is there now, and keeps it. */
async function keepCatalog(inquiry: Inquiry, { place, memory }: Workplace): Promise<void> {
  const { service, applied = 0, answer, sources } = inquiry;
  const { schema } = service;
  const catalog = await inScratch(place.client, () => readCatalog(place.client, [schema], DRIFT_KINDS));
  const expected = splitCatalog(catalog, [schema]).get(schema) ?? {};
  const content = JSON.stringify(expected);
  const fingerprint = await memory.remember(schema, CATALOG, { sources: sources(applied), content });
  answer.expected = { fingerprint, read: async () => expected };
}

/** Runs every reversal that nobody has proven, from the state in which its migration found the schema. */
async function tryReversals(inquiry: Inquiry, workplace: Workplace): Promise<void> {
  const { service, migrations, unproven, answer, sources } = inquiry;
  const { memory, place } = workplace;
  for (const pair of unproven) {
    const kind = `reversal ${pair.migration}`;
    const digest = sources(pair.index + 1, pair.down ?? "");
    let trial: ReversalTrial;
    if (memory.recall(service.schema, kind, digest) !== undefined) {
      trial = JSON.parse(await memory.read(service.schema, kind)) as ReversalTrial;
    } else {
      const before = migrations[pair.index - 1]?.name ?? "";
      if (!(await bring([inquiry], { ...workplace, upTo: new Map([[service.name, before]]) }))) return;
      trial = await inScratch(place.client, () => tryReversal(place, service, pair));
      await memory.remember(service.schema, kind, { sources: digest, content: JSON.stringify(trial) });
    }
    const finding = judgeTrial(pair, trial);
    if (finding) answer.findings.push(finding);
  }
}

async function tryReversal(
  { client }: ShadowPlace,
  { schema }: Service,
  { up, down = "" }: ScriptPair,
): Promise<ReversalTrial> {
  try {
    const scripts = { schema, up: up.replace(/^\uFEFF/, ""), down: down.replace(/^\uFEFF/, "") };
    const { failure, differences } = await proveDown(client, { ...scripts, between: async () => {} });
    if (failure !== undefined) return { failure: messageOf(failure) };
    return { differences: differences.map((one) => renderDifference(one, schema)) };
  } catch (error) {
    return { failure: `migration.sql itself cannot run in a transaction: ${messageOf(error)}` };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For services with pending migrations: what those make that are applied. */
async function lookBehindHead(inquiries: readonly Inquiry[], workplace: Workplace): Promise<void> {
  const behind = inquiries.filter(
    ({ service, applied, migrations, sources }) =>
      applied !== undefined &&
      applied < migrations.length &&
      workplace.memory.recall(service.schema, CATALOG, sources(applied)) === undefined,
  );
  const upTo = new Map(
    behind.map(({ service, migrations, applied = 0 }) => [service.name, migrations[applied - 1]?.name ?? ""]),
  );
  await brought(behind, { ...workplace, upTo }, (inquiry) => keepCatalog(inquiry, workplace));
}

/** For the others what all their migrations make, and for all whether that is what the schema file says. */
async function lookAtHead(inquiries: readonly Inquiry[], workplace: Workplace): Promise<void> {
  const { memory } = workplace;
  const needs = inquiries.map((inquiry) => {
    const { service, migrations, applied, text, sources } = inquiry;
    const atHead = applied === migrations.length;
    return {
      inquiry,
      catalog: atHead && memory.recall(service.schema, CATALOG, sources(applied)) === undefined,
      revision: memory.recall(service.schema, REVISION, sources(migrations.length, text)) === undefined,
    };
  });
  const work = needs.filter(({ catalog, revision }) => catalog || revision);
  const all = work.map(({ inquiry }) => inquiry);
  await brought(all, workplace, async (inquiry) => {
    const need = work.find((one) => one.inquiry === inquiry);
    if (need?.catalog) await keepCatalog(inquiry, workplace);
    if (need?.revision) await findRevision(inquiry, workplace);
  });
}

async function findRevision(inquiry: Inquiry, { place, memory }: Workplace): Promise<void> {
  const { service, migrations, text, answer, sources } = inquiry;
  try {
    const changes = await inScratch(place.client, async () => {
      await using engine = await openShadowEngine(place, service, text);
      // Awaited here: the engine goes when this block ends.
      return await explainEngine(service, async () => {
        if ((await engine.diff("database", "schema")) === "") return NO_REVISION;
        return (await engine.summarise("database", "schema")).trim() || "something changes";
      });
    });
    if (changes === NO_REVISION) {
      const digest = sources(migrations.length, text);
      await memory.remember(service.schema, REVISION, { sources: digest, content: NO_REVISION });
      return;
    }
    answer.findings.push({
      ...{ service: service.name, part: "revision", rule: "revision-missing", severity: "error" },
      file: service.schemaFile,
      message: `the schema file is ahead of the migrations:\n${changes}`,
      fix: `make revision app=${service.name} m="…"`,
    });
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    answer.findings.push(findSchemaFile(service, error));
  }
}

/** What Prisma's parser says of a schema file, with the line that it names. */
export function findSchemaFile(service: Service, { message: fact, why, fix }: SchemataError): CheckFinding {
  const [, line] = /-->\s+\S.*:(\d+)\s/.exec(why ?? "") ?? [];
  const details = line === undefined ? undefined : { file: service.schemaFile, line: Number(line) };
  return findFailure(
    { fact, why, fix, details },
    { service: service.name, part: "schema-file", rule: "schema-file", file: service.schemaFile },
  );
}

type Reach = Workplace & { upTo?: ReadonlyMap<string, string> };

/** Does `work` for each service once it is where it shall be; one whose history does not replay gets a finding. */
async function brought(
  inquiries: readonly Inquiry[],
  reach: Reach,
  work: (inquiry: Inquiry) => Promise<void>,
): Promise<void> {
  if (inquiries.length === 0) return;
  if (inquiries.length > 1 && (await replays(inquiries, reach)) === undefined) {
    for (const inquiry of inquiries) await work(inquiry);
    return;
  }
  for (const inquiry of inquiries) if (await bring([inquiry], reach)) await work(inquiry);
}

async function bring(inquiries: readonly Inquiry[], reach: Reach): Promise<boolean> {
  const failure = await replays(inquiries, reach);
  for (const { service, answer } of failure ? inquiries : []) {
    const { message: fact, why, fix, details } = failure ?? { message: "" };
    const place = {
      service: service.name,
      part: "revision" as const,
      rule: "replay",
      file: service.schemaFile,
    };
    const finding = findFailure({ fact, why, fix, details }, place);
    // Each step on the shadow would say the same again.
    if (!answer.findings.some(({ message }) => message === finding.message)) answer.findings.push(finding);
  }
  return failure === undefined;
}

async function replays(
  inquiries: readonly Inquiry[],
  { place, desk, upTo }: Reach,
): Promise<SchemataError | undefined> {
  try {
    const chosen = inquiries.map(({ service }) => service);
    await replayHistories(place, { ...desk, chosen, ...(upTo && { upTo }) });
    return undefined;
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    // A replay that failed may have taken the connection with it, and holds what nobody else should wait for.
    await closeConnection(place.client);
    Object.assign(place, await openShadowDatabase(desk));
    return error;
  }
}
