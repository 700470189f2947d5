import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bareEnvironment, toolFolder } from "../support/cli.ts";
import { readLedger } from "../support/ledger.ts";
import { createDatabase, testServer } from "../support/postgres.ts";
import { makeWorkspace } from "../support/workspace.ts";

const NAMES = ["20250101000000_one", "20250102000000_two", "20250103000000_three"] as const;

/** Runs the tool as on a terminal; `type` sees all output so far and returns what to type. */
async function onTerminal(
  args: readonly string[],
  { root, databaseUrl, type }: { root: string; databaseUrl: string; type?: (shown: string) => string },
): Promise<{ shown: string; status: number }> {
  const command = `stty cols 100 rows 30; '${process.execPath}' '${join(await toolFolder(), "cli.js")}' ${args.join(" ")}`;
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    cwd: root,
    env: { ...bareEnvironment(), DATABASE_URL: databaseUrl, SCHEMATA_ROOT: root, TERM: "xterm" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let shown = "";
  child.stdout.on("data", (data) => {
    shown += String(data);
    const keys = type?.(shown) ?? "";
    if (keys !== "") child.stdin.write(keys);
  });
  const status = await new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
  return { shown: shown.replaceAll("\r\n", "\n"), status };
}

function makeSlow(last = "SELECT 1;") {
  return makeWorkspace({
    auth: {
      migrations: {
        [NAMES[0]]: "CREATE TABLE a ();\nSELECT pg_sleep(0.4);",
        [NAMES[1]]: "CREATE TABLE b ();\nSELECT pg_sleep(0.4);",
        [NAMES[2]]: last,
      },
    },
  });
}

test("a live line has the migration under way and how many are done, though all were sent at once", async () => {
  const { root } = makeSlow("SELECT pg_sleep(0.4);");
  const databaseUrl = await createDatabase(await testServer());
  const { shown, status } = await onTerminal(["upgrade-head"], { root, databaseUrl });
  expect(status, shown).toBe(0);
  for (const [index, name] of NAMES.entries())
    expect(shown).toMatch(new RegExp(`auth  █*░+  ${index}/3  ${name}\n`));
  // Drawn over in the end: what stays is what a log would hold.
  const rest = shown.split("\u001B[0J").at(-1);
  expect(rest).toMatch(
    /^auth {2}3 migrations applied\nservice +status +applied +took\nauth +upgraded +3 migrations/,
  );
});

test("what fails then is found in its place", async () => {
  const { root } = makeSlow("SELECT 1;\n  SELECT nothing_of_that_name;");
  const databaseUrl = await createDatabase(await testServer());
  const { shown, status } = await onTerminal(["upgrade-head"], { root, databaseUrl });
  expect(status).toBe(1);
  expect(shown).toMatch(
    `auth: ${NAMES[2]} failed at services/auth/migrations/${NAMES[2]}/migration.sql:2:10\n  Why: column "nothing_of_that_name" does not exist`,
  );
  expect((await readLedger(databaseUrl, "auth")).map(({ migration }) => migration)).toEqual(
    NAMES.slice(0, 2),
  );
});

test("Ctrl-C: rolled back, said where it stands, 130", async () => {
  const { root } = makeSlow("SELECT pg_sleep(30);");
  const databaseUrl = await createDatabase(await testServer());
  let typed = false;
  const type = (shown: string) => {
    if (typed || !shown.includes(`2/3  ${NAMES[2]}`)) return "";
    typed = true;
    return "\u0003";
  };
  const { shown, status } = await onTerminal(["upgrade-head"], { root, databaseUrl, type });
  expect(status, shown).toBe(130);
  expect(shown).toMatch(
    `auth: interrupted before ${NAMES[2]}\n  Why: whatever was running has been rolled back`,
  );
  expect((await readLedger(databaseUrl, "auth")).map(({ migration }) => migration)).toEqual(
    NAMES.slice(0, 2),
  );
});
