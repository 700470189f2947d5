import type { Task } from "./process.ts";
import type { Server } from "./server.ts";

/** What a measurement may use of the run it belongs to. */
export interface Bench {
  server: Server;
  /** Absolute path of the project. */
  repo: string;
  /** Absolute path of the build that is measured. */
  dist: string;
  /** An empty folder of this measurement's own. */
  dir: string;
  /** How many services every tool may work on at once. */
  jobs: number;
  /** True for a tool that the caller excluded by `skip=`. */
  skips(tool: string): boolean;
}

/** One line of the table: a tool doing one thing. */
export interface Contestant {
  /** Unique within the measurement; targets refer to it. */
  id: string;
  /** What the table shows. */
  label: string;
  services: number;
  jobs: number;
  /** Scales the time to that many services: for tools too slow to be run on all of them. */
  scaleTo?: number;
  /** Makes everything ready before each run, outside the measured time; says what to measure. */
  prepare(): Promise<Task>;
}

/** Medians over the rounds of one contestant. */
export interface Result {
  contestant: Contestant;
  rounds: number;
  ms: number;
  /** Fastest and slowest round. */
  fastest: number;
  slowest: number;
  /** Median, scaled where the contestant asks for it. */
  scaledMs: number;
  /** User and system time of the tool's own processes. */
  cpuMs: number;
  /** User and system time of the connections that the tool made; NaN where the system does not tell. */
  serverCpuMs: number;
  peakMb: number;
}

/** A promise of the project beside what was measured. */
export interface Target {
  promise: string;
  measured: string;
  met: boolean;
}

export interface Measurement {
  /** The word for `only=`. */
  name: string;
  title: string;
  /** Verbs of ours that it runs. */
  verbs: readonly string[];
  /** Default number of rounds. */
  rounds: number;
  contestants(bench: Bench): Promise<Contestant[]>;
  /** Contestants that were skipped have no result; a target without its results is left out. */
  targets(find: (id: string) => Result | undefined): (Target | undefined)[];
}

/** A target on the ratio of two contestants' times, the second scaled to as many services. */
export function atMostTimes(
  limit: number,
  [what, ours]: [string, Result | undefined],
  [whose, theirs]: [string, Result | undefined],
): Target | undefined {
  if (!ours || !theirs) return undefined;
  const ratio = ours.scaledMs / theirs.scaledMs;
  return {
    promise: `${what}: at most ${limit} of ${whose}`,
    measured: ratio.toFixed(2),
    met: ratio <= limit,
  };
}

/** A target on seconds of the whole process. */
export function atMostSeconds(limit: number, what: string, ours: Result | undefined): Target | undefined {
  if (!ours) return undefined;
  return {
    promise: `${what}: at most ${limit} s`,
    measured: `${(ours.ms / 1000).toFixed(2)} s`,
    met: ours.ms <= limit * 1000,
  };
}

/** A target on peak memory. */
export function atMostMegabytes(limit: number, what: string, ours: Result | undefined): Target | undefined {
  if (!ours) return undefined;
  return {
    promise: `${what}: peak memory at most ${limit} MB`,
    measured: `${ours.peakMb.toFixed(0)} MB`,
    met: ours.peakMb <= limit,
  };
}
