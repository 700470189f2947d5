import type { DiffTarget, SchemaEngine, SchemaFilter } from "@prisma/schema-engine-wasm/schema_engine_bg";
import type { NarrowView } from "../../scripts/core/narrow/narrow.ts";
import { withoutModels } from "../../scripts/core/schemaFile.ts";
import { keptConnections, type LentConnection, offlineConnections } from "./connections.ts";
import { toEngineError } from "./engineError.ts";
import { loadEngine } from "./load.ts";
import type { View } from "./visibility.ts";

/** One file of a Prisma schema; `path` is what messages show. */
export interface SchemaFile {
  path: string;
  content: string;
}

/** Tables and enums that belong to others, as `schema.name`: read, never created, changed or dropped. */
export interface External {
  tables?: readonly string[];
  enums?: readonly string[];
}

export interface EngineOptions {
  /** The database to compare with, its schema in `?schema=`, which is created when it is missing; none: files only. */
  url?: string | undefined;
  /** The schema file as it is now; its `schemas` are the only ones looked at. */
  schemaFiles: readonly SchemaFile[];
  external?: External;
  /** An open connection to the database. */
  lent?: LentConnection | undefined;
  /** The part of the database that the schema files speak of. Default: all of it. */
  view?: NarrowView | undefined;
}

/** A migration that leads from the database to the schema file, exactly as stock Prisma would write it. */
export interface Revision {
  /** Ends with a newline; warnings stand in a comment at its head. */
  sql: string;
  /** What the migration destroys, or cannot do to a table that has rows: a sentence each. */
  warnings: string[];
}

/** The schema engine over one database that is nobody else's meanwhile. Every failure is an {@link EngineError}. */
export interface Engine extends AsyncDisposable {
  /** Fails with Prisma's own message, with file and line, when the schema file does not parse (P1012). */
  validate(): Promise<void>;
  /** The next migration, from the database to the schema file; `undefined` where they agree. */
  revise(): Promise<Revision | undefined>;
  /** SQL from one state to the other, without warnings; "" where they agree. */
  diff(from: Side, to: Side): Promise<string>;
  /** The same for people to read: which tables, columns and so on are added, changed or removed; "" for nothing. */
  summarise(from: Side, to: Side): Promise<string>;
  /** From now on the database may be another: only what needs no further question to it is answered. */
  seal(): void;
  /** The schema file completed from the database; needs at least its datasource block. */
  introspect(): Promise<{ files: SchemaFile[]; warnings: string | undefined }>;
}

/** `database` is the one that the engine was opened on, `schema` its schema file. */
export type Side = "database" | "schema" | "empty" | { schemaFiles: readonly SchemaFile[] };

/** Migrations are never the engine's business here: the database already holds what they made. */
const NO_MIGRATIONS = {
  baseDir: "migrations",
  lockfile: { path: "migration_lock.toml", content: null },
  shadowDbInitScript: "",
  migrationDirectories: [],
};

/**
 * What any migration contains that the engine may warn of: something goes, is retyped or made unique or required.
 * Others need not be worked out a second time for their warnings, which takes three times as long.
 */
const MAY_WARN =
  /\b(DROP|RENAME|UNIQUE|PRIMARY KEY|ALTER COLUMN|ALTER TYPE)\b|ADD COLUMN[^\n]*NOT NULL(?![^\n]*DEFAULT)/;

/** Opens the engine in this process; `await using`, or dispose of it: its connection stays open until then. */
export async function openEngine({
  url,
  schemaFiles,
  external = {},
  lent,
  view,
}: EngineOptions): Promise<Engine> {
  const files = schemaFiles.map((file) => ({ ...file }));
  const settings = files.map(({ path, content }) => ({ path, content: withoutModels(content) }));
  const connections =
    url === undefined
      ? { ...offlineConnections(), forget: () => {}, seal: () => {} }
      : keptConnections(url, { lent, view: view && toView(view) });
  const filters: SchemaFilter = {
    externalTables: [...(external.tables ?? [])],
    externalEnums: [...(external.enums ?? [])],
  };
  connections.show(
    files.map(({ content }) => content),
    { tables: filters.externalTables, enums: filters.externalEnums },
  );
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!lent) connections.forget();
    try {
      return await work();
    } catch (error) {
      throw toEngineError(error, connections.refusal());
    }
  };
  const makeEngine = async (): Promise<SchemaEngine> => {
    const { SchemaEngine } = await loadEngine();
    const datamodels: [string, string][] = settings.map(({ path, content }) => [path, content]);
    return SchemaEngine.new({ datamodels }, () => {}, connections.factory);
  };
  const engine = await call(makeEngine).catch(async (error: unknown) => {
    await connections.dispose();
    throw error;
  });
  const toTarget = (side: Side): DiffTarget => {
    if (side === "empty") return { tag: "empty" };
    if (side === "schema") return { tag: "schemaDatamodel", files };
    if (side === "database") return { tag: "schemaDatasource", configDir: ".", files: settings };
    return { tag: "schemaDatamodel", files: [...side.schemaFiles] };
  };
  const compare = async (from: Side, to: Side, script: boolean): Promise<string> => {
    const diff = { from: toTarget(from), to: toTarget(to), script, exitCode: true, filters };
    const { exitCode, stdout } = await call(() => engine.diff(diff));
    return exitCode === 0 ? "" : (stdout ?? "");
  };
  const reviseWithWarnings = () =>
    call(async () => {
      // An engine remembers what a history made, so each revision needs one of its own.
      using fresh = await makeEngine();
      const common = { migrationsList: NO_MIGRATIONS, filters };
      // createMigration has no shadow of its own: it answers from what this call has read.
      await fresh.devDiagnostic(common);
      const wanted = { ...common, draft: false, migrationName: "revision", schema: { files } };
      const { migrationScript: sql } = await fresh.createMigration(wanted);
      return sql === null ? undefined : { sql, warnings: parseWarnings(sql) };
    });
  return {
    validate: async () => void (await compare("empty", "schema", true)),
    diff: (from, to) => compare(from, to, true),
    summarise: (from, to) => compare(from, to, false),
    revise: async () => {
      const sql = await compare("database", "schema", true);
      if (sql === "") return undefined;
      return MAY_WARN.test(sql) ? reviseWithWarnings() : { sql, warnings: [] };
    },
    seal: () => connections.seal(),
    introspect: () =>
      call(async () => {
        const { schema, warnings } = await engine.introspect({
          schema: { files },
          baseDirectoryPath: ".",
          force: false,
          compositeTypeDepth: -1,
          namespaces: null,
        });
        return { files: schema.files, warnings: warnings ?? undefined };
      }),
    async [Symbol.asyncDispose]() {
      engine.free();
      await connections.dispose();
    },
  };
}

function toView({ tables, neighbours, enums }: NarrowView): View {
  return { tables: new Set(tables), neighbours: new Set(neighbours), enums: new Set(enums) };
}

/** The list that the engine writes into the comment at the head of a script. */
function parseWarnings(sql: string): string[] {
  const [head] = /^\/\*\s+Warnings:\n[\s\S]*?\*\//.exec(sql) ?? [];
  return (head ?? "")
    .split("\n")
    .flatMap((line) => (line.startsWith("  - ") ? [line.slice(4).trimEnd()] : []));
}
