import { parseDependsOn, renameDependencies } from "../../core/dependsOn.ts";
import { fail, renderError, SchemataError } from "../../core/errors.ts";
import { compareHistory, type Migration, type Standing } from "../../core/history.ts";
import { refuseStanding, type ServiceFacts } from "../../core/plan.ts";
import { findMisplaced, findMove, type Move, planMoves, refuseMoves } from "../../core/rebase.ts";
import { requireSound, type Service } from "../../core/service.ts";
import { resolveMigration } from "../../core/target.ts";
import { describeServer, withConnection } from "../postgres/connect.ts";
import { ensureServer } from "../server/server.ts";
import type { ShadowSurroundings } from "../shadow/place.ts";
import { gatherFacts } from "../upgrade/gather.ts";
import { readMigrations, readScript } from "../workspace.ts";

export interface RebaseRequest extends ShadowSurroundings {
  service: Service;
  /** All services of the workspace: their depends-on lines may name what moves. */
  services: readonly Service[];
  /** The migrations to put last; none: those that are out of place by the ledger. */
  named: readonly string[];
}

/** A migration of another service whose depends-on lines name one that moves. */
export interface Dependent {
  service: Service;
  migration: Migration;
  /** migration.sql as it was, and with the new names. */
  before: string;
  after: string;
}

/** A rebase that is decided. */
export interface PreparedRebase {
  moves: Move[];
  dependents: Dependent[];
  /** Every name that was on disk when it was decided. */
  names: string[];
}

/** Decides what moves, from the files and the ledger; touches nothing. */
export async function prepareRebase(request: RebaseRequest): Promise<PreparedRebase> {
  const { service, services, settings, named } = request;
  const migrations = readMigrations(requireSound(service));
  const names = migrations.map(({ name }) => name);
  const chosen = named.map((text) => resolveOne(text, service, names));
  const facts = await readFacts(request);
  const own = facts?.find((one) => one.service === service);
  if (own?.problem) fail(own.problem);
  const standing = compareHistory(own?.migrations ?? migrations, own?.ledger ?? []);
  const refusal =
    refuseStanding(service, standing) ??
    refuseMoves(service.name, chosen, {
      applied: standing.applied,
      source: `the database at ${describeServer(settings.databaseUrl)}`,
    });
  if (refusal) fail(refusal);
  const moved =
    chosen.length > 0
      ? names.filter((name) => chosen.includes(name))
      : findMisplaced({ all: names, pending: toRun(standing), current: standing.current });
  const planned = planMoves(service.name, moved, { all: names, now: new Date() });
  if ("problem" in planned) return fail(planned.problem);
  const isLast = chosen.length > 0 && moved.every((name, index) => names.at(index - moved.length) === name);
  const moves = isLast ? [] : planned.moves;
  const dependents = moves.length > 0 ? findDependents(service, { moves, names }, { services, facts }) : [];
  return { moves, dependents, names };
}

/** What is pending, but for squashed migrations whose place is where the old ones were. */
function toRun({ pending, squashed }: Standing): string[] {
  return pending.filter((name) => !squashed.some((one) => one.name === name));
}

function resolveOne(text: string, { name: service }: Service, names: readonly string[]): string {
  const resolved = resolveMigration(text, { service, names });
  return "problem" in resolved ? fail(resolved.problem) : resolved.name;
}

/** Asks the ledgers; who has named the migrations does not need them. */
async function readFacts({
  services,
  settings,
  note,
  signal,
  named,
}: RebaseRequest): Promise<ServiceFacts[] | undefined> {
  try {
    await ensureServer(settings, note, signal);
    return await withConnection(settings.databaseUrl, (client) => gatherFacts(client, services));
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    if (named.length === 0) {
      return fail({
        fact: error.message,
        why: `${error.why ? `${error.why}\n` : ""}the ledger says which migrations are applied and so keep their names`,
        fix: `${error.fix ? `${error.fix}; or ` : ""}name those that are applied nowhere: --migration <name>`,
        cause: error,
      });
    }
    note(`Warning: no ledger was asked whether they are applied: ${renderError(error).split("\n")[0]}`);
    return undefined;
  }
}

function findDependents(
  { name: service }: Service,
  { moves, names }: { moves: readonly Move[]; names: readonly string[] },
  { services, facts }: { services: readonly Service[]; facts: readonly ServiceFacts[] | undefined },
): Dependent[] {
  const found: Dependent[] = [];
  for (const other of services) {
    if (other.name === service || other.problem) continue;
    const known = facts?.find((one) => one.service === other);
    if (known?.problem) fail(known.problem);
    const migrations = known?.migrations ?? readMigrations(other);
    const { applied } = compareHistory(migrations, known?.ledger ?? []);
    for (const migration of migrations) {
      const before = readScript(other, migration);
      const renamed = parseDependsOn(before).flatMap((needed) => {
        const move = needed.service === service ? findMove(needed.migration, moves, names) : undefined;
        return move ? [{ service, from: needed.migration, to: move.to }] : [];
      });
      const [first] = renamed;
      if (!first) continue;
      if (applied.includes(migration.name)) {
        fail({
          fact: `${service}: ${first.from} cannot move, since ${other.name}/${migration.name} names it in a depends-on line and is applied`,
          why: "an applied migration may not be edited, and without the line a new database could not be upgraded",
          fix: `undo that first: schemata downgrade --app ${other.name}`,
        });
      }
      found.push({ service: other, migration, before, after: renameDependencies(before, renamed) });
    }
  }
  return found;
}
