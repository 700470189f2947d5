import { describe, expect, test } from "vitest";
import { explainServerError } from "../../../scripts/core/serverError.ts";

const again = "make upgrade-head app=auth";

function makeError(message: string, facts: object): Error {
  return Object.assign(new Error(message), facts);
}

describe("what a server says of anything but a migration", () => {
  test.each([
    ["57P01", "terminating connection due to administrator command"],
    ["08006", "connection failure"],
  ])("%s: the connection", (code, message) => {
    expect(explainServerError(makeError(message, { code, severity: "FATAL" }), { again })).toMatchObject({
      fact: "The connection to the server broke",
      why: `${message} (SQLSTATE ${code})`,
      fix: "see that the server is up, then make upgrade-head app=auth: it goes on from where things stand",
    });
  });

  test.each([
    [{ code: "ECONNRESET" }, "read ECONNRESET"],
    [{}, "Connection terminated unexpectedly"],
  ])("no word of it: the connection", (facts, message) => {
    expect(explainServerError(makeError(message, facts), { subject: "auth", again })).toMatchObject({
      fact: "auth: the connection to the server broke",
      why: message,
    });
  });

  test.each([
    ["42501", /grant what is missing/],
    ["53100", /disk/],
    ["53200", /relieve the server/],
    ["57014", /cancelled/],
    ["58030", /server's log/],
    ["XX000", /server's log/],
    ["42P01", /DEBUG=1/],
  ])("%s: its words, and a way out", (code, fix) => {
    const failure = explainServerError(makeError("no", { code, severity: "ERROR" }), { again });
    expect(failure).toMatchObject({
      fact: "The server refused what the tool asked of it",
      why: `no (SQLSTATE ${code})`,
    });
    expect(failure?.fix).toMatch(fix);
    expect(failure?.fix).toMatch(/, then make upgrade-head app=auth$/);
  });

  test("a defect is none of it", () => {
    expect(explainServerError(new TypeError("x is not a function"), { again })).toBeUndefined();
    expect(explainServerError(makeError("no such file", { code: "P1012" }), { again })).toBeUndefined();
  });
});
