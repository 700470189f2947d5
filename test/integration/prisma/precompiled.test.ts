import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { nodeBuild } from "../../../scripts/nodeBuild.ts";
import { bareEnvironment, toolFolder } from "../../support/cli.ts";
import { createDatabase, testServer } from "../../support/postgres.ts";
import { CHECKOUT, makeWorkspace, type TestWorkspace } from "../../support/workspace.ts";

const MODELS = 'model User {\n  id Int @id\n  @@schema("auth")\n}\n';
const compiled = (folder: string) =>
  readdirSync(folder).filter((name) => /^schema-engine-.*\.bin$/.test(name));

let workspace: TestWorkspace;
let databaseUrl: string;
/** Loaded before a program: says when it compiles WebAssembly by itself. */
let spy: string;

beforeAll(async () => {
  workspace = makeWorkspace({ auth: { models: MODELS } });
  databaseUrl = await createDatabase(await testServer());
  spy = join(workspace.root, "spy.cjs");
  workspace.write(
    "spy.cjs",
    'const { compile } = WebAssembly;\nWebAssembly.compile = (bytes) => (process.stderr.write("COMPILED\\n"), compile(bytes));\n',
  );
});

function run(
  program: string,
  args: readonly string[],
  { flags = [], input = "" }: { flags?: readonly string[]; input?: string } = {},
) {
  return execa(process.execPath, [...flags, "--require", spy, program, ...args], {
    cwd: join(workspace.root, "services/auth"),
    env: { ...bareEnvironment(), DATABASE_URL: databaseUrl, SCHEMATA_ROOT: workspace.root },
    extendEnv: false,
    reject: false,
    input,
  });
}

const revise = (folder: string, flags: readonly string[] = []) =>
  run(join(folder, "cli.js"), ["revision", "--app", "auth", "--sql"], { flags });

test("compiled code is only for the release of Node that has made it", async () => {
  const kept = readdirSync(await toolFolder()).filter((name) => name.endsWith(".bin"));
  expect(kept).toHaveLength(2);
  for (const name of kept) expect(name).toContain(`.${nodeBuild()}.bin`);
  expect(nodeBuild()).toMatch(new RegExp(`^${process.version}-${process.arch}-\\d+$`));
});

describe("the engine that the build has compiled", () => {
  test("is taken by the tool, which compiles nothing", async () => {
    const { exitCode, stdout, stderr } = await revise(await toolFolder());
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toContain('CREATE TABLE "User"');
  });

  test("is taken by the engine of the stock CLI", async () => {
    const program = join(await toolFolder(), "schema-engine.js");
    const datasource = JSON.stringify({ url: `${databaseUrl}?schema=auth` });
    const question = { jsonrpc: "2.0", id: 1, method: "getDatabaseVersion", params: {} };
    const { stdout, stderr } = await run(
      program,
      ["--datamodels", "schema.prisma", "--datasource", datasource],
      { input: `${JSON.stringify(question)}\n` },
    );
    expect(JSON.parse(stdout)).toMatchObject({ id: 1, result: expect.stringContaining("PostgreSQL") });
    expect(stderr).not.toContain("COMPILED");
  });

  test("is not taken under other flags: then it is compiled anew", async () => {
    const { exitCode, stdout, stderr } = await revise(await toolFolder(), ["--max-old-space-size=400"]);
    expect([exitCode, stderr]).toEqual([0, "COMPILED"]);
    expect(stdout).toContain('CREATE TABLE "User"');
  });

  test.each([
    ["missing", (file: string) => rmSync(file)],
    ["empty", (file: string) => writeFileSync(file, "")],
    ["cut off", (file: string) => truncateSync(file, 1_000_000)],
    ["too long", (file: string) => appendFileSync(file, "x")],
    ["of no sense", (file: string) => writeFileSync(file, Buffer.alloc(100_000, "x"))],
  ])("is compiled anew where its file is %s", async (_, spoil) => {
    const folder = mkdtempSync(join(inject("run").folder, "spoilt-"));
    const dist = join(folder, "dist");
    cpSync(await toolFolder(), dist, { recursive: true });
    symlinkSync(join(CHECKOUT, "node_modules"), join(folder, "node_modules"));
    const files = compiled(dist);
    expect(files).toHaveLength(1);
    for (const name of files) spoil(join(dist, name));
    const { exitCode, stdout, stderr } = await revise(dist);
    expect([exitCode, stderr]).toEqual([0, "COMPILED"]);
    expect(stdout).toContain('CREATE TABLE "User"');
  });
});
