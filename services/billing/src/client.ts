import { pinnedAdapter } from "../../../prisma/client.ts";
import { PrismaClient } from "./generated/client.ts";

export type { Customer, Invoice, InvoiceLine } from "./generated/client.ts";
export { InvoiceStatus, Prisma } from "./generated/client.ts";

/** A typed client that sees billing's schema only; `$disconnect` it when done. Without a URL: the workspace's database. */
export function connectBilling(url?: string): PrismaClient {
  return new PrismaClient({ adapter: pinnedAdapter({ schema: "billing", url, from: import.meta.url }) });
}
