import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { bareEnvironment, toolFolder } from "../support/cli.ts";
import { makeWorkspace, type TestWorkspace } from "../support/workspace.ts";

const LINES = 100_000;
let workspace: TestWorkspace;

beforeAll(() => {
  const script = Array.from({ length: LINES }, (_, line) => `-- line ${line}`).join("\n");
  workspace = makeWorkspace({ auth: { migrations: { "1_long": `${script}\n` } } });
});

/** Prints some megabytes, more than a pipe holds. */
async function printMuch() {
  const program = join(await toolFolder(), "cli.js");
  const child = spawn(process.execPath, [program, "sql", "--app", "auth", "--root", workspace.root], {
    env: bareEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { child, ended: once(child, "close") };
}

test("a reader that takes its time gets all of it", async () => {
  const { child, ended } = await printMuch();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const [status] = await ended;
  expect(status).toBe(0);
  expect(text).toContain(`-- line ${LINES - 1}\n`);
});

test("a reader that has seen enough is no failure", async () => {
  const { child, ended } = await printMuch();
  child.stdout.once("data", () => child.stdout.destroy());
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    complaints += part;
  });
  const [status] = await ended;
  expect([status, complaints]).toEqual([0, ""]);
});
