import { expect, test } from "vitest";
import { findMentions } from "../../../scripts/core/mentions.ts";
import { declaredRights, describeGrants, findRights } from "../../../scripts/core/rights.ts";

const REPEATED = { tables: ["auth.users", "a b.Ship"], enums: ["auth.kind"] };

function rightsOf(sql: string, schemas: readonly string[] = []) {
  return findRights(findMentions(sql), { own: "billing", declared: { repeated: REPEATED, schemas } });
}

test("names with a schema are found, folded as Postgres folds them; comments and strings are not read", () => {
  const sql = `-- "auth"."no"
    ALTER TABLE x ADD FOREIGN KEY (a) REFERENCES Auth . Users (id); /* auth.no */ SELECT 'auth.no', a.b.c;
    DO $do$ BEGIN ALTER TABLE x ADD FOREIGN KEY (a) REFERENCES "a b"."Sh""ip"; END $do$;`;
  expect(findMentions(sql)).toEqual([
    { schema: "auth", name: "users", referenced: true },
    { schema: "a", name: "b", referenced: false },
    { schema: "a b", name: 'Sh"ip', referenced: true },
  ]);
});

test("only what is repeated and used is granted", () => {
  expect(rightsOf('ALTER TABLE i ADD FOREIGN KEY (u) REFERENCES "auth"."users"("id")')).toEqual([
    { schema: "auth", tables: ["users"], types: [] },
  ]);
  expect(rightsOf('CREATE TABLE i (k "auth"."kind", u int REFERENCES "a b"."Ship")')).toEqual([
    { schema: "a b", tables: ["Ship"], types: [] },
    { schema: "auth", tables: [], types: ["kind"] },
  ]);
  expect(rightsOf('CREATE TABLE i (u int REFERENCES "auth"."Secret", k auth.other)')).toEqual([]);
  expect(rightsOf('SELECT * FROM "auth"."users"')).toEqual([]);
});

test("an older migration may refer to what its depends-on line stands for", () => {
  const sql = 'CREATE TABLE i (u int REFERENCES "auth"."gone")';
  expect(rightsOf(sql, ["auth"])).toEqual([{ schema: "auth", tables: ["gone"], types: [] }]);
  expect(rightsOf(sql, ["other"])).toEqual([]);
});

test("grants are written as an administrator would type them", () => {
  expect(describeGrants(declaredRights(REPEATED, ["auth", "a b", "empty"]), "billing")).toEqual([
    'GRANT USAGE ON SCHEMA "auth" TO "billing_owner", "billing_app"',
    'GRANT REFERENCES ON "auth"."users" TO "billing_owner"',
    'GRANT USAGE ON SCHEMA "a b" TO "billing_owner"',
    'GRANT REFERENCES ON "a b"."Ship" TO "billing_owner"',
  ]);
});
