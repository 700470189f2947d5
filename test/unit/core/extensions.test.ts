import { describe, expect, test } from "vitest";
import { unqualifyExtensions } from "../../../scripts/core/extensionNames.ts";
import {
  refuseWithoutExtensions,
  renderExtensions,
  searchPathTail,
  withoutExtensions,
} from "../../../scripts/core/extensions.ts";
import { renderInitSql } from "../../../scripts/core/initSql.ts";

const AUTH = { name: "auth", schema: "auth", extensions: ["citext", "uuid-ossp"] };

test("init.sql makes each declared extension once, in the schema for them, and nothing where none is declared", () => {
  const sql = renderInitSql([AUTH, { ...AUTH, name: "billing", schema: "billing" }]);
  expect(sql.match(/CREATE EXTENSION .*/g)).toEqual([
    'CREATE EXTENSION IF NOT EXISTS "citext" WITH SCHEMA "extensions" CASCADE;',
    'CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA "extensions" CASCADE;',
  ]);
  expect(sql.indexOf("CREATE EXTENSION")).toBeGreaterThan(
    sql.indexOf('GRANT USAGE ON SCHEMA "extensions" TO PUBLIC'),
  );
  expect(renderInitSql([{ name: "auth", schema: "auth" }])).not.toContain("extensions");
  expect(renderExtensions([])).toEqual([]);
});

describe("the search path", () => {
  test("goes on with the schema for extensions, and with wherever else declared ones live", () => {
    const schemas = { plpgsql: "pg_catalog", citext: "public", hstore: "elsewhere" };
    expect(searchPathTail(AUTH, { schemas, provisioned: true })).toEqual(["extensions", "public"]);
    expect(
      searchPathTail({ schema: "public", extensions: ["citext"] }, { schemas, provisioned: false }),
    ).toEqual([]);
    expect(searchPathTail({ schema: "billing" }, { schemas, provisioned: false })).toEqual([]);
  });
});

test("a service is refused for what it declares and the database lacks", () => {
  const service = { ...AUTH, schemas: ["auth"], dir: "", schemaFile: "services/auth/schema.prisma" };
  const installed = { schemas: { citext: "extensions" }, provisioned: true };
  expect(refuseWithoutExtensions(service, installed)).toMatchObject({
    fact: 'auth: this database lacks the extension "uuid-ossp"',
    fix: "make provision",
  });
  const whole = { ...installed, schemas: { ...installed.schemas, "uuid-ossp": "public" } };
  expect(refuseWithoutExtensions(service, whole)).toBeUndefined();
});

test("what provision makes is left out of a difference, and nothing else", () => {
  const script =
    '-- CreateExtension\nCREATE EXTENSION IF NOT EXISTS "citext";\n\n-- CreateExtension\nCREATE EXTENSION IF NOT EXISTS "hstore" WITH SCHEMA "x";\n\n-- CreateTable\nCREATE TABLE t ();\n';
  expect(withoutExtensions(script, ["citext"])).toBe(script.slice(script.indexOf("-- CreateExtension", 5)));
  expect(withoutExtensions(script, ["citext", "hstore"])).toBe("-- CreateTable\nCREATE TABLE t ();\n");
  const summary = "\n[+] Added extensions\n  - citext\n\n[+] Added tables\n  - t\n";
  expect(withoutExtensions(summary, ["citext"])).toBe("\n[+] Added tables\n  - t\n");
});

test("names that an extension brought are the same wherever it lives", () => {
  const unqualify = unqualifyExtensions([
    { schema: "public", names: ["citext", "gen_salt"] },
    { schema: 'a"b', names: ["hstore"] },
  ]);
  expect(unqualify('{"type": "public.citext", "other": "public.citexts", "mine": "x.public.citext"}')).toBe(
    '{"type": "citext", "other": "public.citexts", "mine": "x.public.citext"}',
  );
  expect(unqualify("(a)::public.citext OPERATOR(public.=) public.gen_salt('x') || public.\\\"User\\\"")).toBe(
    "(a)::citext OPERATOR(=) gen_salt('x') || public.\\\"User\\\"",
  );
  expect(unqualify('"a""b".hstore')).toBe("hstore");
});
