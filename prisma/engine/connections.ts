import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlQuery,
} from "@prisma/driver-adapter-utils";
import type pg from "pg";
import type { Externals } from "../../scripts/core/externals.ts";
import { inFlight } from "../../scripts/io/postgres/send.ts";
import { type AdapterOptions, makeAdapter, openSession, pinToSchema } from "./adapter.ts";
import { type Answers, askAhead, type Foresight, keyOf, type Meanings, toQuestion } from "./ahead.ts";
import { parseTarget, type Target } from "./connection.ts";
import { toAdapterError, toUserFacingError, type UserFacingError } from "./databaseErrors.ts";
import { openShadow } from "./shadow.ts";
import { readingOf } from "./values.ts";
import { showRepeated, type View, type Visibility } from "./visibility.ts";

/** What an engine connects through. Freeing an engine closes nothing: whoever made this disposes of it. */
export interface Connections {
  /** For `SchemaEngine.new`. */
  factory: object;
  /** Why the database could not be connected to, with Prisma's number, which the engine itself does not give. */
  refusal(): UserFacingError | undefined;
  /** Lets the engine see what schema files repeat of other services; everything else of theirs is hidden from it. */
  show(schemaFiles: readonly string[], more?: Partial<Externals>): void;
  /** Extensions that a shadow database was given, because the live one has them from provision. */
  provided(): ReadonlySet<string>;
  /** Closes every connection and drops the shadow databases that are still there; may be called again. */
  dispose(): Promise<void>;
}

export interface LiveConnectionsOptions {
  url: string;
  shadowDatabaseUrl?: string | undefined;
  withoutLock?: boolean;
  lends?: AdapterOptions["lends"];
}

/** Connections for the whole of the engine: a live database, and shadow databases as it asks for them. */
export function liveConnections({
  url,
  shadowDatabaseUrl,
  withoutLock = false,
  lends,
}: LiveConnectionsOptions): Connections {
  const target = parseTarget(url);
  const visibility = seeOnly(target.schema);
  return track(visibility, target, (keep) => ({
    connect: () => keep(() => openLive({ target, visibility, withoutLock, lends })),
    connectToShadowDb: () => keep(() => openShadow({ target, visibility, shadowDatabaseUrl })),
  }));
}

/** A connection of the caller's, to be used within whatever transaction is open on it. */
export interface LentConnection {
  client: pg.Client;
  /** What its engines ask is asked before they do. Nothing may change in the database meanwhile. */
  ahead?: Foresight;
}

/**
 * Connections on which one database is both the live one and its own shadow: what a history made there is compared
 * with a schema file, nothing is replayed. `forget` must be called when the database may have changed; after `seal`,
 * nothing is asked any more. A connection that is lent is used in place of one of its own, and stays open.
 */
export function keptConnections(
  url: string,
  { lent, view }: { lent?: LentConnection | undefined; view?: View | undefined } = {},
): Connections & { forget(): void; seal(): void } {
  const target = parseTarget(url);
  const visibility = { ...seeOnly(target.schema), withoutLedger: true, ...(view && { view }) };
  const asked = new Map<string, SqlQuery>();
  let foreseen = true;
  const onAnswer: AdapterOptions["onAnswer"] = (query, { remembered }) => {
    foreseen &&= remembered || asked.has(keyOf(query));
    asked.set(keyOf(query), query);
  };
  const memory: Answers = new Map();
  let pinned: Promise<unknown> | undefined;
  let opened: Promise<pg.Client> | undefined;
  const ownClient = () => {
    opened ??= openSession(target, visibility);
    return opened;
  };
  let sealed = false;
  const maySend = () => !sealed;
  const share = async (): Promise<SqlDriverAdapter> => {
    await pinned;
    const client = lent?.client ?? (await ownClient());
    return makeAdapter(client, { target, memory, visibility, onAnswer, maySend, dispose: async () => {} });
  };
  const connections = track(visibility, target, () => ({ connect: share, connectToShadowDb: share }));
  return {
    ...connections,
    show: (schemaFiles, more) => {
      connections.show(schemaFiles, more);
      if (lent) pinned ??= beginOn(lent, visibility, memory);
    },
    forget: () => memory.clear(),
    seal: () => {
      sealed = true;
    },
    dispose: async () => {
      await connections.dispose();
      if (lent?.ahead && !foreseen) learn([...asked.values()], target.schema, lent.ahead);
      const client = await opened?.catch(() => undefined);
      await client?.end().catch(() => {});
    },
  };
}

/** Pins the session, and asks ahead; both are sent at once, without waiting for the engine that will use them. */
function beginOn(
  { client, ahead }: LentConnection,
  visibility: Visibility,
  memory: Answers,
): Promise<unknown> {
  const pinned = inFlight(pinToSchema(client, visibility));
  if (ahead && ahead.habits.questions.length > 0) {
    const { own, view } = visibility;
    const meanings = { own, schemas: ahead.schemas, ...(view && { only: namesIn(view) }) };
    for (const [key, answer] of askAhead(client, ahead.habits.questions, meanings)) memory.set(key, answer);
  }
  return pinned;
}

function namesIn({ tables, neighbours, enums }: View): NonNullable<Meanings["only"]> {
  const withoutSchema = (name: string) => name.slice(name.indexOf(".") + 1);
  return { tables: [...tables, ...neighbours].map(withoutSchema), enums: [...enums].map(withoutSchema) };
}

function learn(asked: readonly SqlQuery[], own: string, { schemas, habits }: Foresight): void {
  const questions = asked.map((query) => toQuestion(query, { own, schemas }));
  habits.learn(questions.filter((question) => question !== undefined));
}

/** No database at all: an engine on it compares schema files with each other. */
export function offlineConnections(): Connections {
  return track(seeOnly("public"), undefined, () => ({
    connect: async () => offlineAdapter(),
    connectToShadowDb: async () => offlineAdapter(),
  }));
}

type Keep = (open: () => Promise<SqlDriverAdapter>) => Promise<SqlDriverAdapter>;

interface Doors {
  connect(): Promise<SqlDriverAdapter>;
  connectToShadowDb(): Promise<SqlDriverAdapter>;
}

/** Each adapter is disposed of once, by the engine or at the end, the latest first. */
function track(
  visibility: Visibility,
  target: Target | undefined,
  makeDoors: (keep: Keep) => Doors,
): Connections {
  const open = new Set<Promise<SqlDriverAdapter>>();
  let closing = false;
  let refusal: UserFacingError | undefined;
  const keep: Keep = (opening) => {
    if (closing) return Promise.reject(new Error("the engine is shutting down"));
    const opened: Promise<SqlDriverAdapter> = opening().then((adapter) => {
      let disposed: Promise<void> | undefined;
      const disposeOnce = () => {
        disposed ??= adapter.dispose().finally(() => open.delete(opened));
        return disposed;
      };
      return { ...adapter, dispose: disposeOnce };
    });
    open.add(opened);
    opened.catch(() => open.delete(opened));
    return opened;
  };
  const doors = makeDoors(keep);
  const connect = async (): Promise<SqlDriverAdapter> => {
    try {
      return await doors.connect();
    } catch (error) {
      if (!target) throw error;
      refusal = toUserFacingError(error, target);
      throw toAdapterError(error, target);
    }
  };
  return {
    factory: bindMigrationAwareSqlAdapterFactory({
      provider: "postgres",
      adapterName: "schemata",
      ...doors,
      connect,
    }),
    refusal: () => refusal,
    provided: () => visibility.provided,
    show: (schemaFiles, more) => showRepeated(visibility, schemaFiles, more),
    async dispose() {
      closing = true;
      for (const opened of [...open].reverse()) {
        const adapter = await opened.catch(() => undefined);
        await adapter?.dispose().catch(() => {});
      }
    },
  };
}

function seeOnly(own: string): Visibility {
  return {
    own,
    tables: new Set(),
    enums: new Set(),
    extensions: new Set(),
    provided: new Set(),
    withoutLedger: false,
  };
}

async function openLive(options: Omit<AdapterOptions, "dispose">): Promise<SqlDriverAdapter> {
  const client = await openSession(options.target, options.visibility);
  return makeAdapter(client, { ...options, dispose: () => client.end() });
}

/** While it is built, an engine asks whether its schema exists and which server this is; nothing more. */
function offlineAdapter(): SqlDriverAdapter {
  const INT4 = 23;
  const BOOL = 16;
  const TEXT = 25;
  const refuse = () => Promise.reject(new Error("this comparison needs no database, and has none"));
  return {
    provider: "postgres",
    adapterName: "schemata",
    queryRaw: async ({ sql }: SqlQuery) => {
      if (!sql.includes("version()")) return refuse();
      return {
        columnNames: ["exists", "version", "numeric_version"],
        columnTypes: [BOOL, TEXT, INT4].map((oid) => readingOf(oid)[0]),
        rows: [[true, "PostgreSQL 18.0", 180_000]],
      };
    },
    executeRaw: refuse,
    executeScript: refuse,
    startTransaction: refuse,
    getConnectionInfo: () => ({ schemaName: "public", supportsRelationJoins: true }),
    dispose: async () => {},
  };
}
