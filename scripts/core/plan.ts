import type { Dependency } from "./dependsOn.ts";
import { EXIT, type Failure } from "./errors.ts";
import { compareHistory, type LedgerRow, type Migration, type Standing } from "./history.ts";
import { LEDGER_COLUMNS } from "./ledger.ts";
import type { Rights } from "./rights.ts";
import { appRole, ownerRole } from "./roles.ts";
import type { Service } from "./service.ts";
import { quoteIdent } from "./sql.ts";
import { renderCount } from "./table.ts";
import { resolveMigration, type Target } from "./target.ts";
import type { Transfer } from "./transfer/transfer.ts";

/**
 * Whether migrations can act as the service's owner role. `absent`: the role does not own the schema here, or neither
 * exists. `forbidden`: the login is no member. `incomplete`: the ledger belongs to somebody else, or there is no app role.
 */
export type OwnerState = "ready" | "absent" | "forbidden" | "incomplete";

/** Everything a plan for one service rests on, read before anything is touched. */
export interface ServiceFacts {
  service: Service;
  migrations: Migration[];
  ledger: LedgerRow[];
  schemaExists: boolean;
  /** Column names of the ledger; undefined where there is none. */
  ledgerColumns: readonly string[] | undefined;
  /** The schema holds something, and no ledger. */
  occupied: boolean;
  owner: OwnerState;
  /** Why the files could not be read, where they could not. */
  problem?: Failure;
}

/** How a pending migration will run. */
export interface PendingScript {
  migration: Migration;
  /** `atomic`: one transaction with its ledger row. `stepwise`: statement by statement, since Postgres wants it so. */
  mode: "atomic" | "stepwise";
  /** Size of the script in bytes. */
  size: number;
  dependsOn: Dependency[];
  /** What it takes of other services and the owner role has not been granted yet: granted in its transaction. */
  rights?: Rights[];
  /** It may drop the last that needs such rights: those that nothing needs any more are taken back. */
  releases?: boolean;
  /**
   * Set where it is not run, but recorded in the place of what it was squashed from: the names of the rows that make
   * way, and how many live ones these are.
   */
  recognises?: { names: readonly string[]; rows: number };
  /** Set where it moves a table from one service to another, on the way back too. */
  transfer?: Transfer;
  /** It runs with the rights of both services' owners, as a transfer has to. */
  lends?: boolean;
  /** Set on the way down: how many live rows of the ledger it rolls back. `migration.file` is down.sql then. */
  undoes?: number;
}

/** What will be done with one service; a refusal does nothing. */
export interface ServicePlan {
  service: Service;
  standing: Standing;
  /** Live rows in the ledger now. */
  ledgerRows: number;
  createSchema: boolean;
  createLedger: boolean;
  /** The role that migrations run as; without one it is the login. */
  role: string | undefined;
  /** To be applied, in order. */
  pending: PendingScript[];
  refusal?: Failure;
  warnings: string[];
}

/** The names that a service's upgrade to `target` would apply, before their scripts are read. */
export type Selection = { standing: Standing; selected: string[] } | { standing: Standing; refusal: Failure };

/** Decides from files and ledger alone what is to be applied, or why nothing may be. */
export function selectPending(facts: ServiceFacts, target: Target): Selection {
  const standing = compareHistory(facts.migrations, facts.ledger);
  const refusal = refuse(facts, standing);
  if (refusal) return { standing, refusal };
  if (target === "head") return { standing, selected: standing.pending };
  if ("steps" in target) return selectSteps(facts.service.name, standing, target);
  return selectUpTo(facts, standing, target.migration);
}

function selectSteps(
  service: string,
  standing: Standing,
  { steps, atMost = false }: { steps: number; atMost?: boolean },
): Selection {
  const { pending } = standing;
  if (atMost || steps <= pending.length) return { standing, selected: pending.slice(0, steps) };
  const most = `make upgrade app=${service} to=+${pending.length}, or all that there is: make upgrade-head app=${service}`;
  return {
    standing,
    refusal: {
      fact: `${service}: "+${steps}" is above head`,
      why: `${pending.length === 0 ? "no migration" : renderCount(pending.length, "migration")} pending`,
      fix: pending.length === 0 ? `make current app=${service}` : most,
      status: EXIT.usage,
    },
  };
}

function selectUpTo(facts: ServiceFacts, standing: Standing, text: string): Selection {
  const service = facts.service.name;
  const resolved = resolveMigration(text, { service, names: facts.migrations.map(({ name }) => name) });
  if ("problem" in resolved) return { standing, refusal: resolved.problem };
  const { name } = resolved;
  if (name === standing.current) return { standing, selected: [] };
  if (standing.applied.includes(name)) {
    return {
      standing,
      refusal: {
        fact: `${service}: ${name} is already applied, and newer ones after it (current is ${standing.current})`,
        fix: `make downgrade app=${service} to=${name}`,
        status: EXIT.usage,
      },
    };
  }
  return { standing, selected: standing.pending.slice(0, standing.pending.indexOf(name) + 1) };
}

/** Completes the plan of a service with what its scripts say of themselves. */
export function planService(
  facts: ServiceFacts,
  selection: Selection,
  scripts: PendingScript[],
): ServicePlan {
  const { standing } = selection;
  const plan = {
    service: facts.service,
    standing,
    ledgerRows: facts.ledger.filter((row) => row.rolledBackAt === null).length,
    createSchema: !facts.schemaExists,
    createLedger: facts.ledgerColumns === undefined,
    role: facts.owner === "ready" ? ownerRole(facts.service.schema) : undefined,
    warnings: warn(facts, standing),
  };
  return "refusal" in selection
    ? { ...plan, pending: [], refusal: selection.refusal }
    : { ...plan, pending: scripts };
}

/** The plans, with those refused that would run as the login for want of an owner role. */
export function requireRoles(plans: readonly ServicePlan[]): ServicePlan[] {
  return plans.map((plan) => {
    if (plan.refusal || plan.pending.length === 0 || plan.role !== undefined) return plan;
    const refusal = {
      fact: `${plan.service.name}: no role "${ownerRole(plan.service.schema)}" owns the schema "${plan.service.schema}" here`,
      why: "--require-roles is set, and without the role nothing keeps a migration off its neighbours' tables",
      fix: "make provision",
    };
    return { ...plan, pending: [], refusal };
  });
}

/** One warning for all services whose migrations run as the login, not as an owner role; or nothing. */
export function warnOfMissingRoles(plans: readonly ServicePlan[]): string | undefined {
  const without = plans.filter(({ pending, role }) => pending.length > 0 && role === undefined);
  if (without.length === 0) return undefined;
  return `${list(without.map(({ service }) => service.name))}: no owner role in this database, so migrations run as the login and nothing but care keeps them off other services' tables; make provision makes the roles`;
}

function warn({ service, ledger }: ServiceFacts, { outOfOrder, current, applied }: Standing): string[] {
  const warnings: string[] = [];
  if (outOfOrder.length > 0) {
    warnings.push(
      `${service.name}: ${list(outOfOrder)} ${outOfOrder.length === 1 ? "is" : "are"} older than current (${current}), and applied after it all the same; schemata rebase --app ${service.name} would put ${outOfOrder.length === 1 ? "it" : "them"} last`,
    );
  }
  const rows = new Map<string, number>();
  for (const { name, rolledBackAt } of ledger)
    if (rolledBackAt === null) rows.set(name, (rows.get(name) ?? 0) + 1);
  const twice = applied.filter((name) => (rows.get(name) ?? 0) > 1);
  if (twice.length > 0) {
    warnings.push(
      `${service.name}: the ledger holds ${list(twice)} more than once; it counts as applied once`,
    );
  }
  return warnings;
}

/** Why nothing may be done with a service, where that is so. */
export function refuse(facts: ServiceFacts, standing: Standing): Failure | undefined {
  const { service, problem } = facts;
  return (
    service.problem ??
    problem ??
    refuseLedgerForm(facts) ??
    refuseStanding(service, standing) ??
    refuseOccupied(facts) ??
    refuseOwner(facts)
  );
}

/** Why nothing may be applied on top of a ledger as it stands, where that is so. */
export function refuseStanding(
  service: Service,
  { failed, missing, edited, midway }: Standing,
): Failure | undefined {
  return (
    refuseFailed(service, failed) ??
    refuseMissing(service, missing) ??
    refuseEdited(service, edited) ??
    refuseMidway(service, midway)
  );
}

function refuseLedgerForm({ service, ledgerColumns }: ServiceFacts): Failure | undefined {
  if (ledgerColumns === undefined) return undefined;
  const known: readonly string[] = LEDGER_COLUMNS;
  const unknown = ledgerColumns.filter((column) => !known.includes(column));
  const absent = known.filter((column) => !ledgerColumns.includes(column));
  if (unknown.length === 0 && absent.length === 0) return undefined;
  const parts = [
    unknown.length > 0 ? `has columns that Prisma's has not: ${unknown.join(", ")}` : "",
    absent.length > 0 ? `lacks columns: ${absent.join(", ")}` : "",
  ];
  return {
    fact: `${service.name}: the ledger ${service.schema}._prisma_migrations ${parts.filter(Boolean).join(" and ")}`,
    why: "another tool made or changed it, so what it records cannot be trusted",
    fix: `bring it to Prisma's form (${LEDGER_COLUMNS.join(", ")}), or rename it and adopt the schema: schemata baseline --app ${service.name}`,
  };
}

function refuseFailed(service: Service, failed: readonly string[]): Failure | undefined {
  if (failed.length === 0) return undefined;
  return {
    fact: `${service.name}: ${list(failed)} was started and neither finished nor rolled back`,
    why: "stock Prisma, or a script that cannot run in one transaction, was interrupted in it",
    fix: `schemata repair --app ${service.name}`,
  };
}

function refuseMissing(service: Service, missing: readonly string[]): Failure | undefined {
  if (missing.length === 0) return undefined;
  return {
    fact: `${service.name}: ${list(missing)} ${missing.length === 1 ? "is" : "are"} applied but missing from services/${service.name}/migrations`,
    why: "the database was upgraded from another branch, or the folder was deleted",
    fix: `check out that branch, then make downgrade app=${service.name}`,
  };
}

function refuseEdited(service: Service, edited: readonly string[]): Failure | undefined {
  const [first] = edited;
  if (first === undefined) return undefined;
  return {
    fact: `${service.name}: ${list(edited)} ${edited.length === 1 ? "was" : "were"} edited after being applied`,
    why: "the database holds what the file said then; other databases would get what it says now",
    fix: `git checkout services/${service.name}/migrations/${first} and put the change into a new migration: make revision app=${service.name} m="…"`,
  };
}

/** The way on is the history before the squash, which git holds. */
function refuseMidway({ name: service }: Service, [first]: Standing["midway"]): Failure | undefined {
  if (!first) return undefined;
  const { name, present, absent, edited } = first;
  const before = `"$(git log -1 --diff-filter=A --format=%H -- services/${service}/migrations/${name}/migration.sql)~1"`;
  if (absent.length === 0) {
    return {
      fact: `${service}: ${list(edited)} ${edited.length === 1 ? "is" : "are"} applied in another form than ${name} was squashed from`,
      why: "so nothing says that this database is where the squashed migration leads to",
      fix: `git worktree add ../before-squash ${before}, and see there what differs: schemata check --app ${service}`,
    };
  }
  return {
    fact: `${service}: of what ${name} was squashed from, ${list(present)} ${present.length === 1 ? "is" : "are"} applied and ${list(absent)} ${absent.length === 1 ? "is" : "are"} not`,
    why: "a squashed migration is run as a whole, or recorded where all that it stands for is applied",
    fix: `apply the rest from the files before the squash: git worktree add ../before-squash ${before}\nthere: make upgrade app=${service} to=${absent.at(-1)}\nand here again: make upgrade-head app=${service}`,
  };
}

function refuseOwner({ service, owner }: ServiceFacts): Failure | undefined {
  const role = ownerRole(service.schema);
  if (owner === "forbidden") {
    return {
      fact: `${service.name}: the login may not act as "${role}", which owns the schema`,
      why: "migrations run as the owner of the schema, so that all in it has one owner",
      fix: `let an administrator run: GRANT ${quoteIdent(role)} TO <login>;`,
    };
  }
  if (owner === "incomplete") {
    return {
      fact: `${service.name}: the schema "${service.schema}" belongs to "${role}", but its ledger does not, or "${appRole(service.schema)}" is missing`,
      why: "the roles were made by hand or for another database, and what had been made before was not handed over",
      fix: "make provision",
    };
  }
  return undefined;
}

function refuseOccupied({ service, occupied }: ServiceFacts): Failure | undefined {
  if (!occupied) return undefined;
  return {
    fact: `${service.name}: the schema "${service.schema}" is not empty and has no ledger`,
    why: "its tables were made without migrations, and a first migration would collide with them",
    fix: `adopt them: schemata baseline --app ${service.name}`,
  };
}

/** The first few names of a list, and how many more there are. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
