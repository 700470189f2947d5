import { defineCommand } from "../command.ts";
import { EXIT } from "../core/errors.ts";
import { renderInitSql } from "../core/initSql.ts";
import { renderLoginAdvice } from "../core/roles.ts";
import { chooseServices, requireSound } from "../core/service.ts";
import { closeConnection, connectCreating } from "../io/postgres/connect.ts";
import { runScript } from "../io/postgres/runScript.ts";
import { ensureServer } from "../io/server/server.ts";
import { readServices } from "../io/workspace.ts";
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
    const sql = renderInitSql(services);
    if (dryRun) {
      print(`${sql}\n${renderLoginAdvice(services)}`);
      return EXIT.done;
    }
    await ensureServer(settings, note);
    const client = await connectCreating(settings.databaseUrl, (database) =>
      note(`Created the database "${database}"`),
    );
    try {
      await client.query("SELECT pg_advisory_lock(hashtext('schemata init.sql'))");
      await runScript(client, sql, {
        file: "provision",
        fix: "schemata provision --dry-run prints the SQL for a login that may create roles (CREATEROLE) and schemas",
      });
    } finally {
      await closeConnection(client);
    }
    note(`Provisioned ${services.map(({ name }) => name).join(", ")}`);
    print(renderLoginAdvice(services));
    return EXIT.done;
  },
});
