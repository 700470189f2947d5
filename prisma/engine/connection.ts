import pg from "pg";

/** A connection string taken apart: what pg needs, and the schema that Prisma's `schema` parameter names. */
export interface Target {
  config: pg.ClientConfig;
  /** Default, as in Prisma: `public`. */
  schema: string;
  host: string;
  port: number;
  database: string;
  user: string;
}

/** Parameters that only Prisma's own drivers know; a server would refuse them. */
const PRISMA_ONLY = [
  "schema",
  "connection_limit",
  "pool_timeout",
  "socket_timeout",
  "connect_timeout",
  "pgbouncer",
  "statement_cache_size",
  "sslaccept",
  "sslidentity",
  "sslpassword",
  "channel_binding",
];

/** Reads a `postgresql://` URL as Prisma does; throws a TypeError, without the URL, when it is none. */
export function parseTarget(connectionString: string): Target {
  const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new TypeError(
      "The datasource's URL is not of the form postgresql://user:password@host:5432/database",
    );
  }
  const parameters = url.searchParams;
  const schema = parameters.get("schema") || "public";
  const seconds = Number(parameters.get("connect_timeout") ?? 10);
  // In Prisma's URLs, as in libpq, sslmode=require encrypts without verifying; pg would verify.
  if (parameters.has("sslmode")) {
    if (parameters.get("sslaccept") === "strict") parameters.set("sslmode", "verify-full");
    else parameters.set("uselibpqcompat", "true");
  }
  for (const name of PRISMA_ONLY) parameters.delete(name);
  const client = new pg.Client({ connectionString: url.href });
  return {
    config: {
      connectionString: url.href,
      connectionTimeoutMillis: seconds * 1000,
      application_name: parameters.get("application_name") ?? "schemata",
      keepAlive: true,
    },
    schema,
    host: client.host,
    port: client.port,
    database: client.database ?? "",
    user: client.user ?? "",
  };
}

/** The same server and login, another database. */
export function onDatabase(target: Target, database: string): Target {
  const url = new URL(target.config.connectionString ?? "");
  url.pathname = `/${encodeURIComponent(database)}`;
  return { ...target, config: { ...target.config, connectionString: url.href }, database };
}

/** Connects, and survives the loss of an idle connection: the next query then fails instead of the process. */
export async function connectTarget(target: Target): Promise<pg.Client> {
  const client = new pg.Client(target.config);
  client.on("error", () => {});
  await client.connect();
  return client;
}
