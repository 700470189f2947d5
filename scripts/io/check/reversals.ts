import { renderDifference } from "../../core/catalogView.ts";
import { judgeTrial, type ReversalTrial } from "../../core/check/reversal.ts";
import { SchemataError } from "../../core/errors.ts";
import type { Migration } from "../../core/history.ts";
import type { Service } from "../../core/service.ts";
import type { Client } from "../postgres/connect.ts";
import { readForOneTransaction } from "../shadow/oneTransaction.ts";
import { proveDown, runAs } from "../shadow/prove.ts";
import { inScratch } from "../shadow/shadow.ts";
import { findDown } from "../workspace.ts";
import { bring, type Inquiry, type Workplace } from "./shadowWork.ts";

/** What was tried before, by migration. */
type Trials = Record<string, { sources: string; trial: ReversalTrial }>;

const KIND = "reversals";

/** Tries every reversal that nobody has proven, from the state in which its migration found the schema. */
export async function checkReversals(inquiry: Inquiry, workplace: Workplace): Promise<void> {
  const { service, unproven, answer, sources } = inquiry;
  if (unproven.length === 0) return;
  const { memory } = workplace;
  const known = JSON.parse(memory.recallText(service.schema, KIND) ?? "{}") as Trials;
  const digests = new Map(
    unproven.map(({ migration, index, down = "" }) => [migration, sources(index + 1, down)]),
  );
  const isKnown = (migration: string) => known[migration]?.sources === digests.get(migration);
  const untried = unproven.filter(({ migration }) => !isKnown(migration)).map(({ index }) => index);
  const tried = untried.length === 0 ? new Map() : await tryReversals(untried, inquiry, workplace);
  const trials: Trials = {};
  for (const pair of unproven) {
    const { migration } = pair;
    const trial: ReversalTrial | undefined = isKnown(migration)
      ? known[migration]?.trial
      : tried.get(pair.index);
    if (!trial) continue;
    trials[migration] = { sources: digests.get(migration) ?? "", trial };
    const finding = judgeTrial(pair, trial);
    if (finding) answer.findings.push(finding);
  }
  if (untried.length > 0)
    await memory.remember(service.schema, KIND, { sources: "", content: JSON.stringify(trials) });
}

/** All in one transaction as far as that goes; one that fails there is tried again on its own, after what came before. */
async function tryReversals(
  indices: readonly number[],
  inquiry: Inquiry,
  workplace: Workplace,
): Promise<Map<number, ReversalTrial>> {
  const { service, migrations } = inquiry;
  const { place } = workplace;
  const trials = new Map<number, ReversalTrial>();
  const reach = (index: number) => new Map([[service.name, migrations[index - 1]?.name ?? ""]]);
  const [first = 0] = indices;
  if (!(await bring([inquiry], { ...workplace, upTo: reach(first) }))) return trials;
  await inScratch(place.client, () => walk(place.client, { inquiry, indices, trials }));
  for (const index of indices) {
    const migration = migrations[index];
    if (trials.has(index) || !migration) continue;
    if (!(await bring([inquiry], { ...workplace, upTo: reach(index) }))) break;
    trials.set(index, await inScratch(place.client, () => tryOne(place.client, service, migration)));
  }
  return trials;
}

/** Goes up migration by migration and tries reversals on the way, until something fails. */
async function walk(
  client: Client,
  {
    inquiry,
    indices,
    trials,
  }: { inquiry: Inquiry; indices: readonly number[]; trials: Map<number, ReversalTrial> },
): Promise<void> {
  const { service, migrations } = inquiry;
  const [first = 0] = indices;
  const last = indices.at(-1) ?? first;
  for (let index = first; index <= last; index++) {
    const migration = migrations[index];
    if (!migration) return;
    if (indices.includes(index)) {
      await client.query("SAVEPOINT before");
      const trial = await tryOne(client, service, migration);
      await client.query("ROLLBACK TO SAVEPOINT before; RELEASE SAVEPOINT before");
      if ("failure" in trial) return;
      trials.set(index, trial);
    }
    try {
      await runAs(client, service.schema, await readForOneTransaction(service, migration));
    } catch {
      return;
    }
  }
}

async function tryOne(client: Client, service: Service, migration: Migration): Promise<ReversalTrial> {
  const { schema } = service;
  const down = findDown(service, migration);
  if (!down) return { failure: "it is gone" };
  try {
    const scripts = {
      up: await readForOneTransaction(service, migration),
      down: await readForOneTransaction(service, down),
    };
    const { failure, differences } = await proveDown(client, { schema, ...scripts, between: async () => {} });
    if (failure !== undefined) return { failure: messageOf(failure) };
    return { differences: differences.map((one) => renderDifference(one, schema)) };
  } catch (error) {
    if (error instanceof SchemataError) return { failure: messageOf(error) };
    return { failure: `migration.sql itself fails in a transaction: ${messageOf(error)}` };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
