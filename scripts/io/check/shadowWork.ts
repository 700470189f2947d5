import type { CatalogLike } from "../../core/catalog.ts";
import { type CheckFinding, findFailure } from "../../core/check/finding.ts";
import { SchemataError } from "../../core/errors.ts";
import type { Service } from "../../core/service.ts";
import type { ShadowPlace, ShadowSurroundings } from "../shadow/place.ts";
import { replayHistories } from "../shadow/replay.ts";
import type { ReadService } from "./files.ts";
import type { Memory } from "./memory.ts";

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

/** What a check knows of the workspace. */
export interface ShadowDesk extends ShadowSurroundings {
  /** All services of the workspace. */
  services: readonly Service[];
  /** Those of them that can be read. */
  readable: readonly ReadService[];
}

/** A question with what its answers rest on. */
export interface Inquiry extends Question {
  answer: Answer;
  /** A digest of what an answer about the first so many migrations rests on. */
  sources(migrations: number, ...texts: string[]): string;
  /** The schema file. */
  text: string;
}

/** Where answers are worked out. */
export interface Workplace {
  place: ShadowPlace;
  memory: Memory;
  desk: ShadowDesk;
}

/** How far to bring services; default: to head. */
type Reach = Workplace & { upTo?: ReadonlyMap<string, string> };

/** Does `work` for each service once it is where it shall be; one whose history does not replay gets a finding. */
export async function brought(
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

/** Brings services where they shall be; false where a history does not replay, which is a finding then. */
export async function bring(inquiries: readonly Inquiry[], reach: Reach): Promise<boolean> {
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
    return error;
  }
}
