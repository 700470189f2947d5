import { describe, expect, it } from "vitest";
import { appRole, ownerRole } from "../../../scripts/core/roles.ts";

describe("role names", () => {
  it("are the schema's with a suffix", () => {
    expect(ownerRole("auth")).toBe("auth_owner");
    expect(appRole("auth")).toBe("auth_app");
  });

  it("fit into Postgres' 63 bytes and stay apart, however long the schema's", () => {
    const long = "ä".repeat(31);
    const names = [`${long}a`, `${long}b`].flatMap((schema) => [ownerRole(schema), appRole(schema)]);
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(ownerRole("a".repeat(57))).toBe(`${"a".repeat(57)}_owner`);
    expect(ownerRole("a".repeat(58))).toMatch(/^a+_[0-9a-f]{8}_owner$/);
  });
});
