import { EXIT, fail } from "../../core/errors.ts";
import { parseModels } from "../../core/models.ts";
import { findService, nearestName, requireSound, type Service } from "../../core/service.ts";
import { readSchemaFile } from "../revision/engine.ts";

/** Which table is to go where, as the user says it. */
export interface Wish {
  /** `auth.profile`: service or schema, then table or model. */
  table: string | undefined;
  to: string | undefined;
}

/** A table with the service that has it and the one that gets it. */
export interface Choice {
  from: Service;
  to: Service;
  table: string;
  model: string;
}

/** Finds both services and the table in the schema file; a name that is not known fails with the nearest. */
export function chooseTransfer(services: readonly Service[], { table, to }: Wish): Choice {
  if (table === undefined || table === "") {
    return fail({
      fact: "Which table? table is missing",
      fix: "add table=<service>.<table> (make) or --table <service>.<table>",
      status: EXIT.usage,
    });
  }
  const { from, name } = splitTable(services, table);
  if (to === undefined || to === "") {
    return fail({
      fact: `${from.name}: where shall "${name}" go? to is missing`,
      fix: "add to=<service> (make) or --to <service>",
      status: EXIT.usage,
    });
  }
  const target = services.find((service) => !service.problem && service.schema === to && service.name !== to);
  const found = requireSound(
    services.some((service) => service.name === to)
      ? findService(services, to)
      : (target ?? findService(services, to)),
  );
  if (found === from) {
    return fail({
      fact: `${from.name}: "${name}" is there already`,
      why: "a transfer goes from one service to another",
      fix: `--to <another service>`,
      status: EXIT.usage,
    });
  }
  return { from, to: found, ...findModel(from, name) };
}

/** Names may hold dots: every one of them may be where the service's ends. */
function splitTable(services: readonly Service[], text: string): { from: Service; name: string } {
  for (let dot = text.indexOf("."); dot !== -1; dot = text.indexOf(".", dot + 1)) {
    const owner = text.slice(0, dot);
    const from =
      services.find((service) => service.name === owner) ??
      services.find((service) => !service.problem && service.schema === owner);
    if (from && dot + 1 < text.length) return { from: requireSound(from), name: text.slice(dot + 1) };
  }
  const dot = text.indexOf(".");
  if (dot > 0) return { from: findService(services, text.slice(0, dot)), name: text.slice(dot + 1) };
  return fail({
    fact: `"${text}" does not say whose table it is`,
    fix: `--table <service>.${text === "." ? "<table>" : text}`,
    status: EXIT.usage,
  });
}

function findModel(from: Service, name: string): { table: string; model: string } {
  const models = parseModels(readSchemaFile(from), from.schema);
  const found = models.find(({ table }) => table === name) ?? models.find(({ model }) => model === name);
  if (found) return { table: found.table, model: found.model };
  const names = models.map(({ table }) => table);
  const nearest = nearestName(name, [...names, ...models.map(({ model }) => model)]);
  return fail({
    fact: `${from.name}: ${from.schemaFile} has no table or model "${name}"`,
    ...(names.length > 0 && { why: `it has ${names.join(", ")}` }),
    fix: nearest === undefined ? "name one of its tables" : `did you mean ${from.name}.${nearest}?`,
    status: EXIT.usage,
  });
}
