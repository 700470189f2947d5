import { defineCommand } from "../command.ts";
import { EXIT, fail } from "../core/errors.ts";
import { DEFAULT_LOGIN } from "../core/settings.ts";
import { databaseName, describeServer } from "../io/postgres/connect.ts";
import { resetServer } from "../io/server/server.ts";

export default defineCommand({
  describe: "Delete all data of the workspace's own server and start it empty",
  examples: [["$0 reset-db --yes", "without the question, for scripts"]],
  options: (yargs) =>
    yargs.option("yes", { type: "boolean", default: false, describe: "Do not ask for the database's name" }),
  async run({ yes }, { settings, note, ask, signal }) {
    const { database } = DEFAULT_LOGIN;
    if (settings.databaseFrom === "environment") {
      const name = databaseName(settings.databaseUrl);
      return fail({
        fact: `reset-db leaves "${name}" at ${describeServer(settings.databaseUrl)} alone`,
        why: "it deletes only servers that start-db made, and DATABASE_URL names another",
        fix: "unset DATABASE_URL (see .env, too) to reset the workspace's own server; drop any other by hand",
        status: EXIT.usage,
      });
    }
    if (!yes) {
      const typed = await ask(`This deletes every schema of every service. Type ${database} to go on: `);
      if (typed?.trim() !== database) {
        return fail({
          fact:
            typed === undefined ? "reset-db wants a confirmation" : `"${typed.trim()}" is not ${database}`,
          why: "nothing was deleted",
          fix: "make reset-db yes=1   # or schemata reset-db --yes",
          status: typed === undefined ? EXIT.usage : EXIT.failed,
        });
      }
    }
    const { port } = await resetServer(settings, { note, signal });
    note(
      `${database} on 127.0.0.1:${port} is new and holds the schemas of init.sql; next: make upgrade-head`,
    );
    return EXIT.done;
  },
});
