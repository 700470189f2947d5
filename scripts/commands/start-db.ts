import { defineCommand } from "../command.ts";
import { EXIT } from "../core/errors.ts";
import { DEFAULT_LOGIN } from "../core/settings.ts";
import { describeServer, withConnection } from "../io/postgres/connect.ts";
import { startServer } from "../io/server/server.ts";

export default defineCommand({
  describe: "Start the database server, and run init.sql",
  examples: [
    ["$0 start-db", "the embedded PostgreSQL, in the background, with its data in .schemata/"],
    ["$0 start-db --db docker", "PostgreSQL and Adminer from docker-compose.yml"],
  ],
  options: (yargs) =>
    yargs.option("db", {
      choices: ["embedded", "docker"] as const,
      default: "embedded" as const,
      describe: "Which server",
    }),
  async run({ db }, { settings, note, signal }) {
    if (settings.databaseFrom === "environment") {
      const server = describeServer(settings.databaseUrl);
      note(`DATABASE_URL is set, so no server is started: ${server} is used`);
      await withConnection(settings.databaseUrl, () => Promise.resolve());
      note(`${server} answers`);
      return EXIT.done;
    }
    const { server, started } = await startServer(settings, { by: db, note, signal });
    const how = server.by === "docker" ? "in Docker" : `with its log in ${settings.root}/.schemata`;
    note(
      `The database server ${started ? "has started" : "was already running"} on 127.0.0.1:${server.port}, ${how}`,
    );
    note(`Log in as ${DEFAULT_LOGIN.user}, database ${DEFAULT_LOGIN.database}`);
    if (server.by === "docker") note("Adminer: http://localhost:8080");
    return EXIT.done;
  },
});
