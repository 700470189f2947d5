import { type Dependency, renderDependsOn } from "./dependsOn.ts";
import { type Rename, renderRename } from "./rename.ts";

/** What a revision came to, for machines and for people. */
export interface RevisionView {
  service: string;
  /** Absent: nothing was written. */
  migration: string | undefined;
  sql: string;
  down: string;
  proven: boolean;
  warnings: readonly string[];
  notRestored: readonly string[];
  dependsOn: readonly Dependency[];
  guesses: readonly Rename[];
}

/** The answer of `--json`; without a revision the schema file and the migrations agree. */
export function describeRevision(service: string, revision: RevisionView | undefined): object {
  if (!revision) return { service, status: "unchanged", migration: null };
  const { migration, sql, down, proven, warnings, notRestored, dependsOn, guesses } = revision;
  return {
    service,
    status: migration === undefined ? "changed" : "written",
    migration: migration ?? null,
    files: migration === undefined ? [] : filesOf(service, migration),
    sql,
    down,
    proven,
    warnings,
    notRestored,
    dependsOn,
    renames: guesses.map(renderRename),
  };
}

/** The paths of a migration's files, relative to the workspace. */
export function filesOf(service: string, migration: string): string[] {
  return ["migration.sql", "down.sql"].map((file) => `services/${service}/migrations/${migration}/${file}`);
}

/** The lines that tell of a revision beside its result: what is lost, what it waits for, what may have been meant. */
export function renderRemarks({ service, ...revision }: RevisionView): string[] {
  const { warnings, dependsOn, guesses, proven, notRestored } = revision;
  return [
    ...warnings.map((warning) => `Warning: ${service}: ${warning}`),
    ...guesses.map(
      (guess) =>
        `Warning: ${service}: a drop and an add look like a rename; to keep the data: --rename ${quoteForShell(renderRename(guess))}`,
    ),
    ...(proven ? [] : [`Warning: ${service}: down.sql is not proven; its head says why`]),
    ...notRestored.map((what) => `Note: ${service}: down.sql does not restore ${what}`),
    ...dependsOn.map((dependency) => `Note: ${service}: ${renderDependsOn(dependency).slice(3)}`),
  ];
}

/** An argument as a shell takes it. */
export function quoteForShell(text: string): string {
  return /^[\w.=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
