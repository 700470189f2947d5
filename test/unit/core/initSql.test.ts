import { parse } from "libpg-query";
import { describe, expect, test } from "vitest";
import { renderInitSql } from "../../../scripts/core/initSql.ts";

/** The statements that Postgres' own parser sees, as the schemas they create. */
async function createdSchemas(sql: string): Promise<string[]> {
  const { stmts = [] } = await parse(sql);
  return stmts.map(({ stmt }) => {
    if (!stmt || !("CreateSchemaStmt" in stmt)) throw new Error(`not CREATE SCHEMA: ${JSON.stringify(stmt)}`);
    expect(stmt.CreateSchemaStmt.if_not_exists).toBe(true);
    return stmt.CreateSchemaStmt.schemaname ?? "";
  });
}

describe("renderInitSql", () => {
  test("makes every service's schema, sorted by service", () => {
    const services = [
      { name: "billing", schema: "billing" },
      { name: "auth", schema: "accounts" },
    ];
    expect(renderInitSql(services)).toMatchInlineSnapshot(`
      "-- What every service needs in the shared database before its first migration.
      -- Runs whenever the server starts, so every statement must bear being run again.
      -- Generated from services/: schemata init-sql --write

      -- auth
      CREATE SCHEMA IF NOT EXISTS "accounts";

      -- billing
      CREATE SCHEMA IF NOT EXISTS "billing";
      "
    `);
    expect(renderInitSql(services.toReversed())).toBe(renderInitSql(services));
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
    expect(await createdSchemas(renderInitSql(services))).toEqual(hostile);
  });

  test("no service, no statement", async () => {
    expect(await createdSchemas(renderInitSql([]))).toEqual([]);
  });
});
