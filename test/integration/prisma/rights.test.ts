import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectAuth } from "../../../services/auth/src/client.ts";
import { connectBilling } from "../../../services/billing/src/client.ts";
import { readCatalog, readRows, withClient } from "../../support/catalog.ts";
import { createServiceDatabase } from "../../support/serviceDatabase.ts";

/** A login as an operator makes it for auth's program: it may act as auth's app role, and no more. */
const LOGIN = `auth_program_${randomBytes(4).toString("hex")}`;
const FORBIDDEN = /42501|permission denied|denied access|must be owner/;

let admin: string;
let auth: ReturnType<typeof connectAuth>;
let intruder: ReturnType<typeof connectBilling>;

beforeAll(async () => {
  admin = await createServiceDatabase(["auth", "billing"]);
  await withClient(admin, (client) =>
    client.query(`CREATE ROLE ${LOGIN} LOGIN PASSWORD 'x'; GRANT auth_app TO ${LOGIN};
      INSERT INTO billing.customers (name, email) VALUES ('Example', 'a@example.com')`),
  );
  const url = new URL(admin);
  url.username = LOGIN;
  url.password = "x";
  auth = connectAuth(url.href);
  intruder = connectBilling(url.href);
});
afterAll(() => Promise.all([auth.$disconnect(), intruder.$disconnect()]));

describe("auth's client, with a login of its own", () => {
  test("reads and writes auth's rows", async () => {
    const user = await auth.user.create({
      data: { email: "ada@example.com", displayName: "Ada", passwordHash: "x" },
    });
    await auth.user.update({ where: { id: user.id }, data: { displayName: "Ada L." } });
    expect(await auth.user.findMany({ select: { displayName: true } })).toEqual([{ displayName: "Ada L." }]);
    await auth.user.delete({ where: { id: user.id } });
    expect(await auth.user.count()).toBe(0);
  });

  const statements = {
    "read billing": [
      "SELECT * FROM billing.customers",
      "COPY billing.customers TO STDOUT",
      "TABLE billing.invoices",
    ],
    "write billing": [
      "INSERT INTO billing.customers (name) VALUES ('x')",
      "UPDATE billing.customers SET name = 'x'",
      "DELETE FROM billing.customers",
      "TRUNCATE billing.customers CASCADE",
    ],
    "create in billing": [
      "CREATE TABLE billing.mine (id int)",
      "CREATE VIEW billing.seen AS SELECT 1",
      "CREATE FUNCTION billing.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "CREATE TYPE billing.t AS (a int)",
      "CREATE INDEX ON billing.customers (name)",
      "CREATE TRIGGER t AFTER INSERT ON billing.customers FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ],
    "change billing": [
      "ALTER TABLE billing.customers ADD COLUMN mine int",
      "DROP TABLE billing.customers CASCADE",
      "DROP SCHEMA billing CASCADE",
      "GRANT ALL ON billing.customers TO auth_app",
      "ALTER SCHEMA billing OWNER TO auth_app",
    ],
    "see into billing": ["SELECT 'billing.customers'::regclass", "SELECT 'billing.invoices'::regclass::oid"],
    "become somebody else": [
      "SET ROLE billing_app",
      "SET ROLE billing_owner",
      "SET ROLE auth_owner",
      "SET ROLE postgres",
    ],
    "alter auth's schema": [
      "CREATE TABLE auth.mine (id int)",
      "CREATE TABLE public.mine (id int)",
      "CREATE SCHEMA mine",
      "ALTER TABLE users ADD COLUMN mine int",
      "ALTER TABLE users DISABLE TRIGGER ALL",
      "CREATE INDEX ON users (email)",
      "DROP TABLE users CASCADE",
      "TRUNCATE users CASCADE",
      "ALTER SCHEMA auth RENAME TO mine",
      "ALTER TABLE users OWNER TO CURRENT_USER",
    ],
    "touch the ledgers": [
      "SELECT * FROM auth._prisma_migrations",
      "DELETE FROM auth._prisma_migrations",
      "SELECT * FROM billing._prisma_migrations",
      "DELETE FROM billing._prisma_migrations",
    ],
  };

  test.each(Object.entries(statements))("cannot %s", async (_, list) => {
    const schemas = ["auth", "billing", "public"];
    const before = { catalog: await readCatalog(admin, schemas), rows: await readRows(admin, schemas) };
    for (const sql of list) {
      const outcome = await auth.$executeRawUnsafe(sql).then(
        () => "it ran",
        (error: Error) => error.message,
      );
      expect(outcome, sql).toMatch(FORBIDDEN);
    }
    expect({ catalog: await readCatalog(admin, schemas), rows: await readRows(admin, schemas) }).toEqual(
      before,
    );
  });

  test("finds nothing of billing where Postgres lists what one may see", async () => {
    const lists = ["tables", "columns", "views", "routines", "table_privileges", "key_column_usage"];
    for (const list of lists) {
      const column = list === "routines" ? "routine_schema" : "table_schema";
      expect(
        await auth.$queryRawUnsafe(`SELECT * FROM information_schema.${list} WHERE ${column} = 'billing'`),
        list,
      ).toEqual([]);
    }
  });

  test("and leaving its role gives it nothing", async () => {
    let outcome = "";
    const leave = auth.$transaction(async (one) => {
      await one.$executeRawUnsafe("RESET ROLE");
      outcome = await one.$queryRawUnsafe("SELECT * FROM billing.customers").then(
        () => "it ran",
        (error: Error) => error.message,
      );
    });
    // The transaction cannot be committed after that.
    await leave.catch(() => {});
    expect(outcome).toMatch(FORBIDDEN);
  });
});

test("billing's client finds nothing with auth's login", async () => {
  await expect(intruder.customer.findMany()).rejects.toThrow(FORBIDDEN);
  await expect(intruder.customer.create({ data: { name: "x", email: "x@example.com" } })).rejects.toThrow(
    FORBIDDEN,
  );
  await expect(intruder.invoice.deleteMany()).rejects.toThrow(FORBIDDEN);
  expect(await readRows(admin, ["billing"])).toMatchObject({
    "billing.customers": [expect.stringContaining("Example")],
  });
});
