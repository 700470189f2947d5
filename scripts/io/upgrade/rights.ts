import type { Failure } from "../../core/errors.ts";
import type { Externals } from "../../core/externals.ts";
import type { Migration } from "../../core/history.ts";
import { findMentions } from "../../core/mentions.ts";
import type { PendingScript, ServicePlan } from "../../core/plan.ts";
import { describeGrants, findRights, type Rights } from "../../core/rights.ts";
import { appRole, ownerRole } from "../../core/roles.ts";
import type { Service } from "../../core/service.ts";
import type { Client } from "../postgres/connect.ts";
import { readHolders, readRights } from "../postgres/rights.ts";
import { readPlannedScript } from "../script.ts";
import { readExternals } from "../workspace.ts";

/** Services whose migrations run as their owner role, and what is known of the database that they run on. */
export interface RightsRequest {
  /** All services of the workspace. */
  services: readonly Service[];
  /** Default: nothing is known, and nobody holds any right. */
  client?: Client;
  /** The services that a script was made against; default: those of its depends-on lines. */
  dependsOn?(script: PendingScript): readonly string[];
  /** Texts that were read for the plan and kept; what is not among them is read. */
  textOf?(migration: Migration): string | undefined;
}

/** The plans with what their scripts need of other services' schemas, and refused where that cannot be granted. */
export async function addRights(
  plans: readonly ServicePlan[],
  request: RightsRequest,
): Promise<ServicePlan[]> {
  const acting = plans.filter(({ role, pending }) => role !== undefined && pending.length > 0);
  if (acting.length === 0) return [...plans];
  const schemas = acting.map(({ service }) => service.schema);
  const holders = request.client ? await readHolders(request.client, schemas) : new Set<string>();
  const done: ServicePlan[] = [];
  for (const plan of plans) {
    const { service, pending } = plan;
    const concerned =
      holders.has(service.schema) ||
      service.schemas.length > 1 ||
      pending.some((script) => namesOf(script, request).length > 0);
    done.push(acting.includes(plan) && concerned ? await addOwn(plan, request, holders) : plan);
  }
  return done;
}

async function addOwn(
  plan: ServicePlan,
  request: RightsRequest,
  holders: ReadonlySet<string>,
): Promise<ServicePlan> {
  const { services, client } = request;
  const { service } = plan;
  const repeated: Externals = readExternals(service);
  let holds = holders.has(service.schema);
  let released = false;
  const pending: PendingScript[] = [];
  for (const script of plan.pending) {
    if (script.recognises) {
      pending.push(script);
      continue;
    }
    const sql = request.textOf?.(script.migration) ?? readPlannedScript(service, script.migration);
    const names = namesOf(script, request);
    const owners = services.filter(({ name, problem }) => names.includes(name) && !problem);
    const declared = { repeated, schemas: owners.map(({ schema }) => schema) };
    const needed = findRights(findMentions(sql), { own: service.schema, declared });
    const missing = released || !client ? needed : await findMissing(client, service, needed);
    if ("refused" in missing) {
      const refusal = explainMissing(service, script, missing);
      return { ...plan, pending: [], refusal };
    }
    holds ||= needed.length > 0;
    const releases = holds && /\bdrop\b/i.test(sql);
    released ||= releases;
    pending.push({
      ...script,
      ...(missing.length > 0 && { rights: missing }),
      ...(releases && { releases }),
    });
  }
  return { ...plan, pending };
}

function namesOf(script: PendingScript, { dependsOn }: RightsRequest): readonly string[] {
  return dependsOn?.(script) ?? script.dependsOn.map(({ service }) => service);
}

interface Refused {
  refused: Rights;
  owner: string;
}

async function findMissing(
  client: Client,
  service: Service,
  needed: readonly Rights[],
): Promise<Rights[] | Refused> {
  const missing: Rights[] = [];
  for (const rights of needed) {
    const { schema, tables, types } = rights;
    const roles = [ownerRole(service.schema), ...(types.length > 0 ? [appRole(service.schema)] : [])];
    const held = await readRights(client, { roles, schema, tables });
    const left = tables.filter((table) => !held?.tables.includes(table));
    if (held?.usage && left.length === 0) continue;
    if (held && !held.mayGrant) return { refused: { ...rights, tables: left }, owner: held.owner };
    missing.push({ ...rights, tables: left });
  }
  return missing;
}

function explainMissing(
  { name, schema: own }: Service,
  { migration }: PendingScript,
  { refused, owner }: Refused,
): Failure {
  const { schema, tables, types } = refused;
  const what =
    tables.length > 0
      ? tables.map((table) => `${schema}.${table}`).join(", ")
      : types.map((type) => `${schema}.${type}`).join(", ");
  return {
    fact: `${name}: ${migration.name} refers to ${what}, and "${ownerRole(own)}" has not been granted that`,
    why: `the login may not act as "${owner}", which owns it and would grant it`,
    fix: `let an administrator run make provision, or: ${describeGrants([refused], own).join("; ")};`,
  };
}
