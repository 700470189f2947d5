import { describe, expect, test } from "vitest";
import { SchemataError } from "../../../../scripts/core/errors.ts";
import { placeOf } from "../../../../scripts/io/server/place.ts";
import { portTaken } from "../../../../scripts/io/server/portTaken.ts";
import { adviseMaking, failStart } from "../../../../scripts/io/server/startFailure.ts";

const place = placeOf({ root: import.meta.dirname, dbPort: 1 });

function failure(said: string): SchemataError {
  try {
    failStart(place, said, "it ended with status 1");
  } catch (error) {
    if (error instanceof SchemataError) return error;
    throw error;
  }
}

describe("a server that ended instead of starting", () => {
  test.each([
    ['FATAL:  could not write lock file "postmaster.pid": No space left on device', /is full/, /df -h/],
    [
      "FATAL:  could not map anonymous shared memory: Cannot allocate memory",
      /too little free memory/,
      /memory/,
    ],
    ['FATAL:  data directory "data" has invalid permissions', /may not use its data folder/, /chmod 700/],
    ["PANIC:  could not locate a valid checkpoint record at 0/1", /its data is damaged/, /reset-db yes=1/],
    ["FATAL:  something new", /something new/, /read .*server\.log/],
    ["", /it ended with status 1/, /read .*server\.log/],
  ])("%j", (said, why, fix) => {
    const { message, why: shown, fix: advised } = failure(said);
    expect(message).toBe("the embedded server did not start");
    expect(shown).toMatch(why);
    expect(shown).toContain(said.replace(/^\w+:\s+/, ""));
    expect(shown).toContain(place.logFile);
    expect(advised).toMatch(fix);
  });

  test("because its port was taken a moment before", () => {
    const { message } = failure('LOG:  could not bind IPv4 address "127.0.0.1": Address already in use');
    expect(message).toMatch(/^port 1 is taken by another program/);
  });

  test("shows the end of a long log only", () => {
    const lines = Array.from({ length: 50 }, (_, index) => `LOG:  line ${index}`).join("\n");
    expect(failure(lines).why).not.toContain("line 40");
    expect(failure(lines).why).toContain("line 49");
  });
});

test("the port advised is a port", () => {
  expect(portTaken({ port: 65_535 }, "other").fix).toContain("DB_PORT=65534");
  expect(portTaken({ port: 24_329 }, { workspace: "/w" }).fix).toContain("DB_PORT=24330");
});

test.each([
  [
    "initdb: could not look up effective user ID 2001: user does not exist",
    /^give the user 2001 an entry in \/etc\/passwd, /,
  ],
  ["initdb: error: could not create directory: No space left on device", /^free some room/],
  ["initdb: something new", /^correct that, .*DATABASE_URL/],
])("a data folder that cannot be made: %s", (said, fix) => {
  expect(adviseMaking(said)).toMatch(fix);
});
