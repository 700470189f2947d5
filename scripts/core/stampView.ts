import type { LedgerChange } from "./stamp.ts";

/** A change of the ledger for people. */
export function renderStamp(service: string, { mark, unmark, recheck }: LedgerChange): string {
  const part = (names: readonly string[], what: string) =>
    names.length === 0 ? [] : [`  ${what}:`, ...names.map((name) => `    ${name}`)];
  const names = (migrations: LedgerChange["mark"]) => migrations.map(({ name }) => name);
  return [
    `${service}: to be recorded, and not run`,
    ...part(names(mark), "as applied"),
    ...part(unmark, "as rolled back"),
    ...part(names(recheck), "as applied in the form that the file has now"),
  ].join("\n");
}

/** The same for machines. */
export function describeStamp(
  service: string,
  { mark, unmark, recheck }: LedgerChange,
  { done, current }: { done: boolean; current: string | null },
): object {
  return {
    service,
    done,
    current,
    applied: mark.map(({ name }) => name),
    rolledBack: unmark,
    rechecked: recheck.map(({ name }) => name),
  };
}
