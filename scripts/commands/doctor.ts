import { defineCommand } from "../command.ts";
import { renderDiagnoses } from "../core/doctor.ts";
import { EXIT, maskPasswords } from "../core/errors.ts";
import { diagnoseFiles } from "../io/doctor/files.ts";
import { diagnoseServer } from "../io/doctor/server.ts";
import { diagnoseTools } from "../io/doctor/tools.ts";
import { readServices } from "../io/workspace.ts";
import { jsonOption } from "../options.ts";

export default defineCommand({
  describe:
    "Look at everything that has to be in place: tools, files, server, rights; each ok, or with its fix",
  examples: [["$0 doctor", "exits 3 when something is broken; starts and changes nothing"]],
  options: (yargs) => jsonOption(yargs),
  async run({ json }, { settings, env, print, signal }) {
    const services = readServices(settings.root);
    const diagnoses = [
      ...(await diagnoseTools(settings, env)),
      ...diagnoseFiles(settings.root, services),
      ...(await diagnoseServer(settings, services)),
    ];
    signal.throwIfAborted();
    print(json ? maskPasswords(JSON.stringify({ diagnoses })) : renderDiagnoses(diagnoses));
    return diagnoses.some(({ state }) => state === "broken") ? EXIT.findings : EXIT.done;
  },
});
