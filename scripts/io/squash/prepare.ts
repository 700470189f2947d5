import { parseDependsOn } from "../../core/dependsOn.ts";
import { EXIT, fail, renderError, SchemataError } from "../../core/errors.ts";
import { compareHistory } from "../../core/history.ts";
import { refuseStanding, type ServiceFacts } from "../../core/plan.ts";
import { renderSlug } from "../../core/revision.ts";
import type { Sequence } from "../../core/schedule.ts";
import { requireSound, type Service } from "../../core/service.ts";
import {
  chooseSquashName,
  findSquashCircle,
  planHead,
  type Source,
  type SquashHead,
} from "../../core/squash.ts";
import { parseTarget, resolveMigration } from "../../core/target.ts";
import { parseMark } from "../../core/transfer/transfer.ts";
import { withConnection } from "../postgres/connect.ts";
import { ensureServer } from "../server/server.ts";
import type { ShadowSurroundings } from "../shadow/place.ts";
import { gatherFacts } from "../upgrade/gather.ts";
import { readMigrations, readScript } from "../workspace.ts";

export interface SquashRequest extends ShadowSurroundings {
  service: Service;
  /** All services of the workspace. */
  services: readonly Service[];
  /** The last migration of the prefix, as the user writes it; default: the newest on disk. */
  to: string | undefined;
  /** What the new migration is called after. */
  message: string | undefined;
}

/** A squash that is decided. */
export interface PreparedSquash {
  /** The prefix that becomes one, in order. */
  sources: Source[];
  head: SquashHead;
  /** The new migration. */
  name: string;
  /** Every name that was on disk when it was decided. */
  names: string[];
}

/** Decides what becomes one, from the files and the ledger; `undefined` where it is one already. Touches nothing. */
export async function prepareSquash(request: SquashRequest): Promise<PreparedSquash | undefined> {
  const { service, services, to, message } = request;
  const migrations = readMigrations(requireSound(service));
  const names = migrations.map(({ name }) => name);
  const last = resolveLast(to, service, names);
  const prefix = migrations.slice(0, names.indexOf(last) + 1);
  if (prefix.length < 2) return undefined;
  const replaced = prefix.map(({ name }) => name);
  await requireNotMidway(request, replaced);
  const sources = prefix.map((migration) => ({ ...migration, text: readScript(service, migration) }));
  requireNoTransfer(service, sources);
  const head = planHead(sources);
  requireNoCircle(service, sources, services);
  const slug = renderSlug(message ?? "squashed");
  const name = chooseSquashName(slug, { replaces: head.replaces, names });
  if (name === undefined) {
    return fail({
      fact: `${service.name}: no name like "…_${slug}" sorts between ${last} and what follows it`,
      fix: 'choose another: -m "…"',
      status: EXIT.usage,
    });
  }
  return { sources, head, name, names };
}

function resolveLast(to: string | undefined, { name: service }: Service, names: readonly string[]): string {
  const target = parseTarget(to);
  if (target === "head") return names.at(-1) ?? "";
  if ("steps" in target) {
    return fail({
      fact: `${service}: "${to}" does not say up to which migration`,
      fix: `schemata squash --app ${service} --to <migration>`,
      status: EXIT.usage,
    });
  }
  const resolved = resolveMigration(target.migration, { service, names });
  return "problem" in resolved ? fail(resolved.problem) : resolved.name;
}

/** The one database that can be asked has all of it or nothing; of others nobody knows here. */
async function requireNotMidway(request: SquashRequest, replaced: readonly string[]): Promise<void> {
  const facts = await readFacts(request);
  if (!facts) return;
  const { service } = request;
  if (facts.problem) fail(facts.problem);
  const standing = compareHistory(facts.migrations, facts.ledger);
  const refusal = refuseStanding(service, standing);
  if (refusal) fail(refusal);
  const pending = replaced.filter((name) => standing.pending.includes(name));
  if (pending.length === 0 || standing.applied.length === 0) return;
  const unrecorded = standing.squashed.length === pending.length;
  fail({
    fact: `${service.name}: ${pending.join(", ")} ${pending.length === 1 ? "is" : "are"} not applied here, and what comes before is`,
    why: unrecorded
      ? "what was squashed before is not recorded here yet"
      : "a database in the middle of what becomes one could go neither forth nor back",
    fix: `make upgrade-head app=${service.name}, or squash less: --to ${standing.current}`,
  });
}

async function readFacts({
  service,
  settings,
  note,
  signal,
}: SquashRequest): Promise<ServiceFacts | undefined> {
  try {
    await ensureServer(settings, note, signal);
    const [facts] = await withConnection(settings.databaseUrl, (client) => gatherFacts(client, [service]));
    return facts;
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    note(`Warning: no ledger was asked what is applied: ${renderError(error).split("\n")[0]}`);
    return undefined;
  }
}

/** Rights are lent to that one script alone, and by the name of its migration. */
function requireNoTransfer({ name: service }: Service, sources: readonly Source[]): void {
  const at = sources.findIndex(({ text }) => parseMark(text) !== undefined);
  if (at === -1) return;
  fail({
    fact: `${service}: ${sources[at]?.name} is half of a transfer between services, and cannot become part of another migration`,
    why: "it runs with the rights of both services, so nothing else may be in it",
    fix:
      at > 1
        ? `squash what comes before: schemata squash --app ${service} --to ${sources[at - 1]?.name}`
        : "leave them as they are",
  });
}

function requireNoCircle(service: Service, sources: readonly Source[], services: readonly Service[]): void {
  const sequences: Sequence[] = services
    .filter(({ problem }) => !problem)
    .map((one) => ({
      service: one,
      pending: readMigrations(one).map((migration) => ({
        migration,
        dependsOn: parseDependsOn(readScript(one, migration)),
      })),
    }));
  const find = (count: number) => {
    const some = sources.slice(0, count);
    const replaced = some.map(({ name }) => name);
    return findSquashCircle(sequences, { service: service.name, replaced, head: planHead(some) });
  };
  const circle = find(sources.length);
  if (!circle) return;
  const most = sources.findLastIndex((_, index) => index > 0 && !find(index + 1));
  fail({
    fact: `${service.name}: the migrations up to ${sources.at(-1)?.name} cannot become one, since those of other services come in between`,
    why: circle.join(" after "),
    fix:
      most > 0
        ? `squash less: schemata squash --app ${service.name} --to ${sources[most]?.name}`
        : "leave them as they are",
  });
}
