import { renderDifference } from "../../core/catalogView.ts";
import { type Failure, fail, SchemataError } from "../../core/errors.ts";
import { renderSearchPathSql } from "../../core/extensions.ts";
import type { Migration } from "../../core/history.ts";
import { locate } from "../../core/locate.ts";
import type { Move } from "../../core/rebase.ts";
import type { Service } from "../../core/service.ts";
import { sqlState } from "../postgres/connect.ts";
import { explainEngine, openShadowEngine, readSchemaFile } from "../revision/engine.ts";
import { shownFile } from "../script.ts";
import { readForOneTransaction } from "../shadow/oneTransaction.ts";
import { proveDown, runAs } from "../shadow/prove.ts";
import { inScratch, type Shadow } from "../shadow/shadow.ts";
import { findDown, readMigrations } from "../workspace.ts";
import { findArrival } from "./transfers.ts";

/** A migration in its new place. */
export interface ProvenMove extends Move {
  /** What was found of its down.sql; absent: there is none, or nothing in it. */
  proof?: { proven: boolean; notes: string[] };
}

/** What a rebase comes to, with the shadow database as the witness. */
export interface ProvenRebase {
  moves: ProvenMove[];
  /** The schema file is ahead of the history as it will be; `undefined` where the engine cannot tell. */
  revisionMissing: boolean | undefined;
}

/**
 * Applies the migrations in their new order on top of the rest, undoes each once and compares. Fails where one does
 * not apply any more; the shadow database stays without them.
 */
export async function proveRebase(
  shadow: Shadow,
  { service, services, moves }: { service: Service; services: readonly Service[]; moves: readonly Move[] },
): Promise<ProvenRebase> {
  const { client } = shadow;
  const migrations = new Map(readMigrations(service).map((migration) => [migration.name, migration]));
  return inScratch(client, async () => {
    const proven: ProvenMove[] = [];
    for (const move of moves) {
      const migration = migrations.get(move.from);
      if (!migration) throw new Error(`${move.from} is gone`);
      proven.push(await proveMove(shadow, service, { move, migration, services }));
    }
    return { moves: proven, revisionMissing: await isRevisionMissing(shadow, service) };
  });
}

async function proveMove(
  { client }: Shadow,
  service: Service,
  { move, migration, services }: { move: Move; migration: Migration; services: readonly Service[] },
): Promise<ProvenMove> {
  const up = await readForOneTransaction(service, migration);
  const file = findDown(service, migration);
  const down = file && (await readForOneTransaction(service, file));
  // The shadow database has neither half of a transfer that one half is missing of.
  const arrival = findArrival(up, services);
  if (arrival) await runAs(client, arrival.schema, arrival.up);
  await client.query("SAVEPOINT place");
  try {
    const { differences, failure } = await proveDown(client, {
      schema: service.schema,
      up,
      down: down ?? "",
      between: async () => {},
    });
    await client.query("ROLLBACK TO SAVEPOINT place");
    await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [service.schema]);
    await client.query(up);
    if (down === undefined || isBlank(down)) return move;
    const notes =
      failure === undefined
        ? differences.map((one) => `Does not restore: ${renderDifference(one, service.schema)}.`)
        : [`NOT PROVEN: on the shadow database it failed: ${messageOf(failure)}`];
    return { ...move, proof: { proven: failure === undefined, notes } };
  } catch (error) {
    return fail(explainUp(error, { service, migration, up }));
  }
}

function isBlank(sql: string): boolean {
  return sql.replaceAll(/^\s*--.*$/gm, "").trim() === "";
}

async function isRevisionMissing(shadow: Shadow, service: Service): Promise<boolean | undefined> {
  const { client } = shadow;
  await client.query(`SELECT set_config('search_path', ${renderSearchPathSql()}, true)`, [service.schema]);
  try {
    await using engine = await openShadowEngine(shadow, service, readSchemaFile(service));
    return (await explainEngine(service, () => engine.diff("database", "schema"))) !== "";
  } catch (error) {
    // A schema file that is not valid, half-way through a merge, is no reason to leave the order as it is.
    if (error instanceof SchemataError) return undefined;
    throw error;
  }
}

function explainUp(
  error: unknown,
  { service, migration, up }: { service: Service; migration: Migration; up: string },
): Failure {
  const state = sqlState(error);
  if (state === undefined || !(error instanceof Error)) throw error;
  const position = Number((error as Error & { position?: string }).position);
  const { line, column } = locate(up, position - 1);
  const shown = shownFile(service, migration);
  return {
    fact: `${service.name}: ${migration.name} does not apply when it comes last`,
    why: `${position > 0 ? `${shown}:${line}:${column}: ` : ""}${error.message} (SQLSTATE ${state})\nIt was tried on the shadow database; no file and no other database was touched.`,
    fix: `correct ${shown}, which is applied nowhere, or remove it and revise again: make revision app=${service.name} m="…"`,
    cause: error,
    details: { sqlState: state, file: shown },
  };
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
