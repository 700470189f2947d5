import leven from "leven";
import { EXIT, type Failure, fail } from "./errors.ts";

/** One folder under services/: the owner of one Postgres schema. */
export interface Service {
  /** The folder's name. */
  name: string;
  /** The Postgres schema it owns: the first of `schemas`. Where `problem` is set, the folder's name stands in. */
  schema: string;
  /** All of the datasource block's `schemas`; those after the first belong to services it depends on. */
  schemas: string[];
  /** The extensions that its datasource block declares, by their names in the database; absent: none. */
  extensions?: string[];
  /** Absolute path of the folder. */
  dir: string;
  /** Path of schema.prisma, relative to the workspace, for messages. */
  schemaFile: string;
  /** Set where the service cannot be worked with; others still can. */
  problem?: Failure;
}

/** Marks every service whose schema another owns too. */
export function markSharedSchemas(services: readonly Service[]): Service[] {
  const owners = new Map<string, Service[]>();
  for (const service of services) {
    if (!service.problem) owners.set(service.schema, [...(owners.get(service.schema) ?? []), service]);
  }
  return services.map((service) => {
    const others = (service.problem ? [] : (owners.get(service.schema) ?? [])).filter(
      (owner) => owner !== service,
    );
    const [other] = others;
    if (!other) return service;
    return {
      ...service,
      problem: {
        fact: `${service.name}: the schema "${service.schema}" is also owned by ${others.map(({ name }) => name).join(", ")}`,
        why: "a schema has one owner and one ledger",
        fix: `give ${service.schemaFile} or ${other.schemaFile} another first entry in schemas`,
      },
    };
  });
}

/** The services named, in the workspace's order, or all of them; an unknown name fails with the list and the nearest. */
export function chooseServices(
  services: readonly Service[],
  names: readonly string[] | undefined,
): Service[] {
  if (names === undefined || names.length === 0) return [...services];
  const wanted = new Set(names.map((name) => findService(services, name)));
  return services.filter((service) => wanted.has(service));
}

/** The one service of that name; without a name, or an unknown one, the error lists the services. */
export function findService(services: readonly Service[], name: string | undefined): Service {
  const list = services.map((service) => service.name).join(", ");
  const found = services.find((service) => service.name === name);
  if (found) return found;
  if (services.length === 0) {
    return fail({
      fact: "This workspace has no service",
      fix: "make a folder services/<name> with a schema.prisma",
      status: EXIT.usage,
    });
  }
  if (name === undefined || name === "") {
    return fail({
      fact: "Which service? app is missing",
      why: `this workspace has ${list}`,
      fix: `add app=${services[0]?.name} (make) or --app ${services[0]?.name}`,
      status: EXIT.usage,
    });
  }
  const nearest = nearestName(
    name,
    services.map((service) => service.name),
  );
  return fail({
    fact: `No service is called "${name}"`,
    why: `this workspace has ${list}`,
    fix: nearest === undefined ? "name one of these" : `did you mean app=${nearest}?`,
    status: EXIT.usage,
  });
}

/** The same service, or its problem as an error. */
export function requireSound(service: Service): Service {
  return service.problem ? fail(service.problem) : service;
}

/** The name that takes the fewest edits to reach, if they are fewer than half its length or so. */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((candidate) => ({ candidate, distance: leven(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best && best.distance <= Math.max(2, Math.floor(best.candidate.length / 2))
    ? best.candidate
    : undefined;
}
