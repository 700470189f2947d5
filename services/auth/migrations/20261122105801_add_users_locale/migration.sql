-- AlterTable
ALTER TABLE "users" ADD COLUMN     "locale" VARCHAR(35) NOT NULL DEFAULT 'en';
