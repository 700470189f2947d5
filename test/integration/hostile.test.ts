import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { guardScript } from "../../scripts/core/guard/guard.ts";
import { renderInitSql } from "../../scripts/core/initSql.ts";
import { ownerRole } from "../../scripts/core/roles.ts";
import { quoteIdent } from "../../scripts/core/sql.ts";
import { loadSqlParser } from "../../scripts/io/parser.ts";
import { prepareUpgrade, runUpgrade } from "../../scripts/io/upgrade/upgrade.ts";
import { readServices } from "../../scripts/io/workspace.ts";
import { type Catalog, readCatalog, readRows, withClient } from "../support/catalog.ts";
import { BILLING, type GuardFixture, readGuardFixtures } from "../support/hostile.ts";
import { cloneDatabase, createDatabase, startThrowawayServer, type TestServer } from "../support/postgres.ts";
import { makeWorkspace, type TestWorkspace } from "../support/workspace.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures/guard");
const SERVICES = ["auth", "billing", "reports", "shop"];
const NEIGHBOURS = ["auth", "shop"];
/** A login as an operator makes it for one service: it may act as that service's owner, and no more. */
const LOGIN = "billing_login";
const INITIAL = "1_initial";
const HOSTILE = "2_hostile";

let server: TestServer;
let template: string;
let workspace: TestWorkspace;

beforeAll(async () => {
  server = await startThrowawayServer();
  template = await createDatabase(server.url, "app");
  const initial = (service: string) => readFileSync(join(FIXTURES, "neighbours", `${service}.sql`), "utf8");
  workspace = makeWorkspace(
    Object.fromEntries(SERVICES.map((name) => [name, { migrations: { [INITIAL]: initial(name) } }])),
  );
  await withClient(template, async (client) => {
    await client.query(renderInitSql(SERVICES.map((name) => ({ name, schema: name }))));
    await client.query(`CREATE ROLE ${LOGIN} LOGIN PASSWORD 'x'; GRANT ${ownerRole("billing")} TO ${LOGIN}`);
    await client.query(readFileSync(join(FIXTURES, "neighbours", "database.sql"), "utf8"));
    await upgrade(template, ["billing", "auth", "shop"]);
    // What a foreign key to another service's table takes, and what a service that has one is granted.
    await client.query(`GRANT USAGE ON SCHEMA billing TO reports_owner; GRANT REFERENCES ON billing.invoices TO reports_owner;
      GRANT USAGE ON SCHEMA auth TO billing_owner; GRANT REFERENCES ON auth."User" TO billing_owner`);
    await upgrade(template, ["reports"]);
  });
});
afterAll(() => server.stop());

/** The real upgrade of some services, in this process. */
async function upgrade(url: string, names: readonly string[]) {
  const services = readServices(workspace.root);
  const prepared = await prepareUpgrade({
    url,
    services,
    chosen: services.filter(({ name }) => names.includes(name)),
    target: "head",
    withDependencies: false,
    requireRoles: true,
    lockWait: 5_000,
    onDatabaseCreated: undefined,
  });
  const options = { jobs: 1, lockWait: 5_000, lockTimeout: 2_000, retries: 0 };
  const outcomes = await runUpgrade(prepared, options, {
    signal: new AbortController().signal,
    emit: () => {},
  });
  return outcomes;
}

/** All that a service's migration must leave alone: its neighbours' objects and rows, roles, and the database itself. */
async function readSurroundings(url: string) {
  return withClient(url, async (client) => {
    const shared = await client.query(`SELECT
      (SELECT jsonb_agg(to_jsonb(r) - 'oid' ORDER BY rolname) FROM pg_roles r) AS roles,
      (SELECT jsonb_agg(to_jsonb(m) - 'oid' ORDER BY m::text) FROM pg_auth_members m) AS members,
      (SELECT jsonb_agg(jsonb_build_array(nspname, nspacl, nspowner) ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp' AND nspname <> 'billing') AS schemas,
      (SELECT jsonb_agg(jsonb_build_array(extname, extversion, extnamespace) ORDER BY extname) FROM pg_extension) AS extensions,
      (SELECT jsonb_agg(jsonb_build_array(datname, coalesce(datacl, acldefault('d', datdba)), datdba) ORDER BY datname) FROM pg_database WHERE datname !~ '^clone_') AS databases`);
    return {
      catalog: withoutEmpty(await readCatalog(client, [...NEIGHBOURS, "public"])),
      rows: await readRows(client, NEIGHBOURS),
      shared: shared.rows,
      reports: withoutEmpty(await readCatalog(client, ["reports"])),
    };
  });
}

/**
 * Leaves out what has no effect: a GRANT that Postgres only warns of still writes out the rights that everybody has
 * anyway, and a role may have default privileges where it can make nothing.
 */
function withoutEmpty(catalog: Catalog): Catalog {
  for (const facts of Object.values(catalog).flatMap((kind) => Object.values(kind))) {
    const everybody = ["U", "X"].map((right) => [
      `=${right}/${facts.owner}`,
      `${facts.owner}=${right}/${facts.owner}`,
    ]);
    if (everybody.some((acl) => JSON.stringify(acl) === JSON.stringify(facts.acl))) delete facts.acl;
  }
  for (const key of Object.keys(catalog.defaultPrivileges)) {
    if (!/^(?:auth|shop|reports)_owner /.test(key)) delete catalog.defaultPrivileges[key];
  }
  return catalog;
}

interface Result {
  ran: boolean;
  /** As the table shows it. */
  text: string;
  /** Postgres' roles refused it. */
  refused: boolean;
}

async function execute({ sql }: GuardFixture, url: string): Promise<Result> {
  workspace.writeMigration("billing", HOSTILE, sql);
  const login = new URL(url);
  login.username = LOGIN;
  login.password = "x";
  const [outcome] = await upgrade(login.href, ["billing"]).catch((error: Error) => [{ failure: error }]);
  const failure = outcome?.failure as (Error & { details?: Record<string, unknown> }) | undefined;
  if (!failure) return { ran: true, refused: false, text: "runs, within billing" };
  const { sqlState, message = failure.message.replace(/^billing: /, "") } = failure.details ?? {};
  const refused = sqlState === "42501";
  const told = `${String(message).split("\n")[0]}`
    .replaceAll(new URL(url).pathname.slice(1), "app")
    .replaceAll("|", "\\|");
  return { ran: false, refused, text: `${refused ? "refused" : "fails"}: ${told}` };
}

test("each hostile migration is caught by the guard or stopped by the roles, and no neighbour changes", {
  timeout: 900_000,
}, async () => {
  const parser = await loadSqlParser();
  const { reports: reportsBefore, ...before } = await readSurroundings(template);
  let url = await cloneDatabase(template);
  const results: { name: string; finds: string; comes: string }[] = [];
  const changed: string[] = [];
  const fixtures = readGuardFixtures("hostile");
  for (const fixture of fixtures) {
    const { findings } = guardScript({ file: "migration.sql", sql: fixture.sql }, BILLING, parser);
    const rules = [...new Set(findings.map(({ rule }) => rule))];
    const result = await execute(fixture, url);
    let comes = result.text;
    // What failed has left the database as it was, which shows after the next one that did not.
    if (result.ran || fixture === fixtures.at(-1)) {
      const { reports, ...after } = await readSurroundings(url);
      if (!isDeepStrictEqual(after, before)) changed.push(fixture.name);
      if (!isDeepStrictEqual(reports, reportsBefore)) {
        if (!rules.includes("cascade")) changed.push(fixture.name);
        comes = "runs, and takes along what of reports hangs on it";
      }
      url = await renew(url);
    }
    results.push({ name: fixture.name, finds: rules.join(", ") || "nothing", comes });
  }
  expect(changed).toEqual([]);
  await expect(renderResults(results)).toMatchFileSnapshot(join(FIXTURES, "RESULTS.md"));
});

function renderResults(results: readonly { name: string; finds: string; comes: string }[]): string {
  const count = (word: string) => results.filter(({ comes }) => comes.startsWith(word)).length;
  const lines = [
    "# What becomes of hostile migrations",
    "",
    `Migrations of the service billing that reach beyond it, one a file, grouped by rule: what the guard finds by reading, and what comes of it when it is applied all the same, as the owner role, in a database with three neighbours. Of ${results.length}, the guard finds ${results.filter(({ finds }) => finds !== "nothing").length}; PostgreSQL refuses ${count("refused")} for want of rights, and ${count("fails")} for other reasons, most of them since what they name is not there; ${count("runs")} run. None changes a neighbour's objects or rows, but those that drop with CASCADE what a neighbour refers to.`,
  ];
  let group = "";
  for (const { name, finds, comes } of results) {
    const [folder = "", file = ""] = name.split("/");
    if (folder !== group) {
      lines.push(
        "",
        `## ${folder}`,
        "",
        "| migration | the guard finds | as the owner role |",
        "| --- | --- | --- |",
      );
    }
    group = folder;
    lines.push(`| [${file.replace(/\.sql$/, "")}](hostile/${name}) | ${finds} | ${comes} |`);
  }
  return `${lines.join("\n")}\n`;
}

async function renew(url: string): Promise<string> {
  await withClient(template.replace(/\/app$/, "/postgres"), (client: pg.Client) =>
    client.query(`DROP DATABASE ${quoteIdent(new URL(url).pathname.slice(1))} WITH (FORCE)`),
  );
  return cloneDatabase(template);
}
