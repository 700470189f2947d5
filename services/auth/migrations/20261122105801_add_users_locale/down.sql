-- Undoes 20261122105801_add_users_locale.
-- proven: 46fef1aca0e7aba6a92787f67d0787acf0a1c9b28be37a5015044a78f4b85cc8
-- Loses: the column "locale" of "users" with its values.

-- AlterTable
ALTER TABLE "users" DROP COLUMN "locale";
