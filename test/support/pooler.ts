import { randomInt } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import pg from "pg";
import { makeReader, readStrings, type WireMessage, writeError, writeMessage, writeStrings } from "./wire.ts";

// A pooler in transaction mode as strict as PgBouncer: a server connection is lent for one transaction and given to
// whoever comes next, as it is; nothing resets it in between. It follows a few settings for each client, as PgBouncer does.

const CANCEL = 80_877_102;
const ENCRYPTION = new Set([80_877_103, 80_877_104]);
const FOLLOWED = [
  "client_encoding",
  "DateStyle",
  "TimeZone",
  "standard_conforming_strings",
  "application_name",
];

/** A pooler that runs; `url` is the database's, through it. */
export interface Pooler {
  through(url: string): string;
  close(): Promise<void>;
}

/** A server connection, taken over from node-postgres once it has logged in. */
interface Backend {
  socket: Socket;
  pid: number;
  secret: number;
  settings: Map<string, string>;
  lentTo: Client | undefined;
  /** Answers to statements of the pooler's own that are still to come. */
  own: number;
}

interface Client {
  socket: Socket;
  key: { pid: number; secret: number };
  settings: Map<string, string>;
  backend: Backend | undefined;
  /** Messages that wait for a backend. */
  waiting: Buffer[];
  /** Answers that end in ReadyForQuery and are still to come. */
  pending: number;
}

/** Starts a pooler before the server at `url`, with so many connections to each database. */
export async function startPooler(server: string, { size = 3 } = {}): Promise<Pooler> {
  const { port, hostname, password } = new URL(server);
  const pools = new Map<string, { idle: Backend[]; open: number; queue: Client[] }>();
  const clients = new Set<Client>();

  const poolOf = (database: string) => {
    const pool = pools.get(database) ?? { idle: [], open: 0, queue: [] };
    pools.set(database, pool);
    return pool;
  };

  const openBackend = async (user: string, database: string): Promise<Backend> => {
    const login = new pg.Client({
      host: hostname,
      port: Number(port),
      user,
      database,
      password: decodeURIComponent(password),
    });
    login.on("error", () => {});
    const settings = new Map<string, string>();
    const inner = login as unknown as {
      connection: import("node:events").EventEmitter & { stream: Socket };
      processID: number;
      secretKey: number;
    };
    inner.connection.on("parameterStatus", ({ parameterName, parameterValue }) =>
      settings.set(parameterName, parameterValue),
    );
    await login.connect();
    const socket = inner.connection.stream;
    socket.removeAllListeners("data");
    socket.removeAllListeners("close");
    socket.removeAllListeners("end");
    return { socket, pid: inner.processID, secret: inner.secretKey, settings, lentTo: undefined, own: 0 };
  };

  /** The one that was idle for longest comes first, so that two transactions of a client rarely meet the same. */
  const lend = async (client: Client, user: string, database: string): Promise<void> => {
    const pool = poolOf(database);
    let backend = pool.open < size ? undefined : pool.idle.shift();
    if (!backend && pool.open >= size) {
      pool.queue.push(client);
      return;
    }
    if (!backend) {
      pool.open += 1;
      try {
        backend = await openBackend(user, database);
      } catch (error) {
        pool.open -= 1;
        client.socket.end(writeError("08P01", error instanceof Error ? error.message : String(error)));
        return;
      }
      attach(backend, database);
    }
    give(backend, client);
  };

  const give = (backend: Backend, client: Client): void => {
    backend.lentTo = client;
    client.backend = backend;
    const changed = FOLLOWED.filter((name) => client.settings.get(name) !== backend.settings.get(name));
    if (changed.length > 0) {
      const sql = changed
        .map((name) => `SET ${name}='${(client.settings.get(name) ?? "").replaceAll("'", "''")}'`)
        .join(";");
      backend.own += 1;
      backend.socket.write(writeMessage("Q", writeStrings(sql)));
    }
    for (const bytes of client.waiting.splice(0)) backend.socket.write(bytes);
  };

  const attach = (backend: Backend, database: string): void => {
    const onMessage = ({ type, bytes }: WireMessage) => {
      const client = backend.lentTo;
      if (type === "S") {
        const [name = "", value = ""] = readStrings(bytes.subarray(5));
        backend.settings.set(name, value);
        if (backend.own === 0) client?.settings.set(name, value);
      }
      if (backend.own > 0) {
        if (type === "Z") backend.own -= 1;
        return;
      }
      if (!client) return;
      client.socket.write(bytes);
      if (type !== "Z") return;
      client.pending -= 1;
      if (client.pending > 0 || String.fromCharCode(bytes[5] ?? 0) !== "I") return;
      client.backend = undefined;
      takeBack(backend, database);
    };
    backend.socket.on(
      "data",
      makeReader(() => false, onMessage),
    );
    backend.socket.on("error", () => {});
    backend.socket.on("close", () => {
      const pool = poolOf(database);
      pool.open -= 1;
      pool.idle = pool.idle.filter((one) => one !== backend);
      backend.lentTo?.socket.end(writeError("08P01", "server conn crashed?"));
    });
  };

  const takeBack = (backend: Backend, database: string): void => {
    backend.lentTo = undefined;
    const pool = poolOf(database);
    const next = pool.queue.shift();
    if (next) give(backend, next);
    else pool.idle.push(backend);
  };

  const front = createServer((socket) => {
    let started = false;
    let login = { user: "", database: "" };
    const client: Client = {
      socket,
      key: { pid: randomInt(1, 2 ** 31 - 1), secret: randomInt(1, 2 ** 31 - 1) },
      settings: new Map(),
      backend: undefined,
      waiting: [],
      pending: 0,
    };
    const start = async (bytes: Buffer) => {
      const code = bytes.readInt32BE(4);
      if (ENCRYPTION.has(code)) return void socket.write("N");
      if (code === CANCEL) return passOnCancel(bytes);
      started = true;
      const parts = readStrings(bytes.subarray(8));
      const asked = new Map<string, string>();
      for (let at = 0; parts[at]; at += 2) asked.set(parts[at] ?? "", parts[at + 1] ?? "");
      const strange = [...asked.keys()].find(
        (name) =>
          ![...FOLLOWED, "user", "database"].some((known) => known.toLowerCase() === name.toLowerCase()),
      );
      if (strange !== undefined)
        return void socket.end(writeError("08P01", `unsupported startup parameter: ${strange}`));
      const user = asked.get("user") ?? "";
      login = { user, database: asked.get("database") ?? user };
      clients.add(client);
      await welcome(asked);
    };
    const welcome = async (asked: Map<string, string>) => {
      const pool = poolOf(login.database);
      const any = pool.idle[0];
      try {
        if (!any && pool.open < size) {
          pool.open += 1;
          const backend = await openBackend(login.user, login.database).catch((error) => {
            pool.open -= 1;
            throw error;
          });
          attach(backend, login.database);
          client.settings = new Map(backend.settings);
          takeBack(backend, login.database);
        } else
          client.settings = new Map(
            (any ?? [...clients].find((one) => one.backend)?.backend)?.settings ?? [],
          );
      } catch (error) {
        const { code = "08P01", message } = error as { code?: string; message: string };
        return void socket.end(writeError(code, message));
      }
      for (const name of FOLLOWED) {
        const value = asked.get(name) ?? asked.get(name.toLowerCase());
        if (value !== undefined) client.settings.set(name, value);
      }
      const key = Buffer.alloc(8);
      key.writeInt32BE(client.key.pid, 0);
      key.writeInt32BE(client.key.secret, 4);
      socket.write(
        Buffer.concat([
          writeMessage("R", Buffer.alloc(4)),
          ...[...client.settings].map(([name, value]) => writeMessage("S", writeStrings(name, value))),
          writeMessage("K", key),
          writeMessage("Z", Buffer.from("I")),
        ]),
      );
    };
    const passOnCancel = (bytes: Buffer) => {
      const [pid, secret] = [bytes.readInt32BE(8), bytes.readInt32BE(12)];
      const backend = [...clients].find(({ key }) => key.pid === pid && key.secret === secret)?.backend;
      socket.end();
      if (!backend) return;
      const request = Buffer.alloc(16);
      for (const [at, value] of [16, CANCEL, backend.pid, backend.secret].entries())
        request.writeInt32BE(value, at * 4);
      const far = connect(Number(port), hostname, () => far.end(request));
      far.on("error", () => {});
    };
    const leave = () => {
      clients.delete(client);
      for (const pool of pools.values()) pool.queue = pool.queue.filter((one) => one !== client);
      // In the middle of something: PgBouncer closes the server's connection then, and so undoes it.
      if (client.backend) {
        client.backend.lentTo = undefined;
        client.backend.socket.destroy();
      }
      client.backend = undefined;
    };
    const onMessage = ({ type, bytes }: WireMessage) => {
      if (!started) return void start(bytes);
      if (type === "X") return void socket.end();
      if (type === "Q" || type === "S") client.pending += 1;
      if (client.backend) return void client.backend.socket.write(bytes);
      client.waiting.push(bytes);
      if (client.waiting.length === 1) void lend(client, login.user, login.database);
    };
    socket.on(
      "data",
      makeReader(() => !started, onMessage),
    );
    socket.on("error", () => {});
    socket.on("close", leave);
  });

  await new Promise<void>((done) => front.listen(0, "127.0.0.1", done));
  const address = front.address();
  if (address === null || typeof address === "string") throw new Error("the pooler has no port");
  return {
    through: (url) => {
      const other = new URL(url);
      other.port = String(address.port);
      return other.href;
    },
    close: async () => {
      for (const { socket } of clients) socket.destroy();
      for (const pool of pools.values()) for (const { socket } of pool.idle) socket.destroy();
      await new Promise((done) => front.close(done));
    },
  };
}
