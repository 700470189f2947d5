/** Everything a user sets outside a verb's own options, parsed once. */
export interface Settings {
  /** Absolute path of the workspace: the folder that holds services/. */
  root: string;
  /** The shared database, password included: never print it unmasked. */
  databaseUrl: string;
  /** `embedded`: nothing was set, so the workspace's own server is meant, and may be started. */
  databaseFrom: "environment" | "embedded";
  /** TCP port of the embedded server. */
  dbPort: number;
  /** Where histories are replayed; absent: beside the shared database. */
  shadowDatabaseUrl: string | undefined;
}

/** The login of the embedded server and of docker-compose.yml. */
export const DEFAULT_LOGIN = {
  user: "postgres",
  password: "postgres",
  database: "test_db",
  // Below what systems lend to clients (Linux from 32768 on, others from 49152): none of those can be holding it.
  port: 24329,
} as const;

/** The result of parsing: settings, or every problem found, each a sentence. */
export type ParsedSettings = { settings: Settings } | { problems: string[] };

/** Parses the environment (with .env merged in) and the workspace's absolute path. */
export function parseSettings(env: Record<string, string | undefined>, root: string): ParsedSettings {
  const problems: string[] = [];
  const dbPort = parsePort(env.DB_PORT, problems);
  const databaseUrl = parseUrl("DATABASE_URL", env.DATABASE_URL, problems);
  const shadowDatabaseUrl = parseUrl("SHADOW_DATABASE_URL", env.SHADOW_DATABASE_URL, problems);
  if (problems.length > 0) return { problems };
  const { user, password, database } = DEFAULT_LOGIN;
  return {
    settings: {
      root,
      databaseUrl: databaseUrl ?? `postgresql://${user}:${password}@127.0.0.1:${dbPort}/${database}`,
      databaseFrom: databaseUrl === undefined ? "embedded" : "environment",
      dbPort,
      shadowDatabaseUrl,
    },
  };
}

function parsePort(text: string | undefined, problems: string[]): number {
  if (text === undefined || text === "") return DEFAULT_LOGIN.port;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  problems.push(`DB_PORT is "${text}", not a port between 1 and 65535`);
  return DEFAULT_LOGIN.port;
}

function parseUrl(name: string, text: string | undefined, problems: string[]): string | undefined {
  if (text === undefined || text === "") return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "postgresql:" || url?.protocol === "postgres:") return text;
  problems.push(`${name} is no URL of the form postgresql://user:password@host:5432/database`);
  return undefined;
}
