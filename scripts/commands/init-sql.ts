import { defineCommand } from "../command.ts";
import { EXIT } from "../core/errors.ts";
import { renderWorkspaceInitSql, writeInitSql } from "../io/server/initSql.ts";

export default defineCommand({
  describe: "Print what init.sql must hold for the services as they are, or write it",
  options: (yargs) =>
    yargs.option("write", { type: "boolean", default: false, describe: "Write init.sql of the workspace" }),
  async run({ write }, { settings, print, note }) {
    if (!write) print(renderWorkspaceInitSql(settings.root).trimEnd());
    else note(writeInitSql(settings.root) ? "Wrote init.sql" : "init.sql is up to date");
    return EXIT.done;
  },
});
