const SETTINGS = `
datasource db {
  provider = "postgresql"
  schemas  = ["sample"]
}

generator client {
  provider = "prisma-client"
  output   = "./generated"
}
`;

/** Schema files that each differ from the next in what most migrations change. */
export const SAMPLES: readonly string[] = [
  SETTINGS,
  `${SETTINGS}
enum Status {
  ACTIVE
  CLOSED

  @@schema("sample")
}

model Account {
  id        String   @id @default(uuid())
  email     String   @unique
  status    Status   @default(ACTIVE)
  balance   Decimal  @default(0) @db.Decimal(12, 2)
  createdAt DateTime @default(now()) @map("created_at") @db.Timestamptz(3)
  entries   Entry[]

  @@index([status, createdAt])
  @@map("accounts")
  @@schema("sample")
}

model Entry {
  id        BigInt  @id @default(autoincrement())
  accountId String  @map("account_id")
  account   Account @relation(fields: [accountId], references: [id], onDelete: Cascade)
  position  Int
  data      Json?
  tags      String[]

  @@unique([accountId, position])
  @@map("entries")
  @@schema("sample")
}
`,
  `${SETTINGS}
enum Status {
  ACTIVE
  CLOSED
  SUSPENDED

  @@schema("sample")
}

model Account {
  id        String   @id @default(dbgenerated("gen_random_uuid()")) @db.Uuid
  email     String   @unique @db.VarChar(320)
  name      String?
  status    Status   @default(ACTIVE)
  isActive  Boolean  @default(true)
  balance   Decimal  @default(0) @db.Decimal(14, 2)
  createdAt DateTime @default(now()) @map("created_at") @db.Timestamptz(3)
  profile   Profile?
  members   Member[]

  @@index([createdAt(sort: Desc)])
  @@map("accounts")
  @@schema("sample")
}

model Profile {
  accountId String  @id @db.Uuid
  account   Account @relation(fields: [accountId], references: [id])
  picture   Bytes?
  score     Float   @default(0)
  bornOn    DateTime? @db.Date

  @@schema("sample")
}

model Team {
  id      Int      @id @default(autoincrement())
  name    String
  members Member[]

  @@schema("sample")
}

model Member {
  teamId    Int
  accountId String  @db.Uuid
  team      Team    @relation(fields: [teamId], references: [id])
  account   Account @relation(fields: [accountId], references: [id])

  @@id([teamId, accountId])
  @@index([accountId], map: "members_by_account")
  @@schema("sample")
}
`,
];
