-- Undoes 20261122105808_add_invoices_paid_at.
-- proven: f71a81d114885c8b2414a66ccd2f45e3f8f66f5b6b81648776a5797a0aad2a19
-- Loses: the column "paid_at" of "invoices" with its values.

-- DropIndex
DROP INDEX "invoices_due_on_idx";

-- AlterTable
ALTER TABLE "invoices" DROP COLUMN "paid_at";
