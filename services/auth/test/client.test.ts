import { afterAll, beforeAll, expect, test } from "vitest";
import { createServiceDatabase } from "../../../test/support/serviceDatabase.ts";
import { connectAuth, Role } from "../src/client.ts";

let auth: ReturnType<typeof connectAuth>;

beforeAll(async () => {
  auth = connectAuth(await createServiceDatabase(["auth", "billing"]));
});
afterAll(() => auth.$disconnect());

test("users, roles and sessions are written and read, typed", async () => {
  const user = await auth.user.create({
    data: {
      email: "ada@example.com",
      displayName: "Ada",
      passwordHash: "x",
      role: Role.ADMIN,
      sessions: { create: { tokenHash: "t", expiresAt: new Date("2030-01-01T00:00:00.123Z") } },
    },
    include: { sessions: true },
  });
  expect(user.sessions).toMatchObject([{ userId: user.id, expiresAt: new Date("2030-01-01T00:00:00.123Z") }]);
  expect(await auth.user.findMany({ where: { role: Role.ADMIN } })).toHaveLength(1);
  await auth.user.delete({ where: { id: user.id } });
  expect(await auth.session.count()).toBe(0);
});

test("raw SQL finds auth's tables, and none of another service, by name", async () => {
  expect(await auth.$queryRaw`SELECT current_schemas(false)::text AS path`).toEqual([{ path: "{auth}" }]);
  expect(await auth.$queryRaw`SELECT count(*)::int AS n FROM users`).toEqual([{ n: 0 }]);
  await expect(auth.$queryRaw`SELECT * FROM invoices`).rejects.toThrow(/invoices/);
});

test("every connection of the pool is pinned", async () => {
  const paths = await Promise.all(
    Array.from(
      { length: 5 },
      () => auth.$queryRaw`SELECT pg_sleep(0.05)::text AS slept, current_schema() AS schema`,
    ),
  );
  expect(paths.flat()).toEqual(Array.from({ length: 5 }, () => ({ slept: "", schema: "auth" })));
});

test("the client acts as auth's app role: its own rows, and nothing of billing's", async () => {
  expect(await auth.$queryRaw`SELECT current_user::text AS role`).toEqual([{ role: "auth_app" }]);
  const forbidden = /42501|permission denied|denied access/;
  await expect(auth.$queryRaw`SELECT * FROM billing.invoices`).rejects.toThrow(forbidden);
  await expect(auth.$executeRaw`DELETE FROM billing.invoices`).rejects.toThrow(forbidden);
  await expect(auth.$executeRaw`CREATE TABLE billing.mine (id int)`).rejects.toThrow(forbidden);
  await expect(auth.$executeRaw`CREATE TABLE auth.mine (id int)`).rejects.toThrow(forbidden);
  await expect(auth.$executeRaw`SELECT * FROM auth._prisma_migrations`).rejects.toThrow(forbidden);
  expect(
    await auth.$queryRaw`SELECT table_name FROM information_schema.tables WHERE table_schema = 'billing'`,
  ).toEqual([]);
});
