import { compareCatalogs } from "../../core/catalog.ts";
import { renderDifference } from "../../core/catalogView.ts";
import type { Dependency } from "../../core/dependsOn.ts";
import { renderDownFile } from "../../core/downFile.ts";
import { EXIT, fail } from "../../core/errors.ts";
import { renderSlug } from "../../core/revision.ts";
import type { Service } from "../../core/service.ts";
import { quoteIdent } from "../../core/sql.ts";
import { renderArrival, renderDeparture } from "../../core/transfer/migrations.ts";
import { editSchemaFiles } from "../../core/transfer/schemaFiles.ts";
import { isMove, renderMove } from "../../core/transfer/sql.ts";
import { reverseTransfer, type Transfer } from "../../core/transfer/transfer.ts";
import { readCatalog } from "../postgres/catalog.ts";
import type { Client } from "../postgres/connect.ts";
import { sqlState } from "../postgres/connect.ts";
import { readTables } from "../postgres/tables.ts";
import { explainEngine, openShadowEngine, readSchemaFile } from "../revision/engine.ts";
import { chooseName } from "../revision/write.ts";
import type { ShadowSurroundings } from "../shadow/place.ts";
import { runAs } from "../shadow/prove.ts";
import { inScratch, type Shadow, withShadow } from "../shadow/shadow.ts";
import { readMigrations } from "../workspace.ts";
import type { Choice } from "./choose.ts";
import { type Belongings, inspectTable } from "./inspect.ts";

export interface TransferRequest extends ShadowSurroundings {
  /** All services of the workspace. */
  services: readonly Service[];
  choice: Choice;
  message: string | undefined;
}

/** What one of the two services gets. */
export interface HalfDraft {
  service: Service;
  migration: string;
  up: string;
  /** The whole of down.sql. */
  down: string;
  dependsOn: Dependency[];
  /** The whole of its schema file. */
  schemaFile: string;
}

/** A transfer that is proven, and not written yet. */
export interface TransferDraft {
  transfer: Transfer;
  arrival: HalfDraft;
  departure: HalfDraft;
  /** What the proof cannot tell, a sentence each. */
  warnings: string[];
}

/** Drafts a transfer, proves it on the shadow database, and hands it to `use` while nobody else can change the histories. */
export async function draftTransfer(
  { choice, message, ...request }: TransferRequest,
  use: (draft: TransferDraft) => void,
): Promise<TransferDraft> {
  const { from, to } = choice;
  return withShadow({ ...request, chosen: [from, to] }, async (shadow) => {
    const draft = await inScratch(shadow.client, async () => {
      for (const service of [from, to]) await requireRevised(shadow, service);
      const found = await inspectTable(shadow.client, {
        table: choice.table,
        from: from.schema,
        to: to.schema,
      });
      requireMovable(choice, found);
      const drafted = compose(
        choice,
        found,
        message ?? `transfer ${choice.table} from ${from.name} to ${to.name}`,
      );
      await prove(shadow, drafted);
      return drafted;
    });
    use(draft);
    return draft;
  });
}

async function requireRevised(shadow: Shadow, service: Service): Promise<void> {
  if (!(await differs(shadow, service, readSchemaFile(service)))) return;
  fail({
    fact: `${service.name}: ${service.schemaFile} and the migrations do not agree`,
    why: "a transfer begins where nothing else is to be done",
    fix: `make revision app=${service.name} m="…", then again`,
  });
}

/** The script that would lead from the schema as it is to a schema file; `undefined` where they agree. */
async function differs(shadow: Shadow, service: Service, text: string): Promise<string | undefined> {
  await shadow.client.query("SELECT set_config('search_path', quote_ident($1), true)", [service.schema]);
  await using engine = await openShadowEngine(shadow, service, text);
  const revision = await explainEngine(service, () => engine.revise());
  return revision?.sql;
}

function requireMovable({ from, to, table }: Choice, { obstacles }: Belongings): void {
  if (obstacles.length === 0) return;
  fail({
    fact: `${from.name}: "${table}" cannot go to ${to.name}:\n${obstacles.map((what) => `  ${what}`).join("\n")}`,
    why: "what cannot go along would break, or reach from one service into the other; nothing was written",
    fix: `remove or change these first: make revision app=${from.name} m="…"`,
  });
}

function compose(choice: Choice, { transfer, mentions }: Belongings, message: string): TransferDraft {
  const { from, to } = choice;
  const files = editSchemaFiles(
    { name: from.name, schema: from.schema, file: from.schemaFile, text: readSchemaFile(from) },
    { name: to.name, schema: to.schema, file: to.schemaFile, text: readSchemaFile(to) },
    { model: choice.model, types: transfer.types },
  );
  const slug = renderSlug(message);
  const newest = readMigrations(from).at(-1);
  const before = newest ? [{ service: from.name, migration: newest.name }] : [];
  const arrivalName = chooseName(to, slug);
  const after = [{ service: to.name, migration: arrivalName }];
  const up = renderArrival(transfer, { dependsOn: before, from: from.name, to: to.name });
  const arrival = {
    service: to,
    migration: arrivalName,
    up,
    down: renderDownFile({
      migration: arrivalName,
      sql: renderMove(reverseTransfer(transfer)),
      notes: [],
      provenWith: up,
    }),
    dependsOn: before,
    schemaFile: files.to,
  };
  const departureName = chooseName(from, slug);
  const gone = renderDeparture(transfer, { dependsOn: after, from: from.name, to: to.name });
  const departure = {
    service: from,
    migration: departureName,
    up: gone,
    down: renderDownFile({ migration: departureName, sql: "", notes: [], provenWith: gone }),
    dependsOn: after,
    schemaFile: files.from,
  };
  const warnings = mentions.map(
    (name) =>
      `${from.name}: the function ${name} holds the name "${transfer.table}"; if it means the table, it will not find it any more`,
  );
  return { transfer, arrival, departure, warnings };
}

/** Up and down in the order of their depends-on lines, in the open transaction; fails unless all agrees on the way. */
async function prove(shadow: Shadow, { transfer, arrival, departure }: TransferDraft): Promise<void> {
  const { client } = shadow;
  const [from, to] = [departure.service, arrival.service];
  const schemas = [from.schema, to.schema];
  const before = await readState(client, schemas);
  const run = (half: HalfDraft, script: string) =>
    runAs(client, half.service.schema, script).catch((error: unknown) => failProof(half, error));
  await run(arrival, arrival.up);
  await run(departure, departure.up);
  for (const { service, schemaFile } of [arrival, departure]) {
    const left = await differs(shadow, service, schemaFile);
    if (left !== undefined) failLeft(service, left);
  }
  await run(departure, departure.down);
  await run(arrival, arrival.down);
  const after = await readState(client, schemas);
  const differences = compareCatalogs(before.catalog, after.catalog).map((one) =>
    renderDifference(one, from.schema),
  );
  const rows = [...before.rows]
    .filter(([table, digest]) => after.rows.get(table) !== digest)
    .map(([table]) => `the rows of ${table}`);
  const unlike = [...differences, ...rows];
  if (unlike.length > 0) {
    fail({
      fact: `${from.name}: "${transfer.table}" would not come back from ${to.name} as it was: ${unlike.join(", ")}`,
      why: "it was tried on the shadow database; nothing was written",
      fix: 'move it by hand, in migrations of both services: make revision app=… m="…" empty=1',
    });
  }
  if (!isMove(arrival.up, transfer) || !isMove(arrival.down, reverseTransfer(transfer))) {
    fail({
      fact: `${from.name}: "${transfer.table}" has a name among its own that no script can hold to the letter`,
      fix: "rename what has a line break in its name first",
      status: EXIT.failed,
    });
  }
}

function failProof({ service, migration }: HalfDraft, error: unknown): never {
  const state = sqlState(error);
  if (state === undefined || !(error instanceof Error)) throw error;
  return fail({
    fact: `${service.name}: ${migration} would fail`,
    why: `${error.message} (SQLSTATE ${state})\nIt was tried on the shadow database; nothing was written.`,
    fix: "change what it names first, and transfer again",
    cause: error,
  });
}

function failLeft({ name, schemaFile }: Service, sql: string): never {
  return fail({
    fact: `${name}: ${schemaFile}, as it would be afterwards, does not say what there would be`,
    why: `the next revision would hold:\n${sql.trim()}\nNothing was written.`,
    fix: "move the table by hand, in migrations of both services",
  });
}

interface State {
  catalog: Awaited<ReturnType<typeof readCatalog>>;
  /** A digest of each table's rows. */
  rows: Map<string, string>;
}

async function readState(client: Client, schemas: readonly string[]): Promise<State> {
  const rows = new Map<string, string>();
  for (const schema of schemas) {
    for (const table of (await readTables(client, schema)).keys()) {
      const name = `${quoteIdent(schema)}.${quoteIdent(table)}`;
      const found = await client.query(
        `SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') AS digest FROM ${name} t`,
      );
      rows.set(name, found.rows[0]?.digest);
    }
  }
  return { catalog: await readCatalog(client, schemas), rows };
}
