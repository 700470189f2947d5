import { defineCommand } from "../command.ts";
import { EXIT } from "../core/errors.ts";
import { declaredExtensions, EXTENSIONS_SCHEMA } from "../core/extensions.ts";
import { INIT_LOCK, renderInitSql } from "../core/initSql.ts";
import { declaredRights, renderGrants, renderReleases } from "../core/rights.ts";
import { renderLoginAdvice } from "../core/roles.ts";
import { chooseServices, requireSound, type Service } from "../core/service.ts";
import { quoteIdent } from "../core/sql.ts";
import { type Client, closeConnection, connectCreating } from "../io/postgres/connect.ts";
import { runScript } from "../io/postgres/runScript.ts";
import { ensureServer } from "../io/server/server.ts";
import { readExternals, readServices } from "../io/workspace.ts";
import { appsOption } from "../options.ts";

export default defineCommand({
  describe:
    "Give every service its schema, its owner role and its app role, in a database that init.sql did not make",
  examples: [
    ["$0 provision --dry-run", "the SQL, for an administrator to read and run"],
    ["$0 provision", "the same, run with the login of DATABASE_URL; any number of times"],
  ],
  options: (yargs) =>
    appsOption(yargs).option("dry-run", {
      type: "boolean",
      default: false,
      describe: "Print the SQL and do nothing",
    }),
  async run({ app, dryRun }, { settings, note, print }) {
    const services = chooseServices(readServices(settings.root), app).map(requireSound);
    const sql = [renderInitSql(services), ...services.flatMap(renderDeclared)].join("\n");
    if (dryRun) {
      print(`${sql}\n${renderLoginAdvice(services)}`);
      return EXIT.done;
    }
    await ensureServer(settings, note);
    const client = await connectCreating(settings.databaseUrl, (database) =>
      note(`Created the database "${database}"`),
    );
    try {
      await client.query(`SELECT pg_advisory_lock(${INIT_LOCK})`);
      await runScript(client, sql, {
        file: "provision",
        fix: "schemata provision --dry-run prints the SQL for a login that may create roles (CREATEROLE) and schemas",
      });
      for (const text of await describeElsewhere(client, declaredExtensions(services))) note(text);
    } finally {
      await closeConnection(client);
    }
    note(`Provisioned ${services.map(({ name }) => name).join(", ")}`);
    print(renderLoginAdvice(services));
    return EXIT.done;
  },
});

/** Extensions that were there before, and stay where they are. */
async function describeElsewhere(client: Client, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const { rows } = await client.query(
    `SELECT extname AS name, nspname AS schema FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
      WHERE extname = ANY ($1) AND nspname <> $2 AND nspname !~ '^pg_' ORDER BY 1`,
    [names, EXTENSIONS_SCHEMA],
  );
  return rows.map(
    ({ name, schema }) =>
      `The extension "${name}" stays in the schema "${schema}", which services that declare it search after their own; ALTER EXTENSION ${quoteIdent(name)} SET SCHEMA ${quoteIdent(EXTENSIONS_SCHEMA)} would move it`,
  );
}

/** What a service's schema file repeats of others, where that exists already: a plan grants it too, but not every login may. */
function renderDeclared(service: Service): string[] {
  const declared = declaredRights(readExternals(service), service.schemas.slice(1));
  const statements = [
    ...renderGrants(declared, service.schema),
    ...renderReleases(service.schema, declared),
  ].map((statement) => `${statement};`);
  return [`-- What ${JSON.stringify(service.name)} refers to`, ...statements, ""];
}
