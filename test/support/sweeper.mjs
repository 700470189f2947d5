// Waits for the end of its input, which comes even when the test run is killed; then ends the servers whose pid
// files lie in the folder given, and removes the folder.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const [folder] = process.argv.slice(2);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
process.stdin.resume();
await new Promise((done) => process.stdin.once("close", done));

const pids = readdirSync(folder)
  .filter((name) => name.endsWith(".pid"))
  .map((name) => Number(readFileSync(join(folder, name), "utf8")))
  .filter((pid) => signal(pid, "SIGQUIT"));
for (let waited = 0; waited < 10_000 && pids.some((pid) => signal(pid, 0)); waited += 20) await sleep(20);
rmSync(folder, { recursive: true, force: true, maxRetries: 10 });

function signal(pid, name) {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
