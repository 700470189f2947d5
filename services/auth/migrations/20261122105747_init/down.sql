-- Undoes 20261122105747_init.
-- proven: 8e40b9a64708ec466e6968b6ff9c2e29baebedca4f6a6147418a2b532116b4b6
-- Loses: the table "sessions" with all its rows.
-- Loses: the table "users" with all its rows.

-- DropForeignKey
ALTER TABLE "sessions" DROP CONSTRAINT "sessions_user_id_fkey";

-- DropTable
DROP TABLE "users";

-- DropTable
DROP TABLE "sessions";

-- DropEnum
DROP TYPE "role";
