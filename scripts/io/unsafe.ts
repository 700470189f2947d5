import type { Exception } from "../core/guard/finding.ts";
import type { Service } from "../core/service.ts";
import {
  attributeProblems,
  judgeProblems,
  type LintedScript,
  type UnsafeVerdict,
} from "../core/unsafe/judge.ts";
import type { UnsafeOptions } from "../core/unsafe/options.ts";
import type { UnsafeProblem } from "../core/unsafe/problem.ts";
import { mayBeUnsafe } from "../core/unsafe/rules.ts";
import type { Client } from "./postgres/connect.ts";
import { readEstimates, readRowCounts } from "./postgres/tableSizes.ts";
import { runSquawk } from "./squawk.ts";

/** A service's scripts to be linted, all of them in their order: what one makes is new to the next. */
export interface LintedService {
  service: Pick<Service, "name" | "schema">;
  /** The role that may count the rows of its tables. */
  role?: string | undefined;
  scripts: readonly { file: string; sql: string }[];
}

/** Where to ask how large tables are; without it nobody asks. */
export interface LintedDatabase {
  client: Client;
  /** `server_version_num`. */
  version: number;
}

/** What linting came to; `problem` says why nobody could lint. */
export interface Lint extends UnsafeVerdict {
  problem?: { fact: string; fix: string };
}

/** The newest major that both Squawk's rules and the tool know. */
const DEFAULT_MAJOR = 18;

/** Lints scripts for DDL that hurts while programs are at work. Starts Squawk only where a script may hold some. */
export async function lintServices(
  services: readonly LintedService[],
  options: UnsafeOptions,
  database?: LintedDatabase,
): Promise<Lint> {
  const ignored: Exception[] = [];
  const lint: Lint = { findings: [], passed: [], ignored };
  const concerned = services.filter(({ scripts }) => scripts.some(({ sql }) => mayBeUnsafe(sql)));
  if (options.unsafe === "off" || concerned.length === 0) return lint;
  const texts = concerned.flatMap(({ scripts }) => scripts.map(({ sql }) => sql.replace(/^\uFEFF/, " ")));
  let found: UnsafeProblem[][];
  try {
    found = await runSquawk(texts, database ? Math.floor(database.version / 10_000) : DEFAULT_MAJOR);
  } catch (error) {
    const [why] = (error instanceof Error ? error.message : String(error)).split("\n");
    const fact = `Nobody looked for unsafe DDL: Squawk cannot be run: ${why}`;
    return { ...lint, problem: { fact, fix: "npm ci, with optional packages; or --unsafe off" } };
  }
  const pairs = concerned.map((one) => ({ ...one, found: found.splice(0, one.scripts.length) }));
  const hit = pairs.filter((one) => one.found.some((problems) => problems.length > 0));
  if (hit.length === 0) return lint;
  const present =
    database &&
    (await readEstimates(
      database.client,
      hit.map(({ service }) => service.schema),
    ));
  for (const { service, role, scripts, found: problems } of hit) {
    const tables = present?.get(service.schema);
    const parsed = await parseScripts(scripts, problems);
    const attributed = attributeProblems(parsed, service.schema, tables);
    const counts =
      database && tables
        ? await readRowCounts(database.client, {
            schema: service.schema,
            role,
            tables: attributed.flatMap((one) => (one.ignored ? [] : one.tables)),
            estimates: tables.estimates,
            limit: options.rows,
          })
        : undefined;
    const verdict = judgeProblems(service.name, attributed, { ...options, counts });
    lint.findings.push(...verdict.findings);
    lint.passed.push(...verdict.passed);
    ignored.push(...(verdict.ignored ?? []));
  }
  return lint;
}

async function parseScripts(
  scripts: LintedService["scripts"],
  problems: readonly UnsafeProblem[][],
): Promise<LintedScript[]> {
  const { parseSql } = await import("./parser.ts");
  return Promise.all(
    scripts.map(async ({ file, sql }, index) => {
      const parsed = await parseSql(sql);
      // What cannot be parsed is the guard's to report.
      return { file, sql, statements: parsed.ok ? parsed.statements : [], problems: problems[index] ?? [] };
    }),
  );
}
