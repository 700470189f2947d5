import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compareJobs, parseComposeJobs } from "../../core/composeJobs.ts";
import { type Diagnosis, diagnoseFailure } from "../../core/doctor.ts";
import { checkEnvironmentFile } from "../../core/environmentFile.ts";
import { renderInitSql } from "../../core/initSql.ts";
import type { Service } from "../../core/service.ts";
import { renderCount } from "../../core/table.ts";
import { PATHS, readMigrations } from "../workspace.ts";

const area = "files";

/** Files of the workspace that should agree with each other. */
export function diagnoseFiles(root: string, services: readonly Service[]): Diagnosis[] {
  const sound = services.filter(({ problem }) => !problem);
  return [
    ...diagnoseServices(services),
    ...diagnoseEnvironment(root),
    diagnoseInitSql(root, services),
    ...diagnoseCompose(root, sound),
    ...diagnoseLocks(sound),
    ...diagnoseClients(sound),
  ];
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function diagnoseServices(services: readonly Service[]): Diagnosis[] {
  const problems = services.flatMap(({ problem }): Diagnosis[] =>
    problem ? [diagnoseFailure(area, problem)] : [],
  );
  if (services.length === 0)
    return [
      {
        area,
        state: "warning",
        fact: "services/ holds no service",
        fix: "make a folder services/<name> with a schema.prisma",
      },
    ];
  const sound = services.length - problems.length;
  if (sound === 0) return problems;
  return [
    { area, state: "ok", fact: `${renderCount(sound, "service")} with a schema of its own` },
    ...problems,
  ];
}

function diagnoseEnvironment(root: string): Diagnosis[] {
  const text = read(join(root, ".env"));
  if (text === undefined) return [];
  const odd = checkEnvironmentFile(text).map(
    (problem): Diagnosis => ({ area, state: "warning", fact: `.env: ${problem}`, fix: "correct .env" }),
  );
  const shared = existsSync(join(root, ".git")) && !isIgnored(root);
  if (shared)
    odd.push({
      area,
      state: "warning",
      fact: ".gitignore does not name .env",
      why: "it holds passwords, which everybody who can read the repository would learn",
      fix: "echo .env >> .gitignore",
    });
  return odd.length > 0 ? odd : [{ area, state: "ok", fact: ".env is well-formed" }];
}

function isIgnored(root: string): boolean {
  return /^\/?(\*?\.env\*?)\s*$/m.test(read(join(root, ".gitignore")) ?? "");
}

function diagnoseInitSql(root: string, services: readonly Service[]): Diagnosis {
  const text = read(join(root, "init.sql"));
  if (text === undefined)
    return { area, state: "ok", fact: "no init.sql: a server gets what services/ says" };
  if (services.some(({ problem }) => problem))
    return { area, state: "skipped", fact: "init.sql: first mend the services above" };
  if (text === renderInitSql(services))
    return { area, state: "ok", fact: "init.sql says what services/ says" };
  return {
    area,
    state: "broken",
    fact: "init.sql does not say what services/ says",
    why: "a service was added, removed or given another schema, or the file was edited",
    fix: "schemata init-sql --write",
  };
}

function diagnoseCompose(root: string, services: readonly Service[]): Diagnosis[] {
  const text = read(join(root, "docker-compose.yml"));
  if (text === undefined) return [];
  const wrong = compareJobs(parseComposeJobs(text), services);
  if (wrong.length === 0)
    return [{ area, state: "ok", fact: "docker-compose.yml has a job for each service" }];
  return wrong.map((problem) => ({
    area,
    state: "warning",
    fact: `docker-compose.yml: ${problem}`,
    fix: "give it a job for each service, like the others, with DB_SCHEMA and command",
  }));
}

function diagnoseLocks(services: readonly Service[]): Diagnosis[] {
  const wrong = services.flatMap((service): Diagnosis[] => {
    const path = `services/${service.name}/${PATHS.migrations}/${PATHS.lock}`;
    const text = read(join(service.dir, PATHS.migrations, PATHS.lock));
    if (text === undefined && !hasMigrations(service)) return [];
    const [, provider] = /^\s*provider\s*=\s*"([^"]*)"/m.exec(text ?? "") ?? [];
    if (provider === "postgresql") return [];
    const fact =
      text === undefined
        ? `${path} is missing`
        : `${path} says ${provider === undefined ? "no provider" : `provider "${provider}"`}`;
    return [
      {
        area,
        state: "broken",
        fact,
        why: "stock prisma migrate refuses to work without it",
        fix: `echo 'provider = "postgresql"' > ${path}`,
      },
    ];
  });
  return wrong.length > 0
    ? wrong
    : [{ area, state: "ok", fact: "migration_lock.toml of every service says postgresql" }];
}

function hasMigrations(service: Service): boolean {
  try {
    return readMigrations(service).length > 0;
  } catch {
    return true;
  }
}

/** A generated client holds the schema file that it was made from. */
function diagnoseClients(services: readonly Service[]): Diagnosis[] {
  const clients = services.flatMap((service) => readClient(service) ?? []);
  const absent = clients.filter(({ made }) => made === undefined).map(({ name }) => name);
  const stale = clients
    .filter(({ made, schema }) => made !== undefined && !made.includes(JSON.stringify(schema)))
    .map(({ name }) => name);
  const wrong = [
    ...(absent.length > 0 ? [`no typed client is generated yet for ${list(absent)}`] : []),
    ...(stale.length > 0 ? [`the typed client was made from another schema file for ${list(stale)}`] : []),
  ];
  if (wrong.length > 0) {
    const names = [...absent, ...stale];
    const fix = names.length === 1 ? `make generate app=${names[0]}` : "make generate";
    return wrong.map((fact) => ({ area, state: "warning", fact, fix }));
  }
  if (clients.length === 0) return [];
  return [{ area, state: "ok", fact: `${renderCount(clients.length, "typed client")}, up to date` }];
}

function readClient({ name, dir }: Service) {
  const schema = read(join(dir, PATHS.schemaFile)) ?? "";
  const [block = ""] =
    /^generator[ \t]+\w+[ \t]*\{[^}]*provider[ \t]*=[ \t]*"prisma-client"[^}]*\}/m.exec(schema) ?? [];
  const [, output] = /output[ \t]*=[ \t]*"([^"]+)"/.exec(block) ?? [];
  if (output === undefined) return undefined;
  return { name, schema, made: read(join(dir, output, "internal", "class.ts")) };
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
