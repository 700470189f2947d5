import { type Dependency, headLines, parseDependsOn, renderDependsOn } from "./dependsOn.ts";
import { byName, type Migration } from "./history.ts";
import { lastTokenEnd } from "./lexer.ts";
import type { ParsedStatement } from "./parse.ts";
import { namesOf, parseReplaces, type Replaced, renderReplaces } from "./replaces.ts";
import { findCircle, type Sequence } from "./schedule.ts";
import { quoteIdent } from "./sql.ts";

/** A migration with the text of its script. */
export interface Source extends Migration {
  text: string;
}

/** What the head of a squashed migration says. */
export interface SquashHead {
  replaces: Replaced[];
  dependsOn: Dependency[];
}

/** Reads from the scripts that become one what they stand for, and what must be applied before. */
export function planHead(sources: readonly Source[]): SquashHead {
  const newest = new Map<string, string>();
  for (const { service, migration } of sources.flatMap(({ text }) => parseDependsOn(text))) {
    const known = newest.get(service);
    // Whoever has the newer one of a service has the older ones.
    if (known === undefined || byName(known, migration) < 0) newest.set(service, migration);
  }
  return {
    replaces: sources.map(({ name, checksum, text }) => ({ name, checksum, parts: parseReplaces(text) })),
    dependsOn: [...newest].map(([service, migration]) => ({ service, migration })),
  };
}

/** migration.sql of a squashed migration. */
export function renderSquash({ replaces, dependsOn }: SquashHead, sql: string): string {
  const head = [...renderReplaces(replaces), ...dependsOn.map(renderDependsOn)];
  return `${head.join("\n")}\n\n${sql}`;
}

/**
 * A name that sorts where the last of the replaced ones did, before whatever follows, and that no ledger can know yet;
 * `undefined` where there is none.
 */
export function chooseSquashName(
  slug: string,
  { replaces, names }: { replaces: readonly Replaced[]; names: readonly string[] },
): string | undefined {
  const last = replaces.at(-1)?.name ?? "";
  const next = names.find((name) => byName(name, last) > 0);
  const taken = new Set([...names, ...namesOf(replaces)]);
  const [, digits] = /^(\d+)_/.exec(last) ?? [];
  const stems = digits === undefined ? [`${last}_${slug}`] : [`${digits}_${slug}`, `${last}_${slug}`];
  const numbered = ["", "_2", "_3", "_4", "_5", "_6", "_7", "_8", "_9"];
  return stems
    .flatMap((stem) => numbered.map((number) => stem + number))
    .find((name) => !taken.has(name) && (next === undefined || byName(name, next) < 0));
}

/** One script that does what some do one after the other; each ends its last statement, whether it says so or not. */
export function joinScripts(scripts: readonly { name: string; sql: string }[]): string {
  const parts = scripts.map(({ name, sql }) => {
    const body = stripHead(sql).trim();
    const end = lastTokenEnd(body, 0, body.length);
    const open = end > 0 && body[end - 1] !== ";";
    return `-- ${name.replaceAll(/[\r\n]+/g, " ")}\n${body}${open ? "\n;" : ""}\n`;
  });
  return parts.join("\n");
}

/** A script without the lines in its head that only this tool reads. */
function stripHead(script: string): string {
  let text = script.replace(/^\uFEFF/, "");
  for (const line of headLines(text)) {
    if (/^--\s*(?:depends-on|replaces):/.test(line)) text = text.replace(line, "");
  }
  return text;
}

/** What the engine's comparison of two schemas reproduces in full, whatever comes of it. */
const BUILDS = new Set([
  "CreateStmt",
  "IndexStmt",
  "AlterTableStmt",
  "RenameStmt",
  "DropStmt",
  "CreateEnumStmt",
  "AlterEnumStmt",
]);

/** The first statement that does more than make tables, indexes, keys and enums: what it does may be no part of a schema. */
export function findMore(statements: readonly ParsedStatement[]): ParsedStatement | undefined {
  return statements.find(({ kind }) => !BUILDS.has(kind));
}

/** Statements that remove what scripts make outside of their schema, so that they can be run once more. */
export function renderRemovals(statements: readonly ParsedStatement[], own: string): string[] {
  return statements.flatMap(({ node }) => {
    if ("CreateExtensionStmt" in node) {
      const { extname = "", if_not_exists: optional } = node.CreateExtensionStmt;
      return optional ? [] : [`DROP EXTENSION IF EXISTS ${quoteIdent(extname)} CASCADE`];
    }
    if ("CreateSchemaStmt" in node) {
      const { schemaname = "", if_not_exists: optional } = node.CreateSchemaStmt;
      return optional || schemaname === own || schemaname === ""
        ? []
        : [`DROP SCHEMA IF EXISTS ${quoteIdent(schemaname)} CASCADE`];
    }
    if ("CreatePublicationStmt" in node)
      return [`DROP PUBLICATION IF EXISTS ${quoteIdent(node.CreatePublicationStmt.pubname ?? "")}`];
    if ("CreateEventTrigStmt" in node)
      return [`DROP EVENT TRIGGER IF EXISTS ${quoteIdent(node.CreateEventTrigStmt.trigname ?? "")}`];
    return [];
  });
}

/** All migrations of a workspace in sequences, with those that would become one taken for one. */
export function findSquashCircle(
  sequences: readonly Sequence[],
  { service, replaced, head }: { service: string; replaced: readonly string[]; head: SquashHead },
): string[] | undefined {
  const one = replaced.at(-1) ?? "";
  const follow = (dependency: Dependency): Dependency =>
    dependency.service === service && replaced.includes(dependency.migration)
      ? { service, migration: one }
      : dependency;
  return findCircle(
    sequences.map((sequence) => {
      const own = sequence.service.name === service;
      const kept = own
        ? sequence.pending.filter(({ migration }) => !replaced.includes(migration.name))
        : sequence.pending;
      const pending = kept.map((script) => ({ ...script, dependsOn: script.dependsOn.map(follow) }));
      const squashed = { migration: { name: one }, dependsOn: head.dependsOn };
      return { ...sequence, pending: own ? [squashed, ...pending] : pending };
    }),
  );
}
