import { SchemataError } from "../../core/errors.ts";
import type { Migration } from "../../core/history.ts";
import type { ServiceFacts } from "../../core/plan.ts";
import type { Service } from "../../core/service.ts";
import { readReturn, readTransfer } from "../../core/transfer/lend.ts";
import type { Transfer } from "../../core/transfer/transfer.ts";
import { shownFile } from "../script.ts";
import { readScript } from "../workspace.ts";

/** What a migration moves between services; fails where it only says that it does. */
export function requireTransfer(
  service: Service,
  migration: Migration,
  sql: string,
): { transfer?: Transfer } {
  return orFail(readTransfer(describe(service, migration, sql)));
}

/** The same of a migration's reversal. */
export function requireReturn(
  service: Service,
  { up, down, sql }: { up: Migration; down: Migration; sql: string },
): { transfer?: Transfer } {
  return orFail(readReturn(describe(service, up, readScript(service, up)), describe(service, down, sql)));
}

function describe(service: Service, migration: Migration, sql: string) {
  const shown = shownFile(service, migration);
  return { service: service.name, schema: service.schema, migration: migration.name, shown, sql };
}

function orFail(read: ReturnType<typeof readTransfer>): { transfer?: Transfer } {
  if ("problem" in read) throw new SchemataError(read.problem);
  return read;
}

/** The migrations' texts of the service that owns a schema. */
export function readTexts(
  schema: string,
  known: readonly Pick<ServiceFacts, "service" | "migrations">[],
): { name: string; sql: string }[] | undefined {
  const facts = known.find(({ service }) => service.schema === schema && !service.problem);
  return facts?.migrations.map(({ name, file }) => ({
    name,
    sql: readScript(facts.service, { name, file }),
  }));
}
