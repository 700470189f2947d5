/** Names on their way through scripts: what is called so now, and what it was called at first. */
export interface Names {
  first(name: string): string;
  rename(from: string, to: string): void;
  drop(name: string): void;
  make(name: string): void;
  /** Whether the last thing that became of a name was that something took it. */
  isTaken(name: string): boolean;
  /** What something that is called so at the moment will be called in the end; asked in the end. */
  follow(name: string): () => string;
}

export function makeNames(): Names {
  const now = new Map<string, { first: string; last: string }>();
  const taken = new Map<string, boolean>();
  const thing = (name: string) => {
    const known = now.get(name) ?? { first: name, last: name };
    now.set(name, known);
    return known;
  };
  return {
    first: (name) => thing(name).first,
    rename(from, to) {
      const moved = thing(from);
      moved.last = to;
      now.delete(from);
      now.set(to, moved);
      taken.set(from, false);
      taken.set(to, true);
    },
    drop(name) {
      now.delete(name);
      taken.set(name, false);
    },
    make(name) {
      now.set(name, { first: name, last: name });
      taken.set(name, true);
    },
    isTaken: (name) => taken.get(name) === true,
    follow(name) {
      const followed = thing(name);
      return () => followed.last;
    },
  };
}
