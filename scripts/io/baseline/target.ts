import { readFileSync } from "node:fs";
import { join } from "node:path";
import { refuseServiceName, renderNewSchemaFile } from "../../core/baseline/schemaFile.ts";
import { EXIT, fail } from "../../core/errors.ts";
import { parseSchemaFile } from "../../core/schemaFile.ts";
import type { Service } from "../../core/service.ts";
import { PATHS, readMigrations } from "../workspace.ts";

/** The service that is to own an existing schema, with its schema file as it is before. */
export interface BaselineTarget {
  service: Service;
  text: string;
  /** There is no schema file yet. */
  isNew: boolean;
}

/** Finds the service, or thinks up the new one; refuses one that has migrations already. */
export function chooseTarget(
  root: string,
  {
    services,
    app,
    schema,
  }: { services: readonly Service[]; app: string | undefined; schema: string | undefined },
): BaselineTarget {
  if (app === undefined || app === "")
    return fail({
      fact: "Which service shall own the schema? app is missing",
      fix: "schemata baseline --app <service> [--schema <name>]",
      status: EXIT.usage,
    });
  const known = services.find(({ name }) => name === app);
  const bare = known?.problem?.fact.endsWith("schema.prisma is missing") === true;
  const target =
    known && !bare ? keepService(known, schema) : planService(root, { app, schema: schema ?? app });
  const other = services.find(
    (one) => one.name !== app && !one.problem && one.schema === target.service.schema,
  );
  if (other)
    fail({
      fact: `${app}: the schema "${target.service.schema}" is owned by ${other.name}`,
      why: "a schema has one owner and one ledger",
      fix: `schemata baseline --app ${other.name}, or --schema with another`,
      status: EXIT.usage,
    });
  const [first] = readMigrations(target.service);
  if (first)
    fail({
      fact: `${app}: there are migrations already, from ${first.name} on`,
      why: "a baseline is a history's beginning",
      fix: `if the database holds what they make: make stamp app=${app} to=head`,
    });
  return target;
}

function keepService(service: Service, schema: string | undefined): BaselineTarget {
  if (service.problem) fail(service.problem);
  if (schema !== undefined && schema !== service.schema)
    fail({
      fact: `${service.name}: ${service.schemaFile} says the schema "${service.schema}", and --schema "${schema}"`,
      fix: `leave --schema out, or correct ${service.schemaFile}`,
      status: EXIT.usage,
    });
  const text = readFileSync(join(service.dir, PATHS.schemaFile), "utf8").replace(/^\uFEFF/, "");
  return { service, text, isNew: false };
}

function planService(root: string, { app, schema }: { app: string; schema: string }): BaselineTarget {
  const why = refuseServiceName(app);
  if (why !== undefined)
    fail({
      fact: `"${app}" cannot be the name of a service`,
      why,
      fix: `--app <name> --schema "${schema}"`,
      status: EXIT.usage,
    });
  const schemaFile = `services/${app}/${PATHS.schemaFile}`;
  const text = renderNewSchemaFile(schema);
  const parsed = parseSchemaFile(text, { service: app, file: schemaFile });
  if ("problem" in parsed) return fail({ ...parsed.problem, status: EXIT.usage });
  const service = {
    name: app,
    schema,
    schemas: parsed.schemas,
    dir: join(root, "services", app),
    schemaFile,
  };
  return { service, text, isNew: true };
}
