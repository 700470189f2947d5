import { dependentsOf } from "../../core/dependents.ts";
import type { Dependency } from "../../core/dependsOn.ts";
import { renderDownFile } from "../../core/downFile.ts";
import { SchemataError } from "../../core/errors.ts";
import { byName } from "../../core/history.ts";
import type { Rename, RenameRequest } from "../../core/rename.ts";
import { EMPTY_MIGRATION, referredSchemas, renderMigration, renderSlug } from "../../core/revision.ts";
import type { Service } from "../../core/service.ts";
import { sha256 } from "../checksum.ts";
import type { ShadowSurroundings } from "../shadow/place.ts";
import { type Shadow, withShadow } from "../shadow/shadow.ts";
import { listMigrationNames } from "../workspace.ts";
import { findAgreement, type History, keepAgreement } from "./agreements.ts";
import { type Draft, draftRevision } from "./draft.ts";
import { readSchemaFile } from "./engine.ts";
import { writeMigration } from "./write.ts";

export interface RevisionRequest extends ShadowSurroundings {
  service: Service;
  /** All services of the workspace. */
  services: readonly Service[];
  renames: readonly RenameRequest[];
  /** Absent: nothing is written. */
  message: string | undefined;
  /** Hears of migration.sql before it is proven and written; perhaps of several, one after the other. */
  onScript?(sql: string): void;
  /** Chooses among drops and adds that look like renames; those that it returns become renames. */
  confirm(guesses: readonly Rename[]): Promise<RenameRequest[]>;
}

/** A revision, written where a message was given. */
export interface Revision extends Draft {
  /** The whole of migration.sql. */
  sql: string;
  dependsOn: Dependency[];
  migration: string | undefined;
}

/** Makes the migration that leads a service from its history to its schema file; `undefined` where they agree. */
export async function reviseService(request: RevisionRequest): Promise<Revision | undefined> {
  warmUp();
  try {
    return await reviseOnShadow(request, {});
  } catch (error) {
    // 2BP01: something in the shadow database stands in the way. Perhaps it is there from a history that is past.
    if (!(error instanceof SchemataError) || error.details?.sqlState !== "2BP01") throw error;
    return reviseOnShadow(request, { afresh: true });
  }
}

/** Compiles the engine while the database is asked; a failure shows when the engine is used. */
function warmUp(): void {
  import("../../../prisma/engine/load.ts").then(({ loadEngine }) => loadEngine()).catch(() => {});
}

async function reviseOnShadow(
  request: RevisionRequest,
  { afresh = false }: { afresh?: boolean },
): Promise<Revision | undefined> {
  const { service, services } = request;
  const chosen = afresh ? [service, ...dependentsOf(service, services)] : [service];
  return withShadow({ ...request, chosen, afresh }, async (shadow) => {
    const history = historyOf(shadow, service);
    const text = readSchemaFile(service);
    const hear = (sql: string) =>
      request.onScript?.(renderMigration(sql, findDependencies(sql, service, services)));
    const attempt = { service, text, onScript: hear };
    const since = findAgreement(history);
    let drafted = await draftRevision(shadow, { ...attempt, renames: request.renames, since });
    const guesses = drafted.draft?.guesses ?? [];
    const confirmed = guesses.length > 0 ? await request.confirm(guesses) : [];
    if (confirmed.length > 0) {
      drafted = await draftRevision(shadow, { ...attempt, renames: [...request.renames, ...confirmed] });
    }
    const { draft, touched } = drafted;
    const warnings = draft && [...draft.warnings, ...(await warnOfBreaks(draft.sql, request))];
    const revision = draft && warnings && finishRevision({ ...draft, warnings }, request);
    if (touched) {
      const agreement = { text, except: touched };
      keepAgreement(history, agreement, since);
      if (revision?.migration !== undefined) keepAgreement(addMigration(history, revision), agreement);
    }
    return revision;
  });
}

function historyOf({ version, facts }: Shadow, service: Service): History {
  const migrations = facts.find((one) => one.service === service)?.migrations ?? [];
  const others = facts.filter(
    (one) => one.service !== service && service.schemas.includes(one.service.schema),
  );
  return { service, version, migrations, others };
}

function addMigration(history: History, { migration: name = "", sql }: Revision): History {
  return { ...history, migrations: [...history.migrations, { name, checksum: sha256(sql) }] };
}

/** What the migration would break of services that depend on this one, told by their schema files. */
async function warnOfBreaks(sql: string, { service, services }: RevisionRequest): Promise<string[]> {
  if (dependentsOf(service, services).length === 0) return [];
  const { findScriptBreaks } = await import("../dependency/breaks.ts");
  const request = { service, services, dependents: async () => [] };
  const { findings } = await findScriptBreaks([{ file: service.schemaFile, sql }], request);
  return findings.map(({ message, fix }) => `${message}\n  Fix: ${fix}`);
}

/** Writes the files while the shadow is still held, so that of two commands the later sees what the earlier wrote. */
export function finishRevision(
  draft: Draft,
  {
    settings,
    service,
    services,
    message,
  }: Pick<RevisionRequest, "settings" | "service" | "services" | "message">,
): Revision {
  const dependsOn = findDependencies(draft.sql, service, services);
  const sql = renderMigration(draft.sql, dependsOn);
  const migration =
    message === undefined
      ? undefined
      : writeMigration({
          root: settings.root,
          service,
          slug: renderSlug(message),
          render: (name) => ({
            up: sql,
            down: renderDownFile({
              migration: name,
              sql: draft.down,
              notes: draft.notes,
              provenWith: draft.proven ? sql : undefined,
            }),
          }),
        });
  return { ...draft, sql, dependsOn, migration };
}

/** The newest migration of every other service whose tables a script names. */
function findDependencies(sql: string, service: Service, services: readonly Service[]): Dependency[] {
  return referredSchemas(sql, service.schemas.slice(1)).flatMap((schema) => {
    const owner = services.find((candidate) => candidate.schema === schema && !candidate.problem);
    const newest = owner && listMigrationNames(owner).sort(byName).at(-1);
    return owner && newest !== undefined ? [{ service: owner.name, migration: newest }] : [];
  });
}

/** Writes a migration without statements, for SQL by hand; asks neither a database nor the schema file. */
export function reviseEmpty(root: string, service: Service, message: string): string {
  return writeMigration({
    root,
    service,
    slug: renderSlug(message),
    render: (name) => ({
      up: EMPTY_MIGRATION,
      down: renderDownFile({
        migration: name,
        sql: "",
        notes: ["Write here what undoes migration.sql; without a statement it cannot be undone."],
      }),
    }),
  });
}
