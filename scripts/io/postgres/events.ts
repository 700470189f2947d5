/** Who stands in the way of a waiting transaction. `age` is in seconds, of its transaction or else its session. */
export interface LockHolder {
  pid: number;
  applicationName: string;
  state: string;
  age: number;
  query: string;
}

/** What happens to one service during a run, as it happens. */
export type ApplyEvent =
  | { kind: "started"; service: string; migration: string }
  | { kind: "applied"; service: string; migration: string; ms: number }
  | { kind: "waiting"; service: string; migration: string; holders: LockHolder[] }
  | {
      kind: "retrying";
      service: string;
      migration: string;
      attempt: number;
      of: number;
      pause: number;
      reason: string;
    }
  | { kind: "warning"; service: string; text: string }
  | { kind: "jobs"; jobs: number };
