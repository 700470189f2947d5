import { describe, expect, it } from "vitest";
import { stripShardSuffix } from "../../../scripts/core/citus/session.ts";
import { renderOpening } from "../../../scripts/core/transaction.ts";

describe("stripShardSuffix", () => {
  it.each([
    [
      'duplicate key value violates unique constraint "user_email_key_102205"',
      'duplicate key value violates unique constraint "user_email_key"',
    ],
    ['relation "Weird Name_102042" does not exist', 'relation "Weird Name" does not exist'],
    ["index users_idx_102205 is invalid", "index users_idx is invalid"],
    ['relation "year_2025" does not exist', 'relation "year_2025" does not exist'],
    ["nothing to strip", "nothing to strip"],
  ])("%s", (message, plain) => {
    expect(stripShardSuffix(message)).toBe(plain);
  });
});

describe("a transaction on Citus", () => {
  const rules = { schema: "auth", searchPathTail: [], applicationName: "x", lockWait: 1, lockTimeout: 1 };

  it("defers the propagation of objects, and only there", () => {
    const propagation = "set_config('citus.create_object_propagation', 'deferred', true)";
    expect(renderOpening({ ...rules, citus: true }, { durable: false }).join("\n")).toContain(propagation);
    expect(renderOpening(rules, { durable: false }).join("\n")).not.toContain("citus");
  });
});
