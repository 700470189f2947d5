import { defineCommand } from "../command.ts";
import { EXIT } from "../core/errors.ts";
import { stopServer } from "../io/server/server.ts";

export default defineCommand({
  describe: "Stop what start-db started, and nothing else; the data stay",
  options: (yargs) => yargs,
  async run(_options, { settings, note, signal }) {
    const stopped = await stopServer(settings, { note, signal });
    if (stopped.includes("embedded")) note("The embedded server has stopped");
    if (stopped.includes("docker")) note("The containers have stopped");
    if (stopped.length === 0) note("Nothing to stop: start-db started no server that still runs");
    return EXIT.done;
  },
});
