import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { changeDownFile } from "../../core/downFile.ts";
import { fail } from "../../core/errors.ts";
import type { Service } from "../../core/service.ts";
import { withShadow } from "../shadow/shadow.ts";
import { findDown, PATHS, readMigrations, readScript } from "../workspace.ts";
import type { Dependent, PreparedRebase, RebaseRequest } from "./prepare.ts";
import { type ProvenMove, type ProvenRebase, proveRebase } from "./prove.ts";
import { findPartners } from "./transfers.ts";

/** Proves a prepared rebase on the shadow database and, unless it is a dry run, renames the folders. */
export async function runRebase(
  { moves, dependents, names }: PreparedRebase,
  { dryRun, ...request }: RebaseRequest & { dryRun: boolean },
): Promise<ProvenRebase> {
  const { service, services } = request;
  const moved = moves.map(({ from }) => from);
  const chosen = [service, ...findPartners(service, moved, services)];
  const without = new Map([[service.name, moved]]);
  return withShadow({ ...request, chosen, without }, async (shadow) => {
    requireUnchanged(service, names);
    const proven = await proveRebase(shadow, { service, services, moves });
    if (dryRun) return proven;
    // Wherever this stops, the next rebase goes on: lines that name what is not there yet are known by its words,
    // and of the folders the newest is renamed first, so that those that are pending keep their order.
    for (const dependent of dependents) rewriteDependent(dependent);
    for (const move of proven.moves.toReversed()) renameMigration(service, move);
    return proven;
  });
}

/** Under the lock of the shadow database, by which those who write migrations take turns. */
function requireUnchanged(service: Service, names: readonly string[]): void {
  const now = readMigrations(service).map(({ name }) => name);
  if (now.join("\n") === names.join("\n")) return;
  fail({
    fact: `${service.name}: the migrations on disk are not those that were decided upon`,
    why: "another command has added or renamed one meanwhile; nothing was done",
    fix: `make rebase app=${service.name}`,
  });
}

function renameMigration(service: Service, { from, to, proof }: ProvenMove): void {
  const migration = readMigrations(service).find(({ name }) => name === from);
  if (!migration) return;
  const down = findDown(service, migration);
  try {
    if (down) {
      const up = readScript(service, migration);
      const change = { migration: to, up, formerUp: up, ...(proof && { proof }) };
      replaceFile(down.file, changeDownFile(readFileSync(down.file, "utf8"), change));
    }
    const folder = dirname(migration.file);
    renameSync(folder, join(dirname(folder), to));
  } catch (error) {
    failWriting(service, from, error);
  }
}

/** An edited line of comment changes no statement, so a proof of the reversal still holds. */
function rewriteDependent({ service, migration, before, after }: Dependent): void {
  const down = findDown(service, migration);
  try {
    replaceFile(migration.file, after);
    if (!down) return;
    const change = { migration: migration.name, up: after, formerUp: before };
    replaceFile(down.file, changeDownFile(readFileSync(down.file, "utf8"), change));
  } catch (error) {
    failWriting(service, migration.name, error);
  }
}

/** The file has its old content or its new one, whenever we are killed. */
function replaceFile(file: string, content: string): void {
  const half = join(dirname(file), ".rebase");
  writeFileSync(half, content);
  renameSync(half, file);
}

function failWriting(service: Service, name: string, error: unknown): never {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
  return fail({
    fact: `${service.name}: ${name} could not be rewritten: ${(error as Error).message}`,
    why: "what was rewritten before it stays as it is",
    fix: `chmod -R u+rwX services/${service.name}/${PATHS.migrations}, then make rebase app=${service.name} again`,
    cause: error,
  });
}
