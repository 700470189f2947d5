import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { VERBS } from "../../scripts/commands/index.ts";
import { EXIT } from "../../scripts/core/errors.ts";
import { withClient } from "../support/catalog.ts";
import {
  type CheckoutCopy,
  type CommandResult,
  copyCheckout,
  STRANGER,
  trustingGit,
} from "../support/checkout.ts";
import { findFreePort } from "../support/server.ts";
import { CHECKOUT } from "../support/workspace.ts";

// Make, the tool and the stock CLI, one after the other, on a busy machine.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const README = readFileSync(join(CHECKOUT, "README.md"), "utf8");
const blocks = (language: string) =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, text = ""]) => text);
const COMMANDS = blocks("shell").flatMap((block) =>
  block.split("\n").filter((line) => line !== "" && !line.startsWith("#")),
);

let copy: CheckoutCopy;
let shop: string;

beforeAll(async () => {
  copy = await copyCheckout();
  shop = join(dirname(copy.root), "shop");
});

afterAll(async () => {
  await copy.run("node dist/cli.js stop-db");
  await copy.run("node dist/cli.js --root ../shop stop-db");
});

/** How one command of the README is tried: what is done before it, and what must be true of it. */
interface Trial {
  before?: () => Promise<unknown> | unknown;
  /** Instead of running it as it stands. */
  run?: (command: string) => Promise<CommandResult>;
  check: (result: CommandResult) => Promise<unknown> | unknown;
}

const editSchema = (service: string, from: string, to: string) => {
  const file = join(copy.root, "services", service, "schema.prisma");
  const text = readFileSync(file, "utf8");
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
};
const newest = (service: string) => {
  const folder = join(copy.root, "services", service, "migrations");
  const [last = ""] = readdirSync(folder)
    .filter((name) => /^\d/.test(name))
    .sort()
    .reverse();
  return {
    name: last,
    read: (file: string) => readFileSync(join(folder, last, file), "utf8"),
    write: (file: string, text: string) => writeFileSync(join(folder, last, file), text),
  };
};
interface Standing {
  service: string;
  current: string | null;
  head: string | null;
  pending: string[];
}
const standing = async (service: string) => {
  const { stdout } = await copy.run("node dist/cli.js current --json");
  const { services }: { services: Standing[] } = JSON.parse(stdout);
  return services.find((one) => one.service === service);
};
const atHead = async (service: string) =>
  expect(await standing(service)).toMatchObject({ current: newest(service).name, pending: [] });
const json =
  (shape: object) =>
  ({ stdout }: CommandResult) =>
    expect(JSON.parse(stdout)).toMatchObject(shape);
const notes =
  (text: string | RegExp) =>
  ({ stderr }: CommandResult) =>
    expect(stderr).toMatch(text);
const prints =
  (text: string | RegExp) =>
  ({ stdout }: CommandResult) =>
    expect(stdout).toMatch(text);

/** Recipes that would run this very suite, minutes of measurements, or Docker: read, not run. */
const recipe = (line: string): Trial => ({
  run: (command) => copy.run(command.replace(/^make/, "make -n")),
  check: prints(line),
});
const unrun = (check: Trial["check"]): Trial => ({
  run: async () => ({ status: 0, stdout: "", stderr: "" }),
  check,
});

const TRIALS: Record<string, Trial> = {
  "git clone REPOSITORY schemata && cd schemata": {
    run: (command) => {
      const folder = join(dirname(copy.root), "clone");
      mkdirSync(folder);
      const line = command.replace("REPOSITORY", `"${CHECKOUT}"`);
      return copy.run(`cd "${folder}" && ${line} && ls`, { env: trustingGit() });
    },
    check: prints(/^Makefile$/m),
  },
  "make upgrade-head": { check: prints(/^2 services: .*(?:upgraded|up-to-date) \(/m) },
  "make start-db": { check: () => notes(`127.0.0.1:${copy.port}`) },
  "make stop-db": { check: notes("The embedded server has stopped") },
  "make start-db db=docker": recipe("node dist/cli.js start-db"),
  "make studio app=auth": {
    run: readStudio,
    check: prints(/^auth {2}http:\/\/localhost:\d+\/#schema=auth/m),
  },
  "make reset-db yes=1": {
    check: async (result) => {
      notes("test_db on 127.0.0.1")(result);
      expect(await standing("auth")).toMatchObject({ current: null });
    },
  },
  "make upgrade-head app=auth": { check: () => atHead("auth") },
  "make current": { check: prints(/^auth .*\nbilling .* at head$/m) },
  "make history app=auth": { check: prints(/ applied .* UTC /) },
  'make revision app=auth m="add nickname"': {
    before: () => editSchema("auth", "locale ", "nickname String?\n  locale "),
    check: (result) => {
      prints(/^services\/auth\/migrations\/\d{14}_add_nickname\/migration\.sql\n.*\/down\.sql$/m)(result);
      expect(newest("auth").read("migration.sql")).toContain('ADD COLUMN     "nickname" TEXT');
      expect(newest("auth").read("down.sql")).toContain('DROP COLUMN "nickname"');
    },
  },
  "make downgrade app=auth to=-1 yes=1": {
    check: async () => expect((await standing("auth"))?.pending).toEqual([newest("auth").name]),
  },
  'make revision app=auth m="call it alias" rename=users.nickname=alias': {
    before: () => editSchema("auth", "nickname String?", "alias String?"),
    check: () =>
      expect(newest("auth").read("migration.sql")).toMatch(/RENAME COLUMN "?nickname"? TO "?alias"?/),
  },
  'make revision app=billing m="backfill totals" empty=1': {
    check: () => expect(newest("billing").name).toMatch(/_backfill_totals$/),
  },
  "make generate": {
    check: () => {
      const models = readFileSync(join(copy.root, "services/auth/src/generated/models/User.ts"), "utf8");
      expect(models).toContain("alias");
    },
  },
  'make prisma app=auth args="migrate status"': {
    before: () => copy.run("make upgrade-head"),
    check: prints("Database schema is up to date!"),
  },
  'make dev app=auth args="--name add_sessions --create-only"': {
    run: (command) => copy.run(`script -qec '${command}' /dev/null`),
    check: () => expect(newest("auth").name).toMatch(/_add_sessions$/),
  },
  "make deploy app=auth": { check: () => atHead("auth") },
  "make init.sql": { check: notes("init.sql is up to date") },
  "make sync app=billing model=auth.User": {
    check: () => {
      const text = readFileSync(join(copy.root, "services/billing/schema.prisma"), "utf8");
      expect(text).toContain('schemas  = ["billing", "auth"]');
      expect(text).toMatch(/^model User \{[^}]*@@map\("users"\)\n {2}@@schema\("auth"\)\n\}$/m);
    },
  },
  "make sync app=billing": {
    before: () => editSchema("billing", "@db.VarChar(35)", "@db.VarChar(12)"),
    check: (result) => {
      notes("billing: User.locale is String @db.VarChar(12) here, and String @db.VarChar(35)")(result);
      // What follows in the README knows services without each other.
      cpSync(
        join(CHECKOUT, "services/billing/schema.prisma"),
        join(copy.root, "services/billing/schema.prisma"),
      );
    },
  },
  "make upgrade-head dry_run=1": {
    before: () => copy.run("make revision app=billing m=more empty=1"),
    check: prints(/^billing: \d+ migrations? to apply$/m),
  },
  "make upgrade app=billing to=+1": { check: prints(/^billing +upgraded +1 migration/m) },
  "make plan": { check: prints("nothing to apply") },
  "make check": {
    // The way back from what the stock CLI has written, which check asks for.
    before: () => newest("auth").write("down.sql", "-- Nothing to undo.\n"),
    check: prints(/^2 services, \d+ migrations: /m),
  },
  "make upgrade-head strict=1": { check: prints(/up-to-date/) },
  "make guard app=billing": { check: prints(/^\d+ migrations: no findings$/m) },
  "make heads": { check: ({ stdout }) => expect(stdout).toContain(newest("auth").name) },
  "make show app=auth migration=head": {
    check: ({ stdout }) => expect(stdout).toContain(`auth/${newest("auth").name}`),
  },
  "make sql app=auth range=base:head": { check: prints('CREATE TABLE "users"') },
  "make rebase app=auth dry_run=1": { check: notes("nothing to rebase") },
  "make stamp app=auth to=head yes=1": { check: () => atHead("auth") },
  "make repair app=auth": {
    check: ({ stdout, stderr }) => expect(stdout + stderr).toContain("nothing to repair"),
  },
  "make doctor": { check: ({ stdout, stderr }) => expect(stdout + stderr).toMatch(/\bok\b/) },
  'make revision app=auth m="hotfix" from_db=1 stamp=1': {
    before: async () => {
      await copy.run("make upgrade-head");
      const url = `postgresql://postgres:postgres@127.0.0.1:${copy.port}/test_db`;
      await withClient(url, (client) => client.query("ALTER TABLE auth.users ADD COLUMN hot integer"));
    },
    check: async () => {
      expect(newest("auth").read("migration.sql")).toContain('ADD COLUMN     "hot" INTEGER');
      expect(readFileSync(join(copy.root, "services/auth/schema.prisma"), "utf8")).toMatch(/ hot +Int\?/);
      await atHead("auth");
    },
  },
  "make baseline app=crm schema=crm yes=1": {
    before: async () => {
      const url = `postgresql://postgres:postgres@127.0.0.1:${copy.port}/test_db`;
      await withClient(url, (client) =>
        client.query("CREATE SCHEMA crm; CREATE TABLE crm.lead (id int PRIMARY KEY, name text)"),
      );
    },
    check: async () => {
      expect(newest("crm").read("migration.sql")).toContain('CREATE TABLE "lead"');
      expect(await standing("crm")).toMatchObject({ current: newest("crm").name, pending: [] });
      // What follows in the README knows two services.
      rmSync(join(copy.root, "services/crm"), { recursive: true });
    },
  },
  "make transfer table=auth.sessions to=billing dry_run=1": {
    before: () => copy.run("make upgrade-head"),
    check: prints('ALTER TABLE "auth"."sessions" SET SCHEMA "billing";'),
  },
  "make squash app=auth dry_run=1": { check: prints('CREATE TABLE "users"') },
  "make current json=1": { check: json({ services: [{ service: "auth" }, { service: "billing" }] }) },
  "node dist/cli.js current --json": { check: json({ services: [{ service: "auth", schema: "auth" }, {}] }) },
  "node dist/cli.js history --app auth --json": {
    check: json({ services: [{ service: "auth", migrations: expect.any(Array) }] }),
  },
  "node dist/cli.js upgrade-head --json": {
    check: json({ services: [{ error: null, applied: expect.any(Array) }, {}] }),
  },
  "node dist/cli.js upgrade-head --dry-run --json": {
    check: json({ services: [{ refusal: null, migrations: expect.any(Array) }, {}] }),
  },
  'node dist/cli.js --root ../shop revision --app orders -m "first tables"': {
    before: makeShop,
    check: prints(/_first_tables\/migration\.sql$/m),
  },
  "node dist/cli.js --root ../shop upgrade-head": { check: prints(/^1 service: 1 upgraded/m) },
  "node dist/cli.js --root ../shop current": { check: prints(/^orders .* at head$/m) },
  "node dist/cli.js --root ../shop provision --dry-run": {
    check: prints(/CREATE SCHEMA IF NOT EXISTS "orders"/),
  },
  "docker compose run --rm --build auth": unrun(() => {
    const compose = parse(readFileSync(join(copy.root, "docker-compose.yml"), "utf8"), { merge: true });
    expect(compose.services.auth).toMatchObject({ build: ".", command: ["upgrade-head", "--app", "auth"] });
  }),
  "docker build -t schemata .": unrun(() => expect(existsSync(join(copy.root, "Dockerfile"))).toBe(true)),
  "docker run --rm -e DATABASE_URL=postgresql://user:password@host:5432/database schemata upgrade-head":
    unrun(() => {
      const dockerfile = readFileSync(join(copy.root, "Dockerfile"), "utf8");
      expect(dockerfile).toMatch(/^ENTRYPOINT \["node", "dist\/cli\.js"\]$/m);
    }),
  "make test": recipe("vitest run"),
  "make lint": recipe("biome check"),
  "make bench only=current": recipe("only=current"),
};

test("every command of the README has its trial, and every trial its command", () => {
  expect([...new Set(COMMANDS)].sort()).toEqual(Object.keys(TRIALS).sort());
});

describe("in the README's order", () => {
  for (const [index, command] of COMMANDS.entries()) {
    test(`${index + 1}. ${command}`, async () => {
      const trial = TRIALS[command];
      expect(trial, "a trial in this file").toBeDefined();
      await trial?.before?.();
      const result = await (trial?.run ?? copy.run)(command);
      expect(result.status, `${result.stdout}\n${result.stderr}`).toBe(0);
      await trial?.check(result);
    });
  }
});

describe("the table of other tools' commands", () => {
  const rows = README.slice(README.indexOf("| Alembic |"), README.indexOf("# Settings"))
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(2)
    .map((line) => line.split("|").slice(1, -1));
  const words = (column: number) => rows.flatMap((row) => row[column]?.match(/(?<=`)[^`]+(?=`)/g) ?? []);

  test.each([
    [
      "Alembic's",
      0,
      "init revision upgrade downgrade current history heads branches show stamp merge edit ensure_version check list_templates",
    ],
    [
      "Django's",
      1,
      "migrate makemigrations showmigrations sqlmigrate squashmigrations optimizemigration inspectdb",
    ],
    [
      "Prisma's",
      2,
      "init validate format generate studio db_pull db_push db_execute db_seed migrate_dev migrate_deploy migrate_reset migrate_status migrate_resolve migrate_diff",
    ],
  ])("has %s commands, all of them", (_, column, commands) => {
    const told = words(column).join("\n");
    const missing = commands.split(" ").filter((command) => {
      return !new RegExp(`^${command.replace("_", "[_ ]")}\\b`, "m").test(told);
    });
    expect(missing).toEqual([]);
  });

  /** The command with these names given that the README itself shows, and has been run above. */
  const shown = (target: string, names: readonly string[]) =>
    COMMANDS.find(
      (command) => command.split(" ")[1] === target && names.every((name) => command.includes(` ${name}=`)),
    );

  const answers = [...new Set(words(3).filter((text) => text.startsWith("make ")))];
  test.each(answers.filter((answer) => !answer.includes("args=")))("%s is run above", (answer) => {
    const [, target = "", ...names] = answer
      .replaceAll(/\[.*?\]/g, "")
      .trim()
      .split(" ");
    expect(
      shown(
        target,
        names.map((name) => name.replace(/=.*/, "")),
      ),
    ).toBeDefined();
  });

  test.each(answers.filter((answer) => answer.includes("args=")))("%s", async (answer) => {
    writeFileSync(join(copy.root, "one.sql"), "SELECT 1;\n");
    const command = answer.replace("app=", "app=auth").replace("execute", "execute --file ../../one.sql");
    const { status, stdout, stderr } = await copy.run(command);
    expect(status, stdout + stderr).toBe(0);
  });
});

test("nothing of it installed anything, or changed a file that the user did not", async () => {
  expect((await copy.run("make -q build")).status).toBe(0);
});

/** Starts Studio as make does, takes the address that it prints, opens it, and interrupts it as Ctrl-C would. */
async function readStudio(command: string): Promise<CommandResult> {
  const studio = spawn("/bin/sh", ["-c", `exec ${command}`], {
    cwd: copy.root,
    env: STRANGER,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const group = studio.pid;
  if (group === undefined) throw new Error(`${command} does not start`);
  const ended = once(studio, "close");
  let stdout = "";
  for await (const chunk of studio.stdout) {
    stdout += String(chunk);
    const [, address] = /(http:\/\/localhost:\d+)\/#/.exec(stdout) ?? [];
    if (address === undefined) continue;
    expect((await fetch(address)).status).toBe(200);
    break;
  }
  process.kill(-group, "SIGINT");
  await ended;
  return { status: 0, stdout, stderr: "" };
}

/** Another workspace beside the copy: a schema file and nothing else, on a server of its own. */
async function makeShop(): Promise<void> {
  mkdirSync(join(shop, "services/orders"), { recursive: true });
  writeFileSync(join(shop, ".env"), `DB_PORT=${await findFreePort()}\n`);
  writeFileSync(
    join(shop, "services/orders/schema.prisma"),
    `datasource db {\n  provider = "postgresql"\n  schemas  = ["orders"]\n}\n\nmodel Order {\n  id Int @id\n  @@schema("orders")\n}\n`,
  );
}

describe("what it says is so", () => {
  test("the one line of a service's configuration", () => {
    const config = readFileSync(join(CHECKOUT, "services/auth/prisma.config.ts"), "utf8");
    expect(blocks("ts")).toEqual([config]);
  });

  test("the line of init.sql", () => {
    const [line = ""] = blocks("SQL");
    expect(readFileSync(join(CHECKOUT, "init.sql"), "utf8")).toContain(line);
  });

  test("the exit statuses", () => {
    const told = [...README.matchAll(/^\| (\d+) \| /gm)].map(([, status]) => Number(status));
    expect(told).toEqual(Object.values(EXIT));
  });

  test("each setting's variable is its option's", () => {
    const rows = [...README.matchAll(/^\| [^|]+ \| `--([a-z-]+)` \| `(SCHEMATA_[A-Z_]+)` \|/gm)];
    expect(rows.length).toBeGreaterThan(10);
    for (const [, option = "", variable] of rows)
      expect(variable).toBe(`SCHEMATA_${option.toUpperCase().replaceAll("-", "_")}`);
  });

  test("every verb that it names exists", () => {
    const named = [...README.matchAll(/(?:`schemata|node dist\/cli\.js(?: --root \S+)?) ([a-z][a-z-]+)/g)];
    const verbs = named.map(([, verb = ""]) => verb);
    expect(verbs.length).toBeGreaterThan(5);
    // As in "schemata failed: …", its own word for a defect.
    expect(verbs.filter((verb) => verb !== "failed" && !Object.hasOwn(VERBS, verb))).toEqual([]);
  });

  test("the tool has every message that it helps with", () => {
    const sources = ["scripts", "prisma", "Makefile"]
      .flatMap((path) =>
        path === "Makefile"
          ? [path]
          : readdirSync(join(CHECKOUT, path), { recursive: true, encoding: "utf8" })
              .filter((file) => /\.m?ts$|\.mjs$/.test(file))
              .map((file) => join(path, file)),
      )
      .map((file) => readFileSync(join(CHECKOUT, file), "utf8"))
      .join("\n");
    const table = README.slice(README.indexOf("# Troubleshooting"), README.indexOf("# How it compares"));
    const messages = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, message = ""]) => message);
    expect(messages.length).toBeGreaterThan(8);
    const parts = messages
      .filter((text) => !text.startsWith("port"))
      .flatMap((message) => message.split("…"))
      .map((part) => part.trim().replaceAll(/^"|"$/g, ""));
    expect(parts.filter((part) => !sources.includes(part))).toEqual([]);
  });
});
