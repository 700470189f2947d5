import { afterAll, beforeAll, expect, test } from "vitest";
import { createServiceDatabase } from "../../../test/support/serviceDatabase.ts";
import { connectBilling, InvoiceStatus, Prisma } from "../src/client.ts";

let billing: ReturnType<typeof connectBilling>;

beforeAll(async () => {
  billing = connectBilling(await createServiceDatabase(["auth", "billing"]));
});
afterAll(() => billing.$disconnect());

test("money keeps every digit, and an invoice goes with its lines", async () => {
  const invoice = await billing.invoice.create({
    data: {
      number: "1",
      total: new Prisma.Decimal("9999999999.99"),
      customer: { create: { name: "Example", email: "a@example.com" } },
      lines: {
        create: [
          {
            position: 1,
            description: "x",
            quantity: new Prisma.Decimal("0.125"),
            unitPrice: new Prisma.Decimal("0.10"),
          },
        ],
      },
    },
    include: { lines: true },
  });
  expect(invoice.status).toBe(InvoiceStatus.DRAFT);
  expect(invoice.total.toFixed()).toBe("9999999999.99");
  expect(invoice.lines[0]?.quantity.toFixed()).toBe("0.125");
  const { _sum } = await billing.invoice.aggregate({ _sum: { total: true } });
  expect(_sum.total?.toFixed(2)).toBe("9999999999.99");
  await expect(billing.customer.delete({ where: { email: "a@example.com" } })).rejects.toMatchObject({
    code: "P2003",
  });
  await billing.invoice.delete({ where: { id: invoice.id } });
  expect(await billing.invoiceLine.count()).toBe(0);
});

test("raw SQL finds billing's tables, and none of another service, by name", async () => {
  expect(await billing.$queryRaw`SELECT current_schemas(false)::text AS path`).toEqual([
    { path: "{billing}" },
  ]);
  await expect(billing.$queryRaw`SELECT * FROM users`).rejects.toThrow(/users/);
});

test("the client acts as billing's app role: its own rows, and nothing of auth's", async () => {
  expect(await billing.$queryRaw`SELECT current_user::text AS role`).toEqual([{ role: "billing_app" }]);
  const forbidden = /42501|permission denied|denied access/;
  await expect(billing.$queryRaw`SELECT * FROM auth.users`).rejects.toThrow(forbidden);
  await expect(billing.$executeRaw`DELETE FROM auth.users`).rejects.toThrow(forbidden);
  await expect(billing.$executeRaw`CREATE TABLE auth.mine (id int)`).rejects.toThrow(forbidden);
  await expect(billing.$executeRaw`CREATE TABLE billing.mine (id int)`).rejects.toThrow(forbidden);
  await expect(billing.$executeRaw`SELECT * FROM billing._prisma_migrations`).rejects.toThrow(forbidden);
  expect(
    await billing.$queryRaw`SELECT table_name FROM information_schema.tables WHERE table_schema = 'auth'`,
  ).toEqual([]);
});
