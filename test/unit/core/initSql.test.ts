import { parse } from "libpg-query";
import { describe, expect, test } from "vitest";
import { renderInitSql } from "../../../scripts/core/initSql.ts";

/** The schemas created by the statements that Postgres' own parser sees, and the kinds of all statements. */
async function readStatements(sql: string): Promise<{ schemas: string[]; kinds: Set<string> }> {
  const { stmts = [] } = await parse(sql);
  const nodes = stmts.flatMap(({ stmt }) => (stmt ? [stmt] : []));
  return {
    schemas: nodes.flatMap((node) =>
      "CreateSchemaStmt" in node && node.CreateSchemaStmt.if_not_exists
        ? [node.CreateSchemaStmt.schemaname ?? ""]
        : [],
    ),
    kinds: new Set(nodes.flatMap((node) => Object.keys(node))),
  };
}

describe("renderInitSql", () => {
  test("makes every service's schema and roles, sorted by service", async () => {
    const services = [
      { name: "billing", schema: "billing" },
      { name: "auth", schema: "accounts" },
    ];
    const sql = renderInitSql(services);
    expect((await readStatements(sql)).schemas).toEqual(["accounts", "billing"]);
    expect(sql.slice(sql.indexOf("-- auth"), sql.indexOf("-- billing"))).toMatchInlineSnapshot(`
      "-- auth
      DO $$ BEGIN CREATE ROLE "accounts_owner" NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
      DO $$ BEGIN CREATE ROLE "accounts_app" NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
      GRANT "accounts_owner", "accounts_app" TO CURRENT_USER;
      CREATE SCHEMA IF NOT EXISTS "accounts" AUTHORIZATION "accounts_owner";
      ALTER SCHEMA "accounts" OWNER TO "accounts_owner";
      REVOKE ALL ON SCHEMA "accounts" FROM PUBLIC;
      GRANT USAGE ON SCHEMA "accounts" TO "accounts_app";
      ALTER DEFAULT PRIVILEGES FOR ROLE "accounts_owner" IN SCHEMA "accounts" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "accounts_app";
      ALTER DEFAULT PRIVILEGES FOR ROLE "accounts_owner" IN SCHEMA "accounts" GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO "accounts_app";

      "
    `);
    expect(renderInitSql(services.toReversed())).toBe(sql);
  });

  test("hostile names stay names: Postgres sees one statement each, and nothing beside", async () => {
    const hostile = [
      'a"; DROP SCHEMA public; --',
      "user",
      "Upper Case",
      "back\\slash",
      "it's",
      "$$",
      "new\nline",
      "/* open",
      "ünïcode",
      ":variable",
    ];
    const services = hostile.map((schema, index) => ({
      name: `s${index}\nDROP SCHEMA public; ${schema}`,
      schema,
    }));
    const { schemas, kinds } = await readStatements(renderInitSql(services));
    expect(schemas).toEqual(hostile);
    expect([...kinds].sort()).toEqual([
      "AlterDefaultPrivilegesStmt",
      "AlterOwnerStmt",
      "CreateSchemaStmt",
      "DoStmt",
      "GrantRoleStmt",
      "GrantStmt",
    ]);
  });

  test("no service, no schema", async () => {
    expect((await readStatements(renderInitSql([]))).schemas).toEqual([]);
  });
});
