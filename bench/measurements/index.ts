import type { Measurement } from "../measurement.ts";
import { check } from "./check.ts";
import { current } from "./current.ts";
import { growth } from "./growth.ts";
import { guard } from "./guard.ts";
import { revision } from "./revision.ts";
import { empty, nothing } from "./upgrade.ts";

/** Every measurement, in the order in which they run; a new one is a file beside this and a word in this list. */
export const MEASUREMENTS: readonly Measurement[] = [empty, nothing, growth, current, revision, check, guard];
