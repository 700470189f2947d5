import { describe, expect, test } from "vitest";
import {
  type HeldRight,
  type HeldRights,
  objectKey,
  planRights,
  readGuarded,
} from "../../../scripts/core/takenRights.ts";

const right = (grantee: string | null, privilege: string, column: string | null = null): HeldRight => ({
  ...{ kind: "TABLE", name: "t", column, grantee, privilege },
});
const held = (rights: HeldRight[], owner = "s_owner", isManaged = true): HeldRights => ({
  rights,
  owners: [{ kind: "TABLE", name: "t", owner }],
  isManaged,
});
const plan = (expected: HeldRight[], live: HeldRights, says = new Set(["s_app", null])) =>
  planRights(held(expected, "postgres"), live, {
    ...{ schema: "s", app: "s_app", says },
    kept: new Set([objectKey({ kind: "TABLE", name: "t" })]),
  });

describe("what a migration says of rights", () => {
  test("columns are granted again after the table's right is taken, which takes theirs", () => {
    const both = [right("s_app", "SELECT"), right("s_app", "SELECT", "a"), right("s_app", "UPDATE", "a")];
    const { up, down } = plan(both, held(both.slice(1)));
    expect(readGuarded(up.trimEnd().slice(0, -1))).toEqual([
      'REVOKE SELECT ON TABLE t FROM "s_app"',
      'GRANT SELECT (a) ON TABLE t TO "s_app"',
    ]);
    expect(readGuarded(down.trimEnd().slice(0, -1))).toEqual(['GRANT SELECT ON TABLE t TO "s_app"']);
  });

  test("nothing is taken where the object is not the owner role's, or the schema", () => {
    const rights = [right("s_app", "SELECT")];
    for (const live of [held([], "postgres"), held([], "s_owner", false)]) {
      expect(plan(rights, live)).toEqual({ up: "", down: "", byHand: new Map() });
    }
    expect(plan([], held(rights, "postgres")).up).toContain('GRANT SELECT ON TABLE t TO "s_app"');
  });

  test("of everybody it only takes, and of others it says nothing, but for what foreign keys brought", () => {
    const { up, byHand } = plan(
      [right(null, "SELECT")],
      held([
        right(null, "UPDATE"),
        right("other_owner", "REFERENCES"),
        right("s_owner", "SELECT"),
        right('o"p', "SELECT"),
      ]),
    );
    expect(up).toBe("REVOKE SELECT ON TABLE t FROM PUBLIC;\n");
    expect([...byHand]).toEqual([
      [null, ["GRANT UPDATE ON TABLE t TO PUBLIC"]],
      ['o"p', ['GRANT SELECT ON TABLE t TO "o""p"']],
    ]);
  });

  test("where nothing proves it, all is by hand", () => {
    expect(plan([right("s_app", "SELECT")], held([]), new Set())).toEqual({
      ...{ up: "", down: "" },
      byHand: new Map([["s_app", ['REVOKE SELECT ON TABLE t FROM "s_app"']]]),
    });
  });

  test("its block is known again, and no other", () => {
    const { up } = planRights(held([], "postgres"), held([right(`$$'x\\`, "SELECT")]), {
      ...{ schema: "s", app: `$$'x\\`, says: new Set([`$$'x\\`]) },
      kept: new Set(),
    });
    expect(readGuarded(up.trimEnd().slice(0, -1))).toEqual([`GRANT SELECT ON TABLE t TO "$$'x\\"`]);
    expect(readGuarded("DO $$\nBEGIN\n  DELETE FROM t;\nEND $$")).toBeUndefined();
  });
});
