/** What services that wait for each other tell each other: each name is applied, or certain not to be. */
export interface Landmarks {
  /** Resolves to whether the migration was applied, once that is certain. */
  wait(name: string): Promise<boolean>;
  /** Says which it is; only the first word counts. */
  settle(name: string, applied: boolean): void;
}

/** Keeps the names that anybody will wait for; what is said of others is not kept. */
export function makeLandmarks(awaited: ReadonlySet<string>): Landmarks {
  const marks = new Map<string, { promise: Promise<boolean>; resolve: (applied: boolean) => void }>();
  const mark = (name: string) => {
    const found = marks.get(name);
    if (found) return found;
    let resolve: (applied: boolean) => void = () => {};
    const promise = new Promise<boolean>((settle) => {
      resolve = settle;
    });
    const made = { promise, resolve };
    marks.set(name, made);
    return made;
  };
  return {
    wait: (name) => mark(name).promise,
    settle: (name, applied) => {
      if (awaited.has(name)) mark(name).resolve(applied);
    },
  };
}
