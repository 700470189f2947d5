import { quoteIdent } from "./sql.ts";

/** The name that Prisma gives to the ledger, in every schema. */
export const LEDGER_TABLE = "_prisma_migrations";

/** The columns of the ledger, exactly Prisma's, in its order. */
export const LEDGER_COLUMNS = [
  "id",
  "checksum",
  "finished_at",
  "migration_name",
  "logs",
  "rolled_back_at",
  "started_at",
  "applied_steps_count",
] as const;

/** `schema._prisma_migrations`, quoted. */
export function ledgerName(schema: string): string {
  return `${quoteIdent(schema)}.${quoteIdent(LEDGER_TABLE)}`;
}
