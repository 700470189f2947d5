import { connectBilling, InvoiceStatus, Prisma } from "./src/client.ts";

// Can run any number of times: every row is found again by its natural key.
const billing = connectBilling();
const lines = [
  {
    position: 1,
    description: "Seats",
    quantity: new Prisma.Decimal("12"),
    unitPrice: new Prisma.Decimal("8.50"),
  },
  {
    position: 2,
    description: "Storage, GB",
    quantity: new Prisma.Decimal("250.5"),
    unitPrice: new Prisma.Decimal("0.10"),
  },
];
const total = lines
  .reduce((sum, { quantity, unitPrice }) => sum.plus(quantity.times(unitPrice)), new Prisma.Decimal(0))
  .toDecimalPlaces(2);

try {
  const customer = await billing.customer.upsert({
    where: { email: "accounts@example.com" },
    update: {},
    create: { name: "Example GmbH", email: "accounts@example.com" },
  });
  await billing.invoice.upsert({
    where: { number: "2025-0001" },
    update: {},
    create: {
      number: "2025-0001",
      customerId: customer.id,
      status: InvoiceStatus.OPEN,
      total,
      issuedAt: new Date("2025-01-31T09:00:00Z"),
      dueOn: new Date("2025-02-28"),
      lines: { create: lines },
    },
  });
} finally {
  await billing.$disconnect();
}
