import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import yargs from "yargs";
import { VERBS } from "../../scripts/commands/index.ts";
import { copyCheckout } from "../support/checkout.ts";
import { runCli, spawnCli } from "../support/cli.ts";
import { CHECKOUT, makeWorkspace } from "../support/workspace.ts";

const workspace = () => makeWorkspace({ auth: {}, billing: {} });
const UNUSED = "postgresql://me:secret@127.0.0.1:1/none";

describe("--help", () => {
  test("lists every verb in its order, each with what it does", async () => {
    const { status, stdout, stderr } = await runCli(["--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const listed = [...stdout.matchAll(/^ {2}schemata ([a-z-]+)(?: \S+)* {2,}\S/gm)].map(([, verb]) => verb);
    expect(listed).toEqual(Object.keys(VERBS));
    expect(stdout.split("\n").slice(0, 5).join("\n")).toMatchInlineSnapshot(`
      "schemata <verb> [options]

      One Postgres database, one schema per service: migrations that revise and upgrade alone.

      Commands:"
    `);
  });

  test.each(Object.keys(VERBS))("%s: what it does, then every option with a description", async (verb) => {
    const { status, stdout, stderr } = await runCli([verb, "--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^schemata ${verb}( [<[].*)?\n\n[A-Z]`));
    const [, options = ""] = stdout.split("\nOptions:\n");
    const names = [...options.matchAll(/^ {2}(?:-\w, )? *--([a-z-]+)/gm)].map(([, name]) => name);
    expect(names).toEqual(expect.arrayContaining(["root", "help"]));
    expect(options).not.toMatch(/^ {2}(?:-\w, )? *--[a-z-]+(?:, --[a-z-]+)* +\[/m);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(110);
  });

  test("is shown without a workspace, a database, or the other options", async () => {
    const { status, stdout } = await runCli(["upgrade-head", "--help"], {
      env: { DATABASE_URL: "nonsense" },
    });
    expect(status).toBe(0);
    expect(stdout).toContain("--dry-run");
  });
});

describe("slips of the pen", () => {
  const run = async (...args: string[]) => {
    const { status, stdout, stderr } = await runCli(args, { root: workspace().root, databaseUrl: UNUSED });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    return stderr;
  };

  test("no verb", async () => {
    expect(await run()).toMatchInlineSnapshot(`
      "Which verb?
        Fix: schemata --help"
    `);
  });

  test("a verb that is none, and the nearest", async () => {
    expect(await run("curent")).toMatchInlineSnapshot(`
      "There is no verb "curent"
        Fix: schemata current"
    `);
    expect(await run("xyzzyplugh")).toMatchInlineSnapshot(`
      "There is no verb "xyzzyplugh"
        Fix: schemata --help lists them"
    `);
  });

  test("no app", async () => {
    expect(await run("revision", "-m", "x")).toMatchInlineSnapshot(`
      "Which service? app is missing
        Why: this workspace has auth, billing
        Fix: add app=auth (make) or --app auth"
    `);
    expect(await run("deploy")).toMatchInlineSnapshot(`
      "Which service? app is missing
        Why: this workspace has auth, billing
        Fix: add app=auth (make) or --app auth"
    `);
  });

  test("an empty app is no wish for all", async () => {
    expect(await run("upgrade-head", "--app", "")).toMatchInlineSnapshot(`
      "Which service? app is missing
        Why: this workspace has auth, billing
        Fix: add app=auth (make) or --app auth"
    `);
    expect(await run("upgrade-head", "--app")).toMatchInlineSnapshot(`
      "Not enough arguments following: app
        Fix: schemata upgrade-head --help"
    `);
  });

  test("an unknown app, and the nearest", async () => {
    expect(await run("upgrade-head", "--app", "biling")).toMatchInlineSnapshot(`
      "No service is called "biling"
        Why: this workspace has auth, billing
        Fix: did you mean app=billing?"
    `);
    expect(await run("current", "--app", "warehouse")).toMatchInlineSnapshot(`
      "No service is called "warehouse"
        Why: this workspace has auth, billing
        Fix: name one of these"
    `);
  });

  test("an unknown option, a number that is none, a flag that is neither", async () => {
    expect(await run("current", "--aps", "auth")).toMatchInlineSnapshot(`
      "Unknown argument: aps
        Fix: schemata current --help"
    `);
    expect(await run("upgrade-head", "--jobs", "many")).toMatchInlineSnapshot(`
      "--jobs wants a whole number from 1
        Fix: schemata upgrade-head --help"
    `);
    expect(await run("upgrade-head", "--dry-run=perhaps")).toMatchInlineSnapshot(`
      "--dry-run is "perhaps", neither true nor false
        Fix: schemata upgrade-head --help"
    `);
  });
});

test("an argument may stand in the environment, as make passes it", async () => {
  const { root } = makeWorkspace({ auth: { migrations: { "20250101000000_init": "SELECT 1;" } } });
  const env = { SCHEMATA_app: "auth", SCHEMATA_migration: "init" };
  const { stdout } = await runCli(["show"], { root, databaseUrl: UNUSED, env });
  expect(stdout).toContain("auth/20250101000000_init");
});

test("a reader that stops early is no failure, and prints none", async () => {
  const script = `SELECT '${"x".repeat(2_000_000)}';`;
  const { root } = makeWorkspace({ auth: { migrations: { "20250101000000_init": script } } });
  const { process: child } = await spawnCli(["sql", "--app", "auth"], { root, databaseUrl: UNUSED });
  child.stdout.destroy();
  const { exitCode, stderr } = await child;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
});

describe("make", () => {
  const HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    '"; touch pwned; "',
    "'; touch pwned; '",
    "$(shell touch pwned)",
    "x\n\ttouch pwned\ny",
    "$USER $$ \\ # %",
    "a, b; c & d | e > pwned",
  ];

  test("hands values to the tool as they are, whatever they hold", async () => {
    const copy = await copyCheckout();
    const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
    for (const value of HOSTILE) {
      const { stderr, status } = await copy.run(`make current app=${quote(value)}`);
      expect(status).toBe(2);
      // The option takes several, divided by commas: the first is what it has never heard of.
      expect(stderr).toContain(`No service is called "${value.split(",")[0]?.trim()}"`);
    }
    expect((await copy.run("ls pwned")).status).not.toBe(0);
  });

  test("stops at a name that no verb knows, and at an empty app", async () => {
    const copy = await copyCheckout();
    const unknown = await copy.run("make upgrade-head ap=billing");
    expect(unknown).toMatchObject({ status: 2, stdout: "" });
    expect(unknown.stderr).toMatch(/ap= is unknown; there are: app m to /);
    const empty = await copy.run("make upgrade-head app=");
    expect(empty).toMatchObject({ status: 2, stdout: "" });
    expect(empty.stderr).toContain("Which service? app is missing");
  });

  test("takes every option of every verb", async () => {
    const makefile = readFileSync(join(CHECKOUT, "Makefile"), "utf8");
    const [, list = ""] = /^OPTIONS := ((?:.*\\\n)*.*)$/m.exec(makefile) ?? [];
    const taken = list.split(/[\s\\]+/);
    const wanted = new Set<string>();
    for (const load of Object.values(VERBS)) {
      const { default: command } = await load();
      const { key } = (command.options(yargs()) as unknown as { getOptions(): { key: object } }).getOptions();
      for (const name of Object.keys(key)) wanted.add(name);
    }
    // Yargs' own, one-letter forms, and arguments that have an option beside them.
    for (const other of ["help", "version", "r", "i", "args", "target"]) wanted.delete(other);
    expect(
      [...wanted].map((name) => name.replaceAll("-", "_")).filter((name) => !taken.includes(name)),
    ).toEqual([]);
  });

  test("help lists every target that has a description, and each runs a verb or a program", async () => {
    const copy = await copyCheckout();
    const { stdout } = await copy.run("make");
    const targets = [...stdout.matchAll(/^ {2}make (\S+) +\S/gm)].map(([, target]) => target);
    for (const target of [
      "start-db",
      "stop-db",
      "reset-db",
      "revision",
      "upgrade-head",
      "current",
      "history",
    ])
      expect(targets).toContain(target);
    for (const target of ["dev", "deploy", "studio", "generate", "prisma", "test", "lint", "help"])
      expect(targets).toContain(target);
  });
});
