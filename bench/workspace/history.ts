/** One migration of a generated service, up and down, with unqualified names as Prisma writes them. */
export interface Step {
  /** Folder or file name: a timestamp and a slug. */
  name: string;
  up: string;
  down: string;
}

interface Line {
  text: string;
  /** The steps of a round, counted from 1, between which the line stands in the schema file. */
  from: number;
  until?: number;
}

/** A round of ten migrations over three tables and an enum; `#` is the round's number. */
const ROUND: readonly { slug: string; up: string; down: string }[] = [
  {
    slug: "add_account_#",
    up: `-- CreateEnum
CREATE TYPE "Status#" AS ENUM ('ACTIVE', 'CLOSED');

-- CreateTable
CREATE TABLE "Account#" (
    "id" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "status" "Status#" NOT NULL DEFAULT 'ACTIVE',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Account#_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "Account#_email_key" ON "Account#"("email");
`,
    down: `DROP TABLE "Account#";\nDROP TYPE "Status#";\n`,
  },
  {
    slug: "add_entry_#",
    up: `-- CreateTable
CREATE TABLE "Entry#" (
    "id" TEXT NOT NULL,
    "accountId" TEXT NOT NULL,
    "amount" DECIMAL(12,2) NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Entry#_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Entry#_accountId_idx" ON "Entry#"("accountId");
`,
    down: `DROP TABLE "Entry#";\n`,
  },
  {
    slug: "link_entry_#",
    up: `-- AddForeignKey
ALTER TABLE "Entry#" ADD CONSTRAINT "Entry#_accountId_fkey" FOREIGN KEY ("accountId") REFERENCES "Account#"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
`,
    down: `ALTER TABLE "Entry#" DROP CONSTRAINT "Entry#_accountId_fkey";\n`,
  },
  {
    slug: "account_#_contact",
    up: `-- AlterTable
ALTER TABLE "Account#" ADD COLUMN     "name" TEXT,
ADD COLUMN     "phone" TEXT;
`,
    down: `ALTER TABLE "Account#" DROP COLUMN "name",\nDROP COLUMN "phone";\n`,
  },
  {
    slug: "account_#_by_status",
    up: `-- CreateIndex
CREATE INDEX "Account#_status_createdAt_idx" ON "Account#"("status", "createdAt");
`,
    down: `DROP INDEX "Account#_status_createdAt_idx";\n`,
  },
  {
    slug: "status_#_suspended",
    up: `-- AlterEnum
ALTER TYPE "Status#" ADD VALUE 'SUSPENDED';
`,
    down: `ALTER TABLE "Account#" ALTER COLUMN "status" DROP DEFAULT;
DROP INDEX "Account#_status_createdAt_idx";
ALTER TYPE "Status#" RENAME TO "Status#_old";
CREATE TYPE "Status#" AS ENUM ('ACTIVE', 'CLOSED');
ALTER TABLE "Account#" ALTER COLUMN "status" TYPE "Status#" USING ("status"::text::"Status#");
DROP TYPE "Status#_old";
ALTER TABLE "Account#" ALTER COLUMN "status" SET DEFAULT 'ACTIVE';
CREATE INDEX "Account#_status_createdAt_idx" ON "Account#"("status", "createdAt");
`,
  },
  {
    slug: "entry_#_quantity",
    up: `-- AlterTable
ALTER TABLE "Entry#" ADD COLUMN     "note" TEXT,
ADD COLUMN     "quantity" INTEGER NOT NULL DEFAULT 1;
`,
    down: `ALTER TABLE "Entry#" DROP COLUMN "note",\nDROP COLUMN "quantity";\n`,
  },
  {
    slug: "add_tag_#",
    up: `-- CreateTable
CREATE TABLE "Tag#" (
    "id" SERIAL NOT NULL,
    "accountId" TEXT NOT NULL,
    "label" TEXT NOT NULL,

    CONSTRAINT "Tag#_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "Tag#_accountId_label_key" ON "Tag#"("accountId", "label");
`,
    down: `DROP TABLE "Tag#";\n`,
  },
  {
    slug: "link_tag_#",
    up: `-- AddForeignKey
ALTER TABLE "Tag#" ADD CONSTRAINT "Tag#_accountId_fkey" FOREIGN KEY ("accountId") REFERENCES "Account#"("id") ON DELETE CASCADE ON UPDATE CASCADE;
`,
    down: `ALTER TABLE "Tag#" DROP CONSTRAINT "Tag#_accountId_fkey";\n`,
  },
  {
    slug: "entry_#_short_note",
    up: `-- AlterTable
ALTER TABLE "Entry#" ALTER COLUMN "note" SET DATA TYPE VARCHAR(500);
`,
    down: `ALTER TABLE "Entry#" ALTER COLUMN "note" SET DATA TYPE TEXT;\n`,
  },
];

const MODELS: readonly { head: string; from: number; lines: readonly Line[] }[] = [
  {
    head: "enum Status#",
    from: 1,
    lines: [
      { text: "ACTIVE", from: 1 },
      { text: "CLOSED", from: 1 },
      { text: "SUSPENDED", from: 6 },
    ],
  },
  {
    head: "model Account#",
    from: 1,
    lines: [
      { text: "id        String   @id @default(uuid())", from: 1 },
      { text: "email     String   @unique", from: 1 },
      { text: "status    Status#  @default(ACTIVE)", from: 1 },
      { text: "createdAt DateTime @default(now())", from: 1 },
      { text: "entries   Entry#[]", from: 3 },
      { text: "name      String?", from: 4 },
      { text: "phone     String?", from: 4 },
      { text: "tags      Tag#[]", from: 9 },
      { text: "@@index([status, createdAt])", from: 5 },
    ],
  },
  {
    head: "model Entry#",
    from: 2,
    lines: [
      { text: "id        String   @id @default(uuid())", from: 2 },
      { text: "accountId String", from: 2 },
      { text: "account   Account# @relation(fields: [accountId], references: [id])", from: 3 },
      { text: "amount    Decimal  @db.Decimal(12, 2)", from: 2 },
      { text: "createdAt DateTime @default(now())", from: 2 },
      { text: "note      String?", from: 7, until: 10 },
      { text: "note      String?  @db.VarChar(500)", from: 10 },
      { text: "quantity  Int      @default(1)", from: 7 },
      { text: "@@index([accountId])", from: 2 },
    ],
  },
  {
    head: "model Tag#",
    from: 8,
    lines: [
      { text: "id        Int      @id @default(autoincrement())", from: 8 },
      { text: "accountId String", from: 8 },
      {
        text: "account   Account# @relation(fields: [accountId], references: [id], onDelete: Cascade)",
        from: 9,
      },
      { text: "label     String", from: 8 },
      { text: "@@unique([accountId, label])", from: 8 },
    ],
  },
];

/** The first `count` migrations of a service. */
export function planSteps(count: number): Step[] {
  return Array.from({ length: count }, (_, index) => {
    const round = String(Math.floor(index / ROUND.length) + 1);
    const { slug, up, down } = ROUND[index % ROUND.length] ?? fail(`no step ${index}`);
    const fill = (text: string) => text.replaceAll("#", round);
    return { name: `${timestamp(index)}_${fill(slug)}`, up: fill(up), down: fill(down) };
  });
}

/** The schema file after `count` migrations; `extra` is one more line in the model of the first round's account. */
export function renderSchemaFile(schema: string, count: number, extra?: string): string {
  const blocks = [
    'generator client {\n  provider = "prisma-client"\n  output   = "./src/generated"\n}\n',
    `datasource db {\n  provider = "postgresql"\n  schemas  = ["${schema}"]\n}\n`,
  ];
  for (let round = 1; count > (round - 1) * ROUND.length; round += 1) {
    const reached = Math.min(count - (round - 1) * ROUND.length, ROUND.length);
    for (const { head, from, lines } of MODELS) {
      if (reached < from) continue;
      const body = lines.filter((line) => line.from <= reached && reached < (line.until ?? Infinity));
      const texts = [...body.map(({ text }) => text), `@@schema("${schema}")`];
      if (extra !== undefined && round === 1 && head === "model Account#") texts.unshift(extra);
      const block = `${head} {\n${texts.map((text) => `  ${text}\n`).join("")}}\n`;
      blocks.push(block.replaceAll("#", String(round)));
    }
  }
  return blocks.join("\n");
}

function timestamp(index: number): string {
  const time = new Date(Date.UTC(2025, 0, 1) + index * 60_000);
  return time.toISOString().replaceAll(/\D/g, "").slice(0, 14);
}

function fail(message: string): never {
  throw new Error(message);
}
