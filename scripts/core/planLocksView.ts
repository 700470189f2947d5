import type { Dependency } from "./dependsOn.ts";
import type { StatementLocks } from "./planLocks.ts";
import { renderCount } from "./table.ts";

/** One migration of a plan over services, in the plan's order. */
export interface LockedMigration {
  service: string;
  migration: string;
  mode: "atomic" | "stepwise";
  dependsOn: Dependency[];
  /** Changes of rights on other schemas, a line each. */
  rights: string[];
  statements: StatementLocks[];
}

/** The plan with its locks, for people. */
export function renderPlanLocks(migrations: readonly LockedMigration[]): string {
  if (migrations.length === 0) return "nothing to apply";
  const lines = migrations.flatMap((one) => [
    `${one.service}/${one.migration}${renderRemarks(one)}`,
    ...one.rights.map((line) => `  ${line}`),
    ...one.statements.flatMap(renderStatement),
  ]);
  const blocking = migrations.flatMap(({ statements }) => statements.flatMap(({ locks }) => locks));
  const tables = (blocks: string) =>
    new Set(blocking.filter((lock) => lock.blocks === blocks).map(({ table }) => table));
  const all = tables("reads and writes");
  const writes = [...tables("writes")].filter((table) => !all.has(table));
  return [
    ...lines,
    `${renderCount(migrations.length, "migration")}; reads and writes wait on ${list([...all])}; writes alone on ${list(writes)}`,
  ].join("\n");
}

function list(tables: readonly string[]): string {
  return tables.length === 0 ? "no table" : tables.join(", ");
}

function renderRemarks({ mode, dependsOn }: LockedMigration): string {
  const after = dependsOn.map(({ service, migration }) => `${service}/${migration}`).join(", ");
  const remarks = [mode === "stepwise" ? "statement by statement" : "", after && `after ${after}`].filter(
    Boolean,
  );
  return remarks.length > 0 ? ` (${remarks.join("; ")})` : "";
}

function renderStatement({ line, statement, locks, opaque }: StatementLocks): string[] {
  return [
    `  ${line}: ${statement}`,
    ...locks.map(
      ({ table, mode, blocks }) =>
        `     ${mode} on ${table}${blocks === "nothing" ? "" : `: ${blocks} wait`}`,
    ),
    ...(opaque ? ["     what it locks shows only when it runs"] : []),
  ];
}
