import { renderDifference } from "../../core/catalogView.ts";
import { fail } from "../../core/errors.ts";
import { guessRenames, type Rename } from "../../core/rename.ts";
import type { Service } from "../../core/service.ts";
import { describeDataEffects, renameTables, type Tables } from "../../core/tables.ts";
import { type Client, sqlState } from "../postgres/connect.ts";
import { readTables } from "../postgres/tables.ts";
import { type Proof, proveDown } from "../shadow/prove.ts";
import type { BegunProof } from "../shadow/proveTouched.ts";
import { inScratch, type Shadow } from "../shadow/shadow.ts";

/** What a proof tells of a draft. */
export interface ProvenDraft {
  /** For the head of down.sql. */
  notes: string[];
  proven: boolean;
  /** What is not as before after up and down, and what data are lost. */
  notRestored: string[];
  /** Drops and adds that may have been meant as renames. */
  guesses: Rename[];
}

export interface Candidate {
  service: Service;
  sql: string;
  down: string;
  renames: readonly Rename[];
}

/** Tries up and down on the shadow database, and tells what they do to objects and data. */
export async function proveDraft(
  { client }: Pick<Shadow, "client">,
  candidate: Candidate & { before: Tables },
): Promise<ProvenDraft> {
  return inScratch(client, () => proveWhole(client, candidate));
}

/** The same in the open transaction, where up is under way already. */
export async function proveBegun(
  client: Client,
  { proof, ...candidate }: Candidate & { proof: BegunProof },
): Promise<{ draft: ProvenDraft; touched: string[] | undefined }> {
  const { service, down } = candidate;
  const finished = await proof.finish(down).catch((error: unknown) => failUp(service, error));
  const { restored, touched, before, after } = finished;
  const draft = restored
    ? describeProof({ ...candidate, before, after }, { differences: [] })
    : await proveWhole(client, { ...candidate, before: await readTables(client, service.schema) });
  return { draft, touched };
}

/** In the open transaction, which is to be rolled back. */
async function proveWhole(client: Client, candidate: Candidate & { before: Tables }): Promise<ProvenDraft> {
  const { service, sql, down, before } = candidate;
  let after: Tables = before;
  const proof = await proveDown(client, {
    schema: service.schema,
    up: sql,
    down,
    between: async () => {
      after = await readTables(client, service.schema);
    },
  }).catch((error: unknown) => failUp(service, error));
  return describeProof({ ...candidate, after }, proof);
}

function describeProof(
  { service, before, after, renames }: Candidate & { before: Tables; after: Tables },
  { differences, failure }: Proof,
): ProvenDraft {
  const renamed = renameTables(before, renames);
  const { lost, gone, blocked } = describeDataEffects(renamed, after);
  const notRestored = [...gone, ...differences.map((one) => renderDifference(one, service.schema))];
  const failed =
    failure instanceof Error ? failure.message : failure === undefined ? undefined : String(failure);
  const notes = [
    ...(failed === undefined ? [] : [`NOT PROVEN: on the shadow database it failed: ${failed}`]),
    ...lost.map((what) => `Loses: ${what}.`),
    ...blocked.map((what) => `Needs: ${what}.`),
    ...notRestored.map((what) => `Does not restore: ${what}.`),
  ];
  return { notes, proven: failed === undefined, notRestored, guesses: guessRenames(renamed, after) };
}

/** What a migration that does not run on the shadow database means; other errors are thrown as they are. */
export function failUp(service: Service, error: unknown): never {
  const state = sqlState(error);
  if (state === undefined || !(error instanceof Error)) throw error;
  const { detail, hint } = error as Error & { detail?: string; hint?: string };
  return fail({
    fact: `${service.name}: the migration that leads to ${service.schemaFile} would fail`,
    why: [`${error.message} (SQLSTATE ${state})`, detail, hint].filter(Boolean).join("\n"),
    fix: adviseUp(state, service),
    cause: error,
    details: { sqlState: state, message: error.message },
  });
}

function adviseUp(state: string, { name, schemaFile }: Service): string {
  switch (state) {
    case "55P04":
      return `do it in two steps: revise with the new value alone, then with what uses it in ${schemaFile}`;
    case "2BP01":
      return "first revise the service that still needs it";
    default:
      return `correct ${schemaFile}, or write the migration by hand: make revision app=${name} m="…" empty=1`;
  }
}
