import type { CheckFinding, CheckPart, LeftOut } from "../../core/check/finding.ts";
import { countApplied, findLedger } from "../../core/check/ledger.ts";
import type { CheckReport } from "../../core/check/view.ts";
import { SchemataError } from "../../core/errors.ts";
import { byName, compareHistory } from "../../core/history.ts";
import type { ServiceFacts } from "../../core/plan.ts";
import type { Service } from "../../core/service.ts";
import type { UnsafeOptions } from "../../core/unsafe/options.ts";
import { countPassed } from "../../core/unsafe/report.ts";
import type { ShadowSurroundings } from "../shadow/place.ts";
import { compareService } from "./compare.ts";
import { checkFiles, type ReadService, readOther } from "./files.ts";
import { type Live, readLive } from "./live.ts";
import { askShadow, type ShadowAnswers } from "./questions.ts";
import { checkSchemaFiles } from "./schemaFiles.ts";
import { checkUnsafe, type Judged, type UnsafePart } from "./unsafe.ts";

export interface CheckRequest extends ShadowSurroundings {
  /** All services of the workspace. */
  services: readonly Service[];
  chosen: readonly Service[];
  /** Ask no database. */
  offline: boolean;
  unsafe: UnsafeOptions;
}

/** A report, and whether a database that was to be asked did not answer. */
export interface Check {
  report: CheckReport;
  incomplete: boolean;
}

/** What one look adds to the report. */
interface Part {
  findings: CheckFinding[];
  leftOut: LeftOut[];
  /** What exceptions for unsafe DDL let pass. */
  passed?: UnsafePart["passed"];
  /** Squawk's own exceptions. */
  ignored?: UnsafePart["ignored"];
}

/** Looks at everything that can be wrong with some services; of databases it changes the shadow one only. */
export async function runCheck(request: CheckRequest): Promise<Check> {
  const { chosen, services, offline } = request;
  const sound = chosen.filter(({ problem }) => !problem);
  // The server works on its answer while the files are read.
  const asked = offline ? undefined : orFailure(readLive(request.settings, sound, request));
  const files = await checkFiles(chosen, services);
  const live = await asked;
  const { parts, incomplete } =
    live === undefined
      ? { parts: [await checkOffline(files.read)], incomplete: false }
      : await checkDatabases(live, { request, read: files.read });
  const all = [files, ...parts];
  const order = new Map(chosen.map(({ name }, index) => [name, index]));
  const place = ({ service }: CheckFinding) => order.get(service) ?? 0;
  const report: CheckReport = {
    services: chosen.length,
    migrations: files.read.reduce((sum, { migrations }) => sum + migrations.length, 0),
    findings: all
      .flatMap(({ findings }) => findings)
      .sort((a, b) => place(a) - place(b) || byName(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0)),
    exceptions: [
      ...countPassed(
        files.exceptions,
        parts.flatMap(({ passed = [] }) => passed),
      ),
      ...parts.flatMap(({ ignored = [] }) => ignored),
    ],
    leftOut: parts.flatMap(({ leftOut }) => leftOut),
  };
  return { report, incomplete };
}

async function orFailure<T>(work: Promise<T>): Promise<T | SchemataError> {
  return work.catch((error: unknown) => {
    if (error instanceof SchemataError) return error;
    throw error;
  });
}

async function checkOffline(read: readonly ReadService[]): Promise<Part> {
  const unproven = read.flatMap(({ service, unproven: pairs }) =>
    pairs.length === 0 ? [] : [{ service: service.name, names: pairs.map(({ migration }) => migration) }],
  );
  return {
    findings: await checkSchemaFiles(read.map(({ service }) => service)),
    leftOut: [
      {
        parts: ["revision", "unsafe-ddl", "dependents", "ledger", "drift"],
        why: "--offline asks no database",
      },
      ...unproven.map(({ service, names }) => ({
        service,
        parts: ["reversal" as const],
        why: `nobody has proven down.sql of ${names.join(", ")}, and to try it takes a database`,
      })),
    ],
  };
}

async function checkDatabases(
  live: Live | SchemataError,
  { request, read }: { request: CheckRequest; read: readonly ReadService[] },
): Promise<{ parts: Part[]; incomplete: boolean }> {
  const isKnown = !(live instanceof SchemataError);
  const judged = isKnown ? live.facts.map(judge) : [];
  const { services, unsafe, ...surroundings } = request;
  const parts: Part[] = isKnown
    ? [
        { findings: judged.flatMap(({ facts, standing }) => findLedger(facts, standing)), leftOut: [] },
        await checkUnsafe(judged, {
          settings: request.settings,
          version: live.version,
          options: unsafe,
        }),
      ]
    : [leaveOut(["unsafe-ddl", "dependents", "ledger", "drift"], live)];
  if (isKnown) parts.push(await checkBreaks(judged, live, services));
  const isWhole = isKnown && parts.every(({ leftOut }) => leftOut.length === 0);
  const readable = services.flatMap(
    (service) => read.find((one) => one.service === service) ?? readOther(service),
  );
  const questions = read.map((one) => ({
    ...one,
    applied: judged.find(({ facts }) => facts.service === one.service)?.applied,
  }));
  const answers = await orFailure(askShadow(questions, { ...surroundings, services, readable }));
  if (answers instanceof SchemataError) {
    const more: CheckPart[] = isKnown ? ["revision", "drift"] : ["revision"];
    return { parts: [...parts, leaveOut(more, answers)], incomplete: true };
  }
  try {
    parts.push({ findings: read.flatMap(({ service }) => answers.of(service).findings), leftOut: [] });
    if (isKnown) parts.push(...(await compareAll(judged, { live, answers })));
  } finally {
    await answers.close();
  }
  return { parts, incomplete: !isWhole };
}

/** What pending migrations break of services that depend on theirs. */
async function checkBreaks(
  judged: readonly Judged[],
  { dependents }: Live,
  services: readonly Service[],
): Promise<UnsafePart> {
  const part: UnsafePart = { findings: [], passed: [], leftOut: [] };
  for (const { facts, standing } of judged) {
    const { service, migrations } = facts;
    const known = dependents.get(service.schema);
    const pending = migrations.filter(({ name }) => standing.pending.includes(name));
    if (!known || pending.length === 0) continue;
    const { findMigrationBreaks } = await import("../dependency/breaks.ts");
    const found = await findMigrationBreaks(pending, { service, services, dependents: async () => known });
    part.findings.push(...found.findings.map((finding) => ({ ...finding, part: "dependents" as const })));
    part.passed.push(...found.passed);
  }
  return part;
}

function leaveOut(parts: CheckPart[], { message, why, fix }: SchemataError): Part {
  const reason = [message, why].filter(Boolean).join(": ");
  return { findings: [], leftOut: [{ parts, why: reason, ...(fix !== undefined && { fix }) }] };
}

function judge(facts: ServiceFacts): Judged {
  const standing = compareHistory(facts.migrations, facts.ledger);
  const readable = !facts.problem && !facts.occupied;
  return { facts, standing, applied: readable ? countApplied(facts, standing) : undefined };
}

async function compareAll(
  judged: readonly Judged[],
  { live, answers }: { live: Live; answers: ShadowAnswers },
): Promise<Part[]> {
  const [ours, theirs] = [answers.version, live.version].map((version) => Math.floor(version / 10_000));
  if (ours !== theirs) {
    const why = `the shadow database runs on PostgreSQL ${ours} and the shared one on ${theirs}, which show the same objects in different words`;
    const fix = `set SHADOW_DATABASE_URL to an empty database on a server of version ${theirs}`;
    return [{ findings: [], leftOut: [{ parts: ["drift"], why, fix }] }];
  }
  const parts: Part[] = [];
  for (const { facts, standing, applied } of judged) {
    const { service } = facts;
    const { expected } = answers.of(service);
    const actual = live.catalogs.get(service.schema);
    if (applied !== undefined && expected && actual) {
      parts.push({ findings: await compareService(service, { standing, expected, actual }), leftOut: [] });
    } else if (applied === undefined && !facts.problem && !facts.occupied) {
      const why = "its ledger does not fit its files, so that they don't tell what the database should hold";
      parts.push({ findings: [], leftOut: [{ service: service.name, parts: ["drift"], why }] });
    } else if (applied !== undefined && !expected) {
      const why = "its history does not replay, so that nobody can tell what the database should hold";
      parts.push({ findings: [], leftOut: [{ service: service.name, parts: ["drift"], why }] });
    }
  }
  return parts;
}
