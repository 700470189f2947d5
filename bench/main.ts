import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Bench, Contestant, Measurement, Result } from "./measurement.ts";
import { MEASUREMENTS } from "./measurements/index.ts";
import { missingPrerequisites } from "./prerequisites.ts";
import { type Measured, runTask } from "./process.ts";
import { type Server, startServer } from "./server.ts";
import { renderTable, renderTargets } from "./table.ts";
import { cliFile } from "./tools/index.ts";

const USAGE = `make bench [only=NAME,NAME] [skip=TOOL,TOOL] [rounds=N] [jobs=N] [dist=DIR]
  only    ${MEASUREMENTS.map(({ name, title }) => `${name.padEnd(9)} ${title}`).join("\n          ")}
  skip    schemata, psql, node-pg-migrate, dbmate, alembic or prisma
  rounds  how often each tool runs, in turn with the others; the median counts
  jobs    how many services are worked on at once; default: as many as there are processors
  dist    the build to measure; default: dist`;

const words = process.argv.slice(2).map((word) => word.split("=", 2));
const option = (name: string) => words.find(([key]) => key === name)?.[1];
const list = (name: string) => new Set(option(name)?.split(",").filter(Boolean));
const print = (text: string) => void process.stdout.write(`${text}\n`);
const note = (text: string) => void process.stderr.write(`${text}\n`);

type Run = Measured & Pick<Result, "serverCpuMs">;

process.exitCode = await main();

async function main(): Promise<number> {
  const only = list("only");
  const skipped = list("skip");
  const chosen = MEASUREMENTS.filter(({ name }) => only.size === 0 || only.has(name));
  const known = words.every(([key]) => ["only", "skip", "rounds", "jobs", "dist"].includes(key ?? ""));
  if (!known || chosen.length < only.size || chosen.length === 0) {
    note(USAGE);
    return 2;
  }
  const missing = missingPrerequisites(skipped);
  if (missing.length > 0) {
    note(missing.join("\n"));
    return 1;
  }
  const dir = mkdtempSync(join(tmpdir(), "schemata-bench-"));
  let server: Server | undefined;
  let interrupted = false;
  const cleanUp = async () => {
    await server?.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  // A finally block would not run, and the server outlive us.
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      interrupted = true;
      void cleanUp().finally(() => process.exit(130));
    });
  try {
    server = await startServer(dir);
    await runAll(chosen, { server, dir, skips: (tool) => skipped.has(tool) });
    return 0;
  } catch (error) {
    // Whatever was running has lost its server.
    if (interrupted) return 130;
    note(error instanceof Error && !process.env.DEBUG ? error.message : String((error as Error).stack));
    return 1;
  } finally {
    await cleanUp();
  }
}

async function runAll(
  chosen: readonly Measurement[],
  some: Pick<Bench, "server" | "dir" | "skips">,
): Promise<void> {
  const jobs = Number(option("jobs") ?? availableParallelism());
  const rounds = option("rounds");
  const repo = resolve(import.meta.dirname, "../..");
  const dist = resolve(repo, option("dist") ?? "dist");
  const verbs = readVerbs(dist);
  const measured: [Measurement, Result[]][] = [];
  for (const measurement of chosen) {
    const lacking = some.skips("schemata") ? [] : measurement.verbs.filter((verb) => !verbs.has(verb));
    if (lacking.length > 0) {
      note(`${measurement.name}: left out, this build has no verb ${lacking.join(", ")}`);
      continue;
    }
    const bench = { ...some, repo, dist, jobs, dir: join(some.dir, measurement.name) };
    mkdirSync(bench.dir);
    measured.push([measurement, await runInTurn(bench, measurement, Number(rounds ?? measurement.rounds))]);
    rmSync(bench.dir, { recursive: true });
  }
  const targets = measured.flatMap(([{ targets }, results]) =>
    targets((id) => results.find(({ contestant }) => contestant.id === id)).filter(
      (target) => target !== undefined,
    ),
  );
  const processor = cpus()[0]?.model ?? "unknown processor";
  print(
    `PostgreSQL ${some.server.version}, default settings; Node ${process.version}; ${cpus().length} x ${processor}; load ${loadavg()[1]?.toFixed(1)}`,
  );
  print(
    "Whole processes; ratio: to the first line of each part; CPU: of the tool and of its connections; peak: of its largest process.\n",
  );
  print(`${renderTable(measured)}\n\n${renderTargets(targets)}`);
}

/** The verbs of the build that is measured. */
function readVerbs(dist: string): ReadonlySet<string> {
  const help = execFileSync(process.execPath, [cliFile(dist), "--help"], { encoding: "utf8" });
  return new Set([...help.matchAll(/^ {2}\S+ (\S+)/gm)].map(([, verb]) => verb ?? ""));
}

/** A B C A B C: what else the machine does meanwhile hits all of them alike. */
async function runInTurn(
  bench: Bench,
  { name, contestants }: Measurement,
  rounds: number,
): Promise<Result[]> {
  const all = await contestants(bench);
  const runs = new Map<Contestant, Run[]>(all.map((contestant) => [contestant, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [contestant, done] of runs) {
      const task = await contestant.prepare();
      await bench.server.settle();
      const before = bench.server.cpuMs() ?? Number.NaN;
      const run = await runTask(bench.repo, bench.dir, task);
      // The last connection's process may take a moment to end.
      await new Promise((resolve) => setTimeout(resolve, 100));
      done.push({ ...run, serverCpuMs: (bench.server.cpuMs() ?? Number.NaN) - before });
      note(`${name} ${round}/${rounds}  ${contestant.label}: ${(run.ms / 1000).toFixed(3)} s`);
    }
  }
  return [...runs].map(([contestant, done]) => summarize(contestant, done));
}

function summarize(contestant: Contestant, runs: readonly Run[]): Result {
  const times = runs.map(({ ms }) => ms);
  const ms = median(times);
  return {
    contestant,
    rounds: runs.length,
    ms,
    fastest: Math.min(...times),
    slowest: Math.max(...times),
    scaledMs: ms * ((contestant.scaleTo ?? contestant.services) / contestant.services),
    cpuMs: median(runs.map(({ cpuMs }) => cpuMs)),
    serverCpuMs: median(runs.map(({ serverCpuMs }) => serverCpuMs)),
    peakMb: median(runs.map(({ peakMb }) => peakMb)),
  };
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
