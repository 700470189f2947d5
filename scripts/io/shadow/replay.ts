import { SchemataError } from "../../core/errors.ts";
import { searchPathTail } from "../../core/extensions.ts";
import type { ServiceFacts } from "../../core/plan.ts";
import { requireSound, type Service } from "../../core/service.ts";
import { isBeginning } from "../../core/shadow.ts";
import { type Client, connect } from "../postgres/connect.ts";
import { makeWatch } from "../postgres/watch.ts";
import { addPartners, cutTorn, findTorn } from "../transfer/replay.ts";
import { makeConnections } from "../upgrade/connections.ts";
import { executePlans } from "../upgrade/execute.ts";
import { gatherFacts } from "../upgrade/gather.ts";
import { joinPlans, namedDependencies, planEach } from "../upgrade/planRun.ts";
import { ensureExtensions } from "./extensions.ts";
import { holdSchemas, type ShadowHold } from "./locks.ts";
import { mendShadow } from "./mend.ts";
import { SHADOW_SESSION, type ShadowPlace, type ShadowSurroundings } from "./place.ts";
import { createSchemas, dropSchemas, readDependents } from "./schemas.ts";

export interface ReplayRequest extends ShadowSurroundings {
  /** All services of the workspace. */
  services: readonly Service[];
  /** Those that will be worked on: nobody else uses their schemas in the shadow database meanwhile. */
  chosen: readonly Service[];
  /** The last migration of a chosen service to be replayed; default: all of them. */
  upTo?: ReadonlyMap<string, string>;
  /** Migrations of a chosen service that are left out. */
  without?: ReadonlyMap<string, readonly string[]>;
  /** Replay the chosen from the beginning, and with them whatever refers to them. Default: false. */
  afresh?: boolean;
}

const EMPTY = { ledger: [], ledgerColumns: undefined, occupied: false };
/** Services replayed side by side. */
const JOBS = 4;
const RULES = { lockWait: 60_000, lockTimeout: 60_000 };

/**
 * Brings the chosen services, and those that they depend on, to head in the shadow database. What is there already
 * stays where the files it came from are unchanged. Returns the facts of all of them as they were read under the lock.
 */
export async function replayHistories(place: ShadowPlace, request: ReplayRequest): Promise<ServiceFacts[]> {
  const mend = mendShadow(place, request);
  for (;;) {
    const facts = await takeTurn(place, request);
    try {
      await replay(place, facts, request);
      return facts;
    } catch (error) {
      if (!(error instanceof SchemataError)) throw error;
      if (!(await mend(error))) throw explainReplay(error);
    }
  }
}

/**
 * Holds every schema that will be changed exclusively; which these are shows only once they are held. Returns the facts
 * of all services that take part, after everything stale was dropped.
 */
async function takeTurn({ client }: ShadowPlace, request: ReplayRequest): Promise<ServiceFacts[]> {
  const { services, chosen, note } = request;
  const involved = new Set(closure(chosen.map(requireSound), services));
  const changed = new Set(chosen.map(({ schema }) => schema));
  const isDropped = ({ service }: ServiceFacts) => request.afresh === true && chosen.includes(service);
  for (;;) {
    const holds = new Map<string, ShadowHold>();
    for (const { schema } of involved) holds.set(schema, "shared");
    for (const schema of changed) holds.set(schema, "exclusive");
    await holdSchemas(client, holds, { note });
    const facts = await readFacts(client, [...involved], request);
    const stale = facts.filter((one) => !isBeginning(one) || isDropped(one)).map(schemaOf);
    let dropped = await readDropped(client, stale, services);
    let behind = listBehind(facts, dropped);
    const torn = findTorn(behind, facts);
    if (torn.size > 0) {
      dropped = await readDropped(client, [...stale, ...torn], services);
      behind = listBehind(facts, dropped);
    }
    const wanted = [...dropped, ...behind.map(schemaOf)];
    const more = await findDependencies(behind, services);
    if (wanted.every((schema) => changed.has(schema)) && more.every((service) => involved.has(service))) {
      await dropSchemas(client, dropped);
      return dropped.size > 0 ? await readFacts(client, [...involved], request) : facts;
    }
    for (const schema of wanted) changed.add(schema);
    for (const service of more) involved.add(service);
  }
}

/** What has to go for some schemas to be made anew. */
async function readDropped(
  client: Client,
  stale: readonly string[],
  services: readonly Service[],
): Promise<Set<string>> {
  let found = new Set(stale);
  for (let size = -1; size < found.size && found.size > 0; ) {
    size = found.size;
    found = addPartners(await readDependents(client, found), services);
  }
  return found;
}

/** The services that are not at head; what is dropped will be replayed from its first migration. */
function listBehind(facts: readonly ServiceFacts[], dropped: ReadonlySet<string>): ServiceFacts[] {
  return facts
    .map((one) => (dropped.has(schemaOf(one)) ? { ...one, ...EMPTY } : one))
    .filter(({ migrations, ledger }) => ledger.length < migrations.length);
}

function schemaOf({ service }: ServiceFacts): string {
  return service.schema;
}

/** Services, those whose schemas their schema files list, and so on. */
function closure(chosen: readonly Service[], services: readonly Service[]): Service[] {
  const found = new Set(chosen);
  for (const service of found) {
    for (const schema of service.schemas.slice(1)) {
      const owner = services.find((candidate) => candidate.schema === schema && !candidate.problem);
      if (owner) found.add(owner);
    }
  }
  return [...found];
}

/** The services that histories name in depends-on lines, with what these need in turn. */
async function findDependencies(
  behind: readonly ServiceFacts[],
  services: readonly Service[],
): Promise<Service[]> {
  if (behind.length === 0) return [];
  const named = namedDependencies(await planEach(behind, "head"));
  return closure(
    services.filter(({ name, problem }) => named.has(name) && !problem),
    services,
  );
}

async function readFacts(
  client: Client,
  services: readonly Service[],
  { upTo, without }: ReplayRequest,
): Promise<ServiceFacts[]> {
  const facts = await gatherFacts(client, services.map(requireSound));
  const chosen = facts.map((one) => {
    if (one.problem) throw new SchemataError(one.problem);
    const last = upTo?.get(one.service.name);
    const end = last === undefined ? undefined : one.migrations.findIndex(({ name }) => name === last) + 1;
    const absent = without?.get(one.service.name) ?? [];
    const migrations = one.migrations.slice(0, end).filter(({ name }) => !absent.includes(name));
    return { ...one, migrations };
  });
  return upTo || without ? cutTorn(chosen) : chosen;
}

async function replay(
  { client, url }: ShadowPlace,
  facts: readonly ServiceFacts[],
  { signal }: ReplayRequest,
): Promise<void> {
  const plans = await planEach(facts, "head");
  const run = joinPlans(plans, facts);
  for (const { refusal } of run.plans) if (refusal) throw new SchemataError(refusal);
  const schemas = new Set(facts.flatMap(({ service }) => service.schemas));
  if (facts.some(({ service, schemaExists }) => service.schemas.length > 1 || !schemaExists))
    await createSchemas(client, [...schemas]);
  const extensions = await ensureExtensions(
    client,
    facts.map(({ service }) => service),
  );
  if (run.plans.every(({ pending }) => pending.length === 0)) return;
  // Not the connection that holds the schemas: between scripts, and after a failure, a session is stripped of its locks.
  const connections = makeConnections(
    await connect(url, { applicationName: SHADOW_SESSION.applicationName }),
    {
      url,
      jobs: JOBS,
      onFewer: () => {},
    },
  );
  const watch = makeWatch({ url, pidOf: () => undefined, emit: () => {} });
  try {
    const outcomes = await executePlans(run, facts, {
      connections,
      rulesOf: ({ service }) => ({
        ...RULES,
        schema: service.schema,
        searchPathTail: searchPathTail(service, extensions),
        applicationName: SHADOW_SESSION.applicationName,
      }),
      retries: 3,
      url,
      pooled: false,
      signal,
      emit: () => {},
      watch,
    });
    signal.throwIfAborted();
    const failed = outcomes.find(({ status, failure }) => status === "failed" && failure);
    const skipped = outcomes.find(({ failure }) => failure);
    const failure = failed?.failure ?? skipped?.failure;
    if (failure) throw failure;
  } finally {
    await watch.close();
    await connections.close();
  }
}

/** A failure of the applier, as what it means here: nothing but the shadow database was touched. */
function explainReplay(error: SchemataError): SchemataError {
  const { file, sqlState } = error.details ?? {};
  if (file === undefined) return error;
  return new SchemataError({
    fact: error.message,
    why: `${error.why ?? ""}\nThe history was being replayed on the shadow database; the shared one was not touched.`.trim(),
    fix:
      sqlState === "42704" && /^role /.test(String(error.details?.message))
        ? `create the role, or correct ${file}`
        : `correct ${file}; where it is applied already, restore it (git checkout ${file}) and put the change into a new migration`,
    details: error.details,
    cause: error.cause,
  });
}
