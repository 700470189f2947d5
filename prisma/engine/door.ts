#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import type {
  ConstructorOptions,
  CreateMigrationOutput,
  DiagnoseMigrationHistoryInput,
  DiffResult,
  SchemaEngine,
} from "@prisma/schema-engine-wasm/schema_engine_bg";
import { withoutExtensions } from "../../scripts/core/extensions.ts";
import { EMPTY_MIGRATION } from "../../scripts/core/revision.ts";
import { parseMark } from "../../scripts/core/transfer/transfer.ts";
import { type Connections, liveConnections, offlineConnections } from "./connections.ts";
import { runDatabaseCommand } from "./databaseCommand.ts";
import type { UserFacingError } from "./databaseErrors.ts";
import { type EngineError, toEngineError } from "./engineError.ts";
import { engineCommit, loadEngine } from "./load.ts";

// The program that the stock Prisma CLI starts in place of its native schema engine: the same arguments, and JSON-RPC,
// one message a line, on standard input and output. Standard error carries log lines, JSON as well.

interface Datasource {
  url?: string;
  shadowDatabaseUrl?: string;
}

interface DoorArguments {
  datamodels: [path: string, content: string][];
  datasource: Datasource;
}

interface Request {
  id: number;
  method: string;
  params?: Record<string, unknown>;
}

const argv = process.argv.slice(2);
if (argv.includes("--version")) {
  process.stdout.write(`schema-engine-cli ${engineCommit()}\n`);
} else if (argv.includes("cli")) {
  process.exitCode = await runDatabaseCommand(argv.at(-1) ?? "", parseArguments(argv).datasource.url);
} else {
  await serve();
}

function parseArguments(args: readonly string[]): DoorArguments {
  const parsed: DoorArguments = { datamodels: [], datasource: {} };
  for (const [index, name] of args.entries()) {
    const value = args[index + 1] ?? "";
    if (name === "--datamodels" || name === "-d")
      parsed.datamodels.push([value, readFileSync(value, "utf8")]);
    if (name === "--datasource") parsed.datasource = JSON.parse(value) as Datasource;
  }
  return parsed;
}

/** Answers requests in their order until standard input ends or the CLI sends its SIGTERM, then cleans up. */
async function serve(): Promise<void> {
  let engines: Engines | undefined;
  let status = 0;
  let leaving: Promise<void> | undefined;
  const leave = () => {
    leaving ??= (engines?.dispose() ?? Promise.resolve()).finally(() => process.exit(status));
    return leaving;
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, leave);
  // The CLI may be gone before its last answer.
  process.stdout.on("error", leave);
  for await (const line of createInterface({ input: process.stdin })) {
    const request = parseRequest(line);
    if (!request) continue;
    try {
      engines ??= makeEngines(parseArguments(argv));
      engines.show(request);
      const engine = await engines.forRequest(request);
      const result = await answer(engine, request, engines.provided);
      send({ id: request.id, result: result ?? {} });
    } catch (error) {
      if (!engines?.isOpen()) status = 1;
      send({ id: request.id, error: toResponse(toEngineError(error, engines?.refusal())) });
    }
  }
  await leave();
}

/** The schema files of a request, whichever of its parameters holds them. */
function filesIn(params: Request["params"] = {}): { content: string }[] {
  const holders = [params.schema, params.from, params.to] as (
    | { files?: { content: string }[] }
    | undefined
  )[];
  return holders.flatMap((holder) => holder?.files ?? []);
}

/** Answers of the CLI to our own requests have no method. */
function parseRequest(line: string): Request | undefined {
  if (line.trim() === "") return undefined;
  const message = JSON.parse(line) as Partial<Request>;
  return typeof message.method === "string" ? (message as Request) : undefined;
}

function send(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

interface Engines {
  forRequest(request: Request): Promise<SchemaEngine>;
  /** An engine was made: whatever fails now fails within a request. */
  isOpen(): boolean;
  /** Lets the engine see what the request's schema files repeat of other services. */
  show(request: Request): void;
  /** Extensions that the engine does not see in a shadow database, whose reader it forgets to tell of them. */
  provided(): ReadonlySet<string>;
  /** Why the database could not be connected to. */
  refusal(): UserFacingError | undefined;
  dispose(): Promise<void>;
}

/** One engine on the database and one without, each made when a request first needs it. */
function makeEngines({ datamodels, datasource }: DoorArguments): Engines {
  const made = new Map<"live" | "offline", { connections: Connections; engine: Promise<SchemaEngine> }>();
  const shown = new Set(datamodels.map(([, content]) => content));
  let open = false;
  const make = (kind: "live" | "offline") => {
    const connections = kind === "live" ? connectLive(datasource, datamodels[0]?.[0]) : offlineConnections();
    connections.show([...shown]);
    const engine = newEngine(datamodels, connections);
    engine.then(
      () => {
        open = true;
      },
      () => {},
    );
    made.set(kind, { connections, engine });
    return engine;
  };
  return {
    forRequest: (request) => {
      const kind = needsNoDatabase(request) ? "offline" : "live";
      return made.get(kind)?.engine ?? make(kind);
    },
    isOpen: () => open,
    show: ({ params }) => {
      for (const { content } of filesIn(params)) shown.add(content);
      for (const { connections } of made.values()) connections.show([...shown]);
    },
    provided: () => made.get("live")?.connections.provided() ?? new Set(),
    refusal: () => made.get("live")?.connections.refusal(),
    dispose: async () => {
      await Promise.all([...made.values()].map(({ connections }) => connections.dispose()));
    },
  };
}

async function newEngine(
  datamodels: ConstructorOptions["datamodels"] & object,
  connections: Connections,
): Promise<SchemaEngine> {
  const { SchemaEngine } = await loadEngine();
  const log = (line: string) => void process.stderr.write(`${line.trimEnd()}\n`);
  return SchemaEngine.new(
    { datamodels: datamodels.length > 0 ? datamodels : undefined },
    log,
    connections.factory,
  );
}

function connectLive({ url, shadowDatabaseUrl }: Datasource, schemaFile?: string): Connections {
  if (url === undefined || url === "")
    throw new Error("The datasource has no URL: prisma.config.ts must give one");
  const withoutLock = /^(1|true)$/i.test(process.env.PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK ?? "");
  const lends = async (script: string) => {
    if (schemaFile === undefined || !parseMark(script)) return false;
    const { isAgreed } = await import("../../scripts/io/transfer/agreed.ts");
    return isAgreed(dirname(resolve(schemaFile)), script);
  };
  return liveConnections({ url, shadowDatabaseUrl: shadowDatabaseUrl || undefined, withoutLock, lends });
}

/** Schema files can be compared with each other, and with nothing, wherever the database is. */
function needsNoDatabase({ method, params }: Request): boolean {
  if (method !== "diff") return false;
  return [params?.from, params?.to].every((side) => {
    const tag = (side as { tag?: string } | undefined)?.tag;
    return tag === "empty" || tag === "schemaDatamodel";
  });
}

/** Methods are those of the engine's class, but for one that it calls otherwise, and two that it does not have. */
async function answer(
  engine: SchemaEngine,
  { method, params }: Request,
  provided: () => ReadonlySet<string>,
): Promise<unknown> {
  switch (method) {
    case "getDatabaseVersion":
      return engine.version(undefined);
    case "diff": {
      const { exitCode, stdout } = leaveOutExtensions(await engine.diff(params as never), params, provided());
      // The native engine has its parent print the result, and the CLI prints nothing else.
      if (stdout) send({ id: 1, method: "print", params: { content: stdout.replace(/\n$/, "") } });
      return { exitCode };
    }
    case "createMigration": {
      const made = await withShadow(engine, params, () => engine.createMigration(params as never));
      return leaveOutCreation(made, params, provided());
    }
    default: {
      const call = Object.hasOwn(Object.getPrototypeOf(engine), method)
        ? engine[method as "diff"]
        : undefined;
      if (typeof call !== "function" || method === "free" || method === "constructor") {
        throw new Error(`The schema engine in WebAssembly has no method ${method}`);
      }
      return withShadow(engine, params, () => call.call(engine, params as never));
    }
  }
}

/**
 * Two methods of the CLI's `migrate dev` cannot reach the shadow database; they answer from what an earlier method
 * replayed. Where none did, since there were migrations to apply first, the history is replayed for them.
 */
async function withShadow<T>(
  engine: SchemaEngine,
  params: Request["params"],
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof Error && error.message.includes("through an external factory"))) throw error;
    const { migrationsList, filters } = params as unknown as DiagnoseMigrationHistoryInput;
    await engine.diagnoseMigrationHistory({ migrationsList, filters, optInToShadowDatabase: true });
    return call();
  }
}

/** A comparison without what provision has made; where nothing else is left, as the engine says that there is nothing. */
function leaveOutExtensions(
  result: DiffResult,
  params: Request["params"],
  provided: ReadonlySet<string>,
): DiffResult {
  const stdout = withoutExtensions(result.stdout ?? "", provided);
  if (stdout === (result.stdout ?? "") || stdout.trim() !== "") return { ...result, stdout };
  return { exitCode: 0, stdout: params?.script ? EMPTY_MIGRATION : "No difference detected.\n" };
}

/** The same of a new migration. */
function leaveOutCreation(
  made: CreateMigrationOutput,
  params: Request["params"],
  provided: ReadonlySet<string>,
): CreateMigrationOutput {
  if (made.migrationScript === null) return made;
  const migrationScript = withoutExtensions(made.migrationScript, provided);
  if (migrationScript.trim() !== "") return { ...made, migrationScript };
  return { ...made, migrationScript: params?.draft ? EMPTY_MIGRATION : null };
}

function toResponse({ message, code, panic }: EngineError): object {
  return {
    code: 4466,
    message: "An error happened. Check the data field for details.",
    data: { is_panic: panic, message, meta: null, error_code: code ?? null },
  };
}
