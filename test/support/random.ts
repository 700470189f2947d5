import { randomInt } from "node:crypto";

/** Chance that can be had again: the same seed, the same draws. */
export interface Chance {
  seed: number;
  /** In [0, 1). */
  next(): number;
  /** A whole number in [0, limit). */
  below(limit: number): number;
  pick<T>(from: readonly T[]): T;
}

/** Draws by the seed in the environment (`SEED=…`), or by a new one; name it wherever a test fails. */
export function makeChance(seed = Number(process.env.SEED ?? randomInt(2 ** 31))): Chance {
  let state = seed >>> 0;
  // Mulberry32: 32 bits of state are plenty for a test.
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    seed,
    next,
    below,
    pick: (from) => {
      const found = from[below(from.length)];
      if (found === undefined) throw new Error("nothing to pick from");
      return found;
    },
  };
}
