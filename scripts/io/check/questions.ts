import type { CatalogLike } from "../../core/catalog.ts";
import { DRIFT_KINDS, splitCatalog } from "../../core/check/drift.ts";
import { type CheckFinding, findFailure } from "../../core/check/finding.ts";
import { SchemataError } from "../../core/errors.ts";
import type { Service } from "../../core/service.ts";
import { readCatalog } from "../postgres/catalog.ts";
import { breakConnection, closeConnection } from "../postgres/connect.ts";
import { explainEngine, openShadowEngine, readSchemaFile } from "../revision/engine.ts";
import { openShadowDatabase } from "../shadow/place.ts";
import { inScratch } from "../shadow/shadow.ts";
import type { ReadService } from "./files.ts";
import { digestSources, type Memory, openMemory } from "./memory.ts";
import { checkReversals } from "./reversals.ts";
import {
  type Answer,
  brought,
  type Inquiry,
  type Question,
  type ShadowDesk,
  type Workplace,
} from "./shadowWork.ts";

/** What the shadow database tells, with its open connection. */
export interface ShadowAnswers {
  version: number;
  of(service: Service): Answer;
  close(): Promise<void>;
}

/**
 * Answers from the memory in the shadow database where nothing has changed, and works out the rest there. The caller
 * closes the connection, over which the remembered catalogs are read.
 */
export async function askShadow(questions: readonly Question[], desk: ShadowDesk): Promise<ShadowAnswers> {
  const place = await openShadowDatabase(desk);
  const interrupt = () => breakConnection(place.client);
  desk.signal.addEventListener("abort", interrupt, { once: true });
  try {
    const memory = await openMemory(place.client);
    const inquiries = questions.map((question) => inquire(question, { desk, version: place.version }));
    for (const inquiry of inquiries) await checkReversals(inquiry, { place, memory, desk });
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
