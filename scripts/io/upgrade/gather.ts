import { readFileSync } from "node:fs";
import { type Failure, failureOf, SchemataError } from "../../core/errors.ts";
import { isUnfinished, type LedgerRow, type Migration } from "../../core/history.ts";
import { ledgerName } from "../../core/ledger.ts";
import type { ServiceFacts } from "../../core/plan.ts";
import { parseReplaces } from "../../core/replaces.ts";
import type { Service } from "../../core/service.ts";
import { quoteIdent } from "../../core/sql.ts";
import { tolerantChecksums } from "../checksum.ts";
import type { Client } from "../postgres/connect.ts";
import { readSchemaFacts, type SchemaFacts } from "../postgres/facts.ts";
import { readLedgers } from "../postgres/ledger.ts";
import { inFlight } from "../postgres/send.ts";
import { readLedgerInTurn } from "../postgres/turn.ts";
import { readMigrations } from "../workspace.ts";

/** How many ledgers are asked for while their services' files are read: few round trips, no answer without bound. */
const SERVICES_PER_MESSAGE = 250;

/**
 * Reads files and ledgers of services, in few round trips however many services there are. One that cannot be read
 * carries its `problem`; the others are not touched by it.
 */
export async function gatherFacts(client: Client, services: readonly Service[]): Promise<ServiceFacts[]> {
  const schemas = services.filter(({ problem }) => !problem).map(({ schema }) => schema);
  const asked = inFlight(readSchemaFacts(client, schemas));
  // One service's ledger is no time to read its files in, if they are many.
  const early = services.length === 1 ? services.map(readFiles) : undefined;
  const found = await asked;
  const facts: ServiceFacts[] = [];
  for (let start = 0; start < services.length; start += SERVICES_PER_MESSAGE) {
    const some = services.slice(start, start + SERVICES_PER_MESSAGE);
    facts.push(...(await gatherSome(client, some, { found, early })));
  }
  return facts;
}

/**
 * The same facts, but an unfinished row in a ledger is read again in the service's turn: another runner may have been
 * in the middle of it. Where the turn does not come within `lockWait`, the service carries that as its problem.
 */
export async function settleUnfinished(
  client: Client,
  facts: readonly ServiceFacts[],
  lockWait: number | undefined,
): Promise<ServiceFacts[]> {
  const settled: ServiceFacts[] = [];
  for (const one of facts) {
    const unsure = lockWait !== undefined && one.ledger.some(isUnfinished);
    settled.push(unsure ? await settle(client, one, lockWait) : one);
  }
  return settled;
}

async function settle(client: Client, facts: ServiceFacts, lockWait: number): Promise<ServiceFacts> {
  try {
    const ledger = await readLedgerInTurn(client, facts.service, { lockWait });
    return { ...facts, ledger, migrations: completeMigrations(facts.migrations, ledger) };
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    return { ...facts, problem: failureOf(error) };
  }
}

async function gatherSome(
  client: Client,
  services: readonly Service[],
  { found, early }: { found: ReadonlyMap<string, SchemaFacts>; early: readonly ReadFiles[] | undefined },
): Promise<ServiceFacts[]> {
  const readable = services.filter(({ schema }) => isReadable(found.get(schema)));
  // The server answers while the files are read.
  const asked = inFlight(readLedgers(client, [...new Set(readable.map(({ schema }) => schema))]));
  const files = early ?? services.map(readFiles);
  const ledgers = await asked;
  return services.map((service, index) => {
    const { migrations, problem: unreadable } = files[index] ?? { migrations: [] };
    const ledger = ledgers.get(service.schema) ?? [];
    const facts = found.get(service.schema);
    const problem = unreadable ?? findForbidden(service, facts);
    return {
      service,
      migrations: completeMigrations(migrations, ledger),
      ledger,
      schemaExists: facts !== undefined,
      ledgerColumns: facts?.ledgerColumns,
      occupied: facts?.occupied ?? false,
      owner: facts?.owner ?? "absent",
      ...(problem ? { problem } : {}),
    };
  });
}

/** A table of that name in another form is refused by the plan, and cannot be read before that. */
function isReadable(facts: SchemaFacts | undefined): boolean {
  const needed = [
    "migration_name",
    "checksum",
    "started_at",
    "finished_at",
    "rolled_back_at",
    "applied_steps_count",
    "logs",
  ];
  const columns = facts?.ledgerColumns;
  return facts?.ledgerReadable === true && needed.every((column) => columns?.includes(column));
}

function findForbidden({ name, schema }: Service, facts: SchemaFacts | undefined): Failure | undefined {
  if (facts?.ledgerColumns === undefined || facts.ledgerReadable) return undefined;
  return {
    fact: `${name}: this login may not read the ledger ${ledgerName(schema)}`,
    why: "without it nobody can tell what is applied",
    fix: `let its owner run: GRANT USAGE ON SCHEMA ${quoteIdent(schema)} TO …; GRANT SELECT, INSERT, UPDATE ON ${ledgerName(schema)} TO …; or use the owner's login in DATABASE_URL`,
  };
}

interface ReadFiles {
  migrations: Migration[];
  problem?: NonNullable<ServiceFacts["problem"]>;
}

function readFiles(service: Service): ReadFiles {
  if (service.problem) return { migrations: [] };
  try {
    return { migrations: readMigrations(service) };
  } catch (error) {
    if (!(error instanceof SchemataError)) throw error;
    return { migrations: [], problem: failureOf(error) };
  }
}

/** The migrations with what only some ledgers ask for: reading the scripts again costs more than asking. */
function completeMigrations(migrations: readonly Migration[], ledger: readonly LedgerRow[]): Migration[] {
  return readSquashes(tolerateLineEndings(migrations, ledger), ledger);
}

/** What migrations were squashed from matters where a ledger holds what is not on disk any more. */
function readSquashes(migrations: Migration[], ledger: readonly LedgerRow[]): Migration[] {
  const live = new Set(ledger.filter((row) => row.rolledBackAt === null).map(({ name }) => name));
  const onDisk = new Set(migrations.map(({ name }) => name));
  if ([...live].every((name) => onDisk.has(name))) return migrations;
  return migrations.map((migration) => {
    if (live.has(migration.name)) return migration;
    const replaces = parseReplaces(readFileSync(migration.file, "utf8"));
    return replaces.length > 0 ? { ...migration, replaces } : migration;
  });
}

/** Works out the checksums of other line endings only for the rare file whose own the ledger does not know. */
function tolerateLineEndings(migrations: readonly Migration[], ledger: readonly LedgerRow[]): Migration[] {
  const recorded = new Map(ledger.map((row) => [row.name, row.checksum]));
  return migrations.map((migration) => {
    const checksum = recorded.get(migration.name);
    if (checksum === undefined || checksum === migration.checksum) return migration;
    return { ...migration, tolerated: tolerantChecksums(readFileSync(migration.file, "utf8")) };
  });
}
