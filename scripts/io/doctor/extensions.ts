import type { Diagnosis } from "../../core/doctor.ts";
import { declaredExtensions, renderExtensions } from "../../core/extensions.ts";
import { compareHistory } from "../../core/history.ts";
import type { ServiceFacts } from "../../core/plan.ts";
import { quoteIdent } from "../../core/sql.ts";
import type { Client } from "../postgres/connect.ts";
import { readScript } from "../workspace.ts";

const area = "server";

/** What decides whether the login may make an extension. */
interface Login {
  name: string;
  database: string;
  superuser: boolean;
  createsInDatabase: boolean;
  createsRoles: boolean;
}

/** An extension that the server has on its disk, in the version that CREATE EXTENSION takes. */
interface Offered {
  /** Only a superuser may make it: it wants one, and is not marked as trusted. */
  guarded: boolean;
  requires: readonly string[];
}

interface Place {
  login: Login;
  /** The schema of each extension in the database. */
  installed: ReadonlyMap<string, string>;
  offered: ReadonlyMap<string, Offered>;
  /** The workspace's own server. */
  own: boolean;
}

/** Each extension that schema files declare: whether the database has it, and what it takes to make it there. */
export async function diagnoseExtensions(
  client: Client,
  facts: readonly ServiceFacts[],
  { own }: { own: boolean },
): Promise<Diagnosis[]> {
  const names = declaredExtensions(facts.map(({ service }) => service));
  if (names.length === 0) return [];
  const place = { ...(await readPlace(client)), own };
  return names.map((name) => {
    const users = facts.filter(({ service }) => service.extensions?.includes(name));
    const what = `the extension "${name}", which ${users.map(({ service }) => service.name).join(", ")} ${users.length === 1 ? "declares" : "declare"},`;
    const schema = place.installed.get(name);
    if (schema !== undefined) return { area, state: "ok", fact: `${what} is in the schema "${schema}"` };
    return users.every(makesItsOwn) && mayMake(name, place)
      ? { area, state: "ok", fact: `${what} is not there yet; a pending migration makes it` }
      : { area, state: "broken", ...diagnoseMissing(name, what, place) };
  });
}

async function readPlace(client: Client): Promise<Omit<Place, "own">> {
  const { rows: offered } = await client.query(
    `SELECT v.name, v.superuser AND NOT v.trusted AS guarded, coalesce(v.requires::text[], '{}') AS requires
       FROM pg_available_extensions a JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version`,
  );
  const { rows: installed } = await client.query(
    "SELECT extname, nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace",
  );
  const { rows: logins } = await client.query(
    `SELECT rolname AS name, current_database() AS database, rolsuper AS superuser, rolcreaterole OR rolsuper AS "createsRoles",
            has_database_privilege(current_database(), 'CREATE') AS "createsInDatabase"
       FROM pg_roles WHERE rolname = current_user`,
  );
  return {
    login: logins[0],
    installed: new Map(installed.map(({ extname, nspname }) => [extname, nspname])),
    offered: new Map(offered.map(({ name, ...rest }) => [name, rest])),
  };
}

/** Its migrations run as the login and make extensions themselves, as the stock engine's do. */
function makesItsOwn({ service, migrations, ledger, owner }: ServiceFacts): boolean {
  const { pending } = compareHistory(migrations, ledger);
  return (
    owner === "absent" &&
    migrations.some(
      (one) => pending.includes(one.name) && /create\s+extension/i.test(readScript(service, one)),
    )
  );
}

/** The extension and those that CASCADE makes with it, without those that are there. */
function withRequired(name: string, place: Place, seen = new Set<string>()): Set<string> {
  if (place.installed.has(name) || seen.has(name)) return seen;
  seen.add(name);
  for (const required of place.offered.get(name)?.requires ?? []) withRequired(required, place, seen);
  return seen;
}

function mayMake(name: string, place: Place): boolean {
  const { superuser, createsInDatabase } = place.login;
  const all = [...withRequired(name, place)].map((one) => place.offered.get(one));
  return all.every((one) => one && (superuser || (createsInDatabase && !one.guarded)));
}

function diagnoseMissing(
  name: string,
  what: string,
  place: Place,
): Pick<Diagnosis, "fact" | "fix"> & { why?: string } {
  const { login, offered, own } = place;
  const needed = [...withRequired(name, place)];
  const absent = needed.filter((one) => !offered.has(one));
  if (absent.length > 0) {
    const which = absent.includes(name)
      ? "it"
      : absent.map((one) => `"${one}", which it requires`).join(", ");
    return {
      fact: `${what} is not in the database, and the server does not offer ${which}`,
      why: "its files are not where the server is installed (pg_available_extensions)",
      fix: own
        ? "set DATABASE_URL to a server that has it, or let docker-compose.yml name an image that has it: make start-db db=docker"
        : "install its package on the server's machine, or allow it where a hosted server wants that; then make provision",
    };
  }
  const guarded = needed.filter((one) => offered.get(one)?.guarded);
  if (!login.superuser && guarded.length > 0) {
    return {
      fact: `${what} is not in the database, and "${login.name}" may not make it`,
      why: `${guarded.map((one) => `"${one}"`).join(", ")} ${guarded.length === 1 ? "is" : "are"} not trusted: it takes a superuser, or what a hosted server has for one`,
      fix: `let one run: ${renderExtensions([name]).join(" ")}`,
    };
  }
  if (!login.createsInDatabase) {
    return {
      fact: `${what} is not in the database, and "${login.name}" may not make it`,
      why: "it takes the right CREATE on the database",
      fix: `let an administrator run: ${renderExtensions([name]).join(" ")}\nor GRANT CREATE ON DATABASE ${quoteIdent(login.database)} TO ${quoteIdent(login.name)}; then make provision`,
    };
  }
  return {
    fact: `${what} is not in the database; the server offers it`,
    // provision makes roles too.
    fix: login.createsRoles
      ? "make provision"
      : "let an administrator run what schemata provision --dry-run prints",
  };
}
