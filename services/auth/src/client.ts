import { pinnedAdapter } from "../../../prisma/client.ts";
import { PrismaClient } from "./generated/client.ts";

export type { Session, User } from "./generated/client.ts";
export { Role } from "./generated/client.ts";

/** A typed client that sees auth's schema only; `$disconnect` it when done. Without a URL: the workspace's database. */
export function connectAuth(url?: string): PrismaClient {
  return new PrismaClient({ adapter: pinnedAdapter({ schema: "auth", url, from: import.meta.url }) });
}
