import { createHash } from "node:crypto";
import { connectAuth, Role } from "./src/client.ts";

// Can run any number of times: every row is found again by its natural key.
const auth = connectAuth();
const people = [
  { email: "ada@example.com", displayName: "Ada", role: Role.OWNER },
  { email: "grace@example.com", displayName: "Grace", role: Role.ADMIN },
  { email: "linus@example.com", displayName: "Linus", role: Role.MEMBER },
];

try {
  for (const person of people) {
    const user = await auth.user.upsert({
      where: { email: person.email },
      update: {},
      create: { ...person, passwordHash: digest(`password of ${person.email}`) },
    });
    const tokenHash = digest(`session of ${person.email}`);
    const expiresAt = new Date(Date.now() + 30 * 24 * 3_600_000);
    await auth.session.upsert({
      where: { tokenHash },
      update: { expiresAt },
      create: { userId: user.id, tokenHash, expiresAt, userAgent: "seed" },
    });
  }
} finally {
  await auth.$disconnect();
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
